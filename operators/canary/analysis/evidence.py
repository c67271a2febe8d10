"""What is known of a release so far: sums that fit into a status, and how a look is added to them.

In:  a `Sample` after the other. Out: a new `Evidence` each time; the old one is not touched. It goes into the Canary's
status as it is, and what was read back goes on where it stopped: an operator that restarts continues the same test.

Rules of `absorb`, each because something would invent errors otherwise:
- counters are compared within one replica and slot; the first sight of one is where counting starts, never a count;
- less than half of before is a restart, and all of it is new; a little less is a source that lags, so it is missing;
- a replica is counted when all slots it used to report are there, or its shares would be wrong; what is missed for a
  minute is forgotten;
- a gauge is compared when the step ends, and again each time it has been read twice as often, never at every look;
- a sample no younger than the last, or one that could not be taken, adds nothing; an outage is kept as such.

Looks from before the exposure are welcome: they measure how stable's errors cluster and are counted nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from math import exp
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from operators.canary.terms import Counts, Reading, Sample, Slot, other

from . import dispersion
from .rules import Kind
from .sequence import LOG_RATIOS, Array, relative_gain
from .snapshots import Snapshot, increments, readable

RATE_MEMORY_S = 60.0
INCIDENT_S = 5.0
"""Errors that follow so closely belong to the same misfortune: one client's retries, one connection that breaks."""
_DIGITS = 6


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )


class Tally(_Model):
    """Bad events among requests."""

    events: float = 0.0
    """Bad events."""
    total: float = 0.0
    """All requests."""

    def plus(self, more: Counts) -> Tally:
        """Add a stretch."""
        return Tally(events=round(self.events + more.events, _DIGITS), total=round(self.total + more.total, _DIGITS))

    @property
    def rate(self) -> float:
        """Events per request; 0 without requests."""
        return self.events / self.total if self.total > 0 else 0.0


class Level(_Model):
    """A gauge of one replica, averaged over the looks of a step."""

    replica: str
    """The pod."""
    slot: Slot
    """Its slot."""
    mean: float
    """The average since the step began."""
    looks: int
    """How many looks it is an average of."""
    squares: float = 0.0
    """The sum of their squared distances from the average."""
    steps: float = 0.0
    """The sum of the squared distances of each from the one before."""
    last: float = 0.0
    """The latest."""

    def plus(self, value: float) -> Level:
        """Add a look."""
        looks = self.looks + 1
        mean = self.mean + (value - self.mean) / looks
        return Level(
            replica=self.replica,
            slot=self.slot,
            mean=mean,
            looks=looks,
            squares=self.squares + (value - self.mean) * (value - mean),
            steps=self.steps + (value - self.last) ** 2,
            last=value,
        )


class MetricEvidence(_Model):
    """What is known of one metric."""

    name: str
    """The metric."""
    canary_slot: Slot | None = None
    """The slot under test."""
    updated: datetime | None = None
    """The last look that could be read."""
    exposed: datetime | None = None
    """The first look at which the canary had requests."""
    outage: str = ""
    """Why the last look could not be read."""
    looks: int = 0
    """Looks so far, those before the exposure included."""
    canary: Tally = Tally()
    """The canary's counts."""
    stable: Tally = Tally()
    """Stable's counts since the canary was exposed."""
    before_step: float = 0.0
    """The canary's requests before the step began that is looked at."""
    incidents: int = 0
    """Looks at which the canary had events, those left out that follow another too closely."""
    incident_at: datetime | None = None
    """The last of them."""
    alone: float = 0.0
    """The canary's requests since stable last had one."""
    rate: float = 0.0
    """The canary's requests per second, lately."""
    likelihood: list[float] = Field(default_factory=lambda: [0.0] * len(LOG_RATIOS))
    """The log-likelihood of each ratio of the rates."""
    stable_clustering: list[list[float]] = Field(default_factory=list)
    """Sums from which stable's dispersion is measured, one row a time scale."""
    canary_clustering: list[list[float]] = Field(default_factory=list)
    """The same of the canary."""
    snapshots: list[Snapshot] = Field(default_factory=list)
    """The counters as last read."""
    levels: list[Level] = Field(default_factory=list)
    """A gauge's averages."""
    compared: list[Level] = Field(default_factory=list)
    """The averages as they were when they were compared last in this step."""
    steps: int = 0
    """How often a gauge is compared by now: once a step, and once more each time it was read twice as often."""

    @model_validator(mode="after")
    def _is_of_this_version(self) -> Self:
        """Refuse sums on another grid than this version's; what cannot be gone on with must be begun anew."""
        stable, canary = len(self.stable_clustering), len(self.canary_clustering)
        fits = stable in (0, dispersion.STABLE_SCALES) and canary in (0, dispersion.CANARY_SCALES)
        if len(self.likelihood) != len(LOG_RATIOS) or not fits:
            raise ValueError(f"metric {self.name}: this evidence was written by another version")
        return self

    @property
    def dispersion(self) -> float:
        """The factor by which evidence is divided: 1 where errors are independent."""
        stable = _rows(self.stable_clustering, dispersion.STABLE_SCALES)
        canary = _rows(self.canary_clustering, dispersion.CANARY_SCALES)
        return float(dispersion.estimate(stable, canary))


