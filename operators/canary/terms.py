"""The words that the rooms of the canary operator share: slots, counts, readings.

In: nothing. Out: frozen values without behaviour beyond arithmetic. No IO and no Kubernetes here, so that the
statistics, the providers and the planner can each be understood and tested alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Slot = Literal["a", "b"]
SLOTS: tuple[Slot, Slot] = ("a", "b")


def other(slot: Slot) -> Slot:
    """Return the slot that is not this one."""
    return "b" if slot == "a" else "a"


@dataclass(frozen=True, slots=True)
class Counts:
    """Bad events among all requests (or whatever the metric counts); floats, because Prometheus' counters are."""

    events: float = 0.0
    total: float = 0.0

    def __add__(self, more: Counts) -> Counts:
        """Add two stretches of the same metric."""
        return Counts(self.events + more.events, self.total + more.total)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one replica of a source says of one slot: counters since some start that only the source knows.

    Counters are only ever compared within one replica: the sum over replicas falls when one of them restarts.
    """

    replica: str
    """The gateway pod's name, or the source's own name where it has no replicas."""
    slot: Slot
    counts: Counts


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at one metric: all readings, or why there is none. An outage is never a zero."""

    metric: str
    at: datetime
    readings: tuple[Reading, ...] = ()
    outage: str = ""
    """Why the source could not answer: out of reach, an empty answer, a missing series."""
