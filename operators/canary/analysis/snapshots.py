"""Increments out of counters that restart, lag, appear and vanish.

In:  the counters as last read, and new readings. Out: what was added to each slot, and the counters to remember.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from math import isfinite

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from operators.canary.terms import SLOTS, Counts, Reading, Slot

FORGET_S = 60.0
"""A counter that looks have missed for so long is forgotten, and starts anew when it returns."""
_RESTARTED = 0.5


class Snapshot(BaseModel):
    """One replica's counters of one slot, as last counted."""

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )

    replica: str
    """The replica of the source."""
    slot: Slot
    """Whose requests it counts."""
    events: float
    """Bad events since the replica started."""
    total: float
    """All requests since the replica started."""
    missing_since: datetime | None = None
    """The first look that lacked it; none while it is there."""


def readable(readings: Iterable[Reading]) -> list[Reading]:
    """Drop readings that are no numbers; of two of one replica and slot, the later holds."""
    kept = {
        (one.replica, one.slot): one
        for one in readings
        if isfinite(one.counts.events) and isfinite(one.counts.total) and min(one.counts.events, one.counts.total) >= 0
    }
    return list(kept.values())


def increments(
    snapshots: Sequence[Snapshot], readings: Sequence[Reading], at: datetime
) -> tuple[dict[Slot, Counts], list[Snapshot]]:
    """Return what was added to each slot since the snapshots, and the new snapshots in a settled order."""
    known = {(one.replica, one.slot): one for one in snapshots}
    # Of a counter that lags nothing is known, as of one that is missing; one that lags for long is another one.
    read = {(one.replica, one.slot): one for one in readings if not _lags(known.get((one.replica, one.slot)), one)}
    absent = {key: _missing(one, at) for key, one in known.items() if key not in read}
    known |= {key: one for key, one in absent.items() if one is not None}
    for key in [key for key, one in absent.items() if one is None]:
        del known[key]
    halves = {key[0] for key in known if key not in read}
    added: dict[Slot, Counts] = dict.fromkeys(SLOTS, Counts())
    for key, reading in read.items():
        before = known.get(key)
        if before is None:
            known[key] = _snapshot(reading)
        elif reading.replica not in halves:
            added[reading.slot] = added[reading.slot] + _since(before, reading.counts)
            known[key] = _snapshot(reading)
        elif before.missing_since is not None:
            known[key] = before.model_copy(update={"missing_since": None})
    return added, [known[key] for key in sorted(known)]


def _missing(snapshot: Snapshot, at: datetime) -> Snapshot | None:
    """Note when a counter was first missed; None once that is too long ago. Time without looks does not count."""
    if snapshot.missing_since is None:
        return snapshot.model_copy(update={"missing_since": at})
    return snapshot if (at - snapshot.missing_since).total_seconds() < FORGET_S else None


def _lags(before: Snapshot | None, reading: Reading) -> bool:
    """Whether a counter went back without a restart: its source is behind, or its two halves are not of one time."""
    if before is None or _has_restarted(before, reading.counts):
        return False
    return reading.counts.total < before.total or reading.counts.events < before.events


def _has_restarted(before: Snapshot, now: Counts) -> bool:
    return now.total < before.total * _RESTARTED


def _since(before: Snapshot, now: Counts) -> Counts:
    """Return what was added."""
    fresh = _has_restarted(before, now)
    more = now if fresh else Counts(now.events - before.events, now.total - before.total)
    return Counts(more.events, max(more.total, more.events))


def _snapshot(reading: Reading) -> Snapshot:
    counts = reading.counts
    return Snapshot(replica=reading.replica, slot=reading.slot, events=counts.events, total=counts.total)