class Evidence(_Model):
    """What is known of all metrics of one release."""

    metrics: list[MetricEvidence] = Field(default_factory=list)
    """One entry a metric, in the order of their first sample."""

    def of(self, name: str) -> MetricEvidence:
        """Return what is known of a metric; of one never seen, nothing is."""
        return next((one for one in self.metrics if one.name == name), MetricEvidence(name=name))

    def replacing(self, changed: MetricEvidence) -> Evidence:
        """Return the evidence with one metric changed or added."""
        if any(one.name == changed.name for one in self.metrics):
            return Evidence(metrics=[changed if one.name == changed.name else one for one in self.metrics])
        return Evidence(metrics=[*self.metrics, changed])


def absorb(
    evidence: Evidence, sample: Sample, canary: Slot, kind: Kind = "count", *, step_ends: bool = False
) -> Evidence:
    """Add one look at one metric. With `step_ends` a gauge's levels are compared as they are then."""
    before = evidence.of(sample.metric)
    if before.canary_slot not in (None, canary):
        raise ValueError(f"evidence of slot {before.canary_slot} cannot take looks at {canary}: start a new release")
    if before.updated is not None and sample.at <= before.updated:
        return evidence
    readings = readable(sample.readings)
    reason = sample.outage or _missing(readings, before, canary)
    if reason:
        return evidence.replacing(before.model_copy(update={"outage": reason}))
    known = before.model_copy(update={"canary_slot": canary})
    if kind == "count":
        return evidence.replacing(_absorb_counts(known, readings, sample.at, canary))
    if step_ends and not known.compared:
        known = known.model_copy(update={"compared": known.levels})
    known = _absorb_levels(known, readings, sample.at, canary)
    if step_ends and 0 < 2 * _looks(known.compared, canary) <= _looks(known.levels, canary):
        known = known.model_copy(update={"compared": known.levels, "steps": max(known.steps, 1) + 1})
    return evidence.replacing(known)


def _looks(levels: Iterable[Level], canary: Slot) -> int:
    return max((one.looks for one in levels if one.slot == canary), default=0)


def next_step(evidence: Evidence) -> Evidence:
    """Start the gauges anew: each step compares its own levels. Counts go on, and it is noted where they stood."""
    return Evidence(metrics=[one.model_copy(update=_begun(one)) for one in evidence.metrics])


def _begun(one: MetricEvidence) -> dict[str, object]:
    return {"levels": [], "compared": [], "steps": one.steps + 1, "before_step": one.canary.total}


def next_release(evidence: Evidence) -> Evidence:
    """Keep what the next release can use: how stable's errors cluster (half of its weight), and the counters."""
    return Evidence(metrics=[_carry(one) for one in evidence.metrics])


def _carry(one: MetricEvidence) -> MetricEvidence:
    rows = _rows(one.stable_clustering, dispersion.STABLE_SCALES)
    return MetricEvidence(
        name=one.name, updated=one.updated, snapshots=one.snapshots, stable_clustering=_list(dispersion.halve(rows))
    )


