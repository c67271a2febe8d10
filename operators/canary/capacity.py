"""How many pods a share of the requests needs, and what share the pods that are ready can take: pure arithmetic.

With 8 replicas, 30 % needs ceil(2.4) = 3 pods; 2 ready pods can take 25 %.
"""

from __future__ import annotations

from dataclasses import dataclass

SLACK = 4
"""Going back, stable may lack a quarter of its pods, at least one, as a rolling update may: the candidate is worse."""


def needed(weight: int, replicas: int) -> int:
    """Pods for a share of the requests; at least one for any share, unless there shall be none at all."""
    return -(-weight * replicas // 100)


def possible(ready: int, replicas: int) -> int:
    """The largest share of the requests that so many ready pods can take."""
    return min(100, 100 * ready // replicas) if replicas > 0 else 100


@dataclass(frozen=True)
class Shift:
    """A wish to move the candidate's weight, and what is there to carry it."""

    current: int
    """What the route says now."""
    desired: int
    candidate_ready: int
    stable_ready: int
    replicas: int
    going_back: bool = False


def allowed(shift: Shift) -> int:
    """The candidate's weight to write now: nobody gets more than before without pods that are ready for it.

    Up goes it at once or not at all; down, as far as stable can carry what it gets.
    """
    ceiling = possible(shift.candidate_ready, shift.replicas)
    floor = 100 - _stable_possible(shift)
    if shift.desired > shift.current and ceiling >= shift.desired:
        return shift.desired
    wanted = min(shift.desired, shift.current, max(ceiling, 0))
    return min(shift.current, max(wanted, floor))


def _stable_possible(shift: Shift) -> int:
    ready = shift.stable_ready
    if shift.going_back and ready > 0:
        ready += max(1, shift.replicas // SLACK)
    return possible(ready, shift.replicas)
