"""Weights by what was really sent: each gateway replica's share of requests between two looks. Pure.

A replica's word counts only with enough requests to tell the wanted weight from the one before: then its share must lie
within three standard deviations of the one, and outside of the other's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import sqrt

from operators.canary.terms import Reading, Slot, other

SIGMAS = 3.0


@dataclass(frozen=True, slots=True)
class Share:
    """Requests that one replica sent between two looks."""

    requests: float
    slot: float
    """Those for the slot in question."""

    def agrees(self, percent: int) -> bool:
        """Whether they may be what this weight gives; a weight of 0 or 100 bears no single other request."""
        weight = percent / 100
        allowed = SIGMAS * sqrt(weight * (1 - weight) * self.requests)
        return abs(self.slot - weight * self.requests) <= allowed + (1.0 if 0 < percent < 100 else 0.0)


def shares(before: Iterable[Reading], after: Iterable[Reading], slot: Slot) -> Mapping[str, Share]:
    """Return by replica what was sent between the looks; without those that are new or counted from the start again."""
    old = {(one.replica, one.slot): one.counts.total for one in before}
    new = {(one.replica, one.slot): one.counts.total for one in after}
    found: dict[str, Share] = {}
    for replica in sorted({name for name, _ in new}):
        keys = ((replica, slot), (replica, other(slot)))
        if not all(key in old and key in new and new[key] >= old[key] for key in keys):
            continue
        mine, others = (new[key] - old[key] for key in keys)
        found[replica] = Share(mine + others, mine)
    return found


def confirmed(share: Share, *, percent: int, before: int) -> bool | None:
    """Whether the replica works with the new weight; None where too few requests tell it from the old one."""
    if share.requests <= 0 or percent == before or share.agrees(percent) == share.agrees(before):
        return None
    return share.agrees(percent)