def _missing(readings: Iterable[Reading], before: MetricEvidence, canary: Slot) -> str:
    slots = {reading.slot for reading in readings}
    if not slots:
        return "the source answered without a series"
    if canary not in slots and before.exposed is not None:
        return f"no series of slot {canary}"
    return ""


def _absorb_counts(before: MetricEvidence, readings: list[Reading], at: datetime, canary: Slot) -> MetricEvidence:
    more, snapshots = increments(before.snapshots, readings, at)
    mine, theirs = more[canary], more[other(canary)]
    looks = before.looks + 1
    changes: dict[str, object] = {
        "updated": at,
        "outage": "",
        "looks": looks,
        "snapshots": snapshots,
        "stable_clustering": _look(before.stable_clustering, dispersion.STABLE_SCALES, looks, theirs),
        "canary_clustering": _look(before.canary_clustering, dispersion.CANARY_SCALES, looks, mine),
    }
    if before.exposed is not None or mine.total > 0:
        changes |= _exposed_look(before, mine, theirs, at)
    return before.model_copy(update=changes)


def _exposed_look(before: MetricEvidence, mine: Counts, theirs: Counts, at: datetime) -> dict[str, object]:
    gain = relative_gain(_arrays(mine), _arrays(theirs))
    last = before.incident_at
    fresh = mine.events > 0 and (last is None or (at - last).total_seconds() >= INCIDENT_S)
    return {
        "exposed": before.exposed or at,
        "canary": before.canary.plus(mine),
        "stable": before.stable.plus(theirs),
        "incidents": before.incidents + fresh,
        "incident_at": at if fresh else last,
        "alone": 0.0 if theirs.total > 0 else round(before.alone + mine.total, _DIGITS),
        "rate": _rate(before, mine.total, at),
        "likelihood": (np.asarray(before.likelihood) + gain).round(_DIGITS).tolist(),
    }


def _rate(before: MetricEvidence, requests: float, at: datetime) -> float:
    """Average the canary's requests per second over about a minute; over less where its exposure is younger."""
    if before.updated is None:
        return 0.0
    passed = (at - before.updated).total_seconds()
    age = (at - (before.exposed or before.updated)).total_seconds()
    weight = max(1 - exp(-passed / RATE_MEMORY_S), passed / max(age, passed))
    return round(before.rate + weight * (requests / passed - before.rate), _DIGITS)


def _absorb_levels(before: MetricEvidence, readings: list[Reading], at: datetime, canary: Slot) -> MetricEvidence:
    """Average each replica's level: its value is events/total, so that a source may report a sum and a number."""
    levels = {(one.replica, one.slot): one for one in before.levels}
    for reading in readings:
        if reading.counts.total <= 0:
            continue
        value = reading.counts.events / reading.counts.total
        key = reading.replica, reading.slot
        first = Level(replica=reading.replica, slot=reading.slot, mean=value, looks=1, last=value)
        levels[key] = levels[key].plus(value) if key in levels else first
    seen = any(one.slot == canary for one in levels.values())
    changes = {
        "updated": at,
        "outage": "",
        "looks": before.looks + 1,
        "levels": sorted(levels.values(), key=lambda one: (one.slot, one.replica)),
        "exposed": before.exposed or (at if seen else None),
    }
    return before.model_copy(update=changes)


def _look(rows: list[list[float]], scales: int, looks: int, counts: Counts) -> list[list[float]]:
    events, total = _arrays(counts)
    return _list(dispersion.absorb_look(_rows(rows, scales), looks, events, total))


def _rows(rows: list[list[float]], scales: int) -> Array:
    return np.asarray(rows, dtype=np.float64) if rows else dispersion.nothing(scales)


def _list(rows: Array) -> list[list[float]]:
    listed: list[list[float]] = rows.round(_DIGITS).tolist()
    return listed


def _arrays(counts: Counts) -> tuple[Array, Array]:
    return np.asarray(counts.events, dtype=np.float64), np.asarray(counts.total, dtype=np.float64)
