"""Gauges: a comparison at the end of a step, of replicas, or of the readings of one where there is only one.

In:  each replica's average over the step, and how its readings scattered. Out: the averages of both slots and the
probability of such a difference.

Where a slot has replicas, each is one observation, and the test is Student's with pooled variance. Where each slot has
one reading a look (a query without `by`, a target group's latency), the readings follow each other too closely to be
counted one by one: an autocorrelated series fails a test in one of six comparisons of a version with itself. So they
count as as many as their scatter from one to the next shows to be independent of each other, the estimate's bias for
short series taken off. Trade-off: what wanders slowly tells little in a step of half a minute.

A level that never moves has no scatter. Beyond an objective in every one of FEW readings it is beyond; beyond stable's,
which never moves either, only after MANY, because a source may repeat an old value for a minute.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .functions import student_tail
from .sequence import Array

FEW = 5
MANY = 30
_BIAS = 4.0
"""A short series looks less autocorrelated than it is, by (1 + 4r)/n (Marriott and Pope 1954)."""
_MOST = 0.99


@dataclass(frozen=True)
class Series:
    """The readings of one replica."""

    mean: float
    looks: int
    squares: float
    """The sum of their squared distances from the mean."""
    steps: float
    """The sum of the squared distances of each from the one before."""

    @property
    def is_still(self) -> bool:
        """Whether all of them are the same."""
        return self.steps <= 0

    @property
    def independent(self) -> float:
        """As how many independent readings they count."""
        if self.looks < 2 or self.squares <= 0:
            return 1.0
        follows = max(0.0, 1 - self.steps / (2 * self.squares))
        follows = min(_MOST, follows + (1 + _BIAS * follows) / self.looks)
        return max(1.0, self.looks * (1 - follows) / (1 + follows))

    @property
    def variance_of_mean(self) -> float:
        """How much the mean would scatter."""
        return self.squares / (self.looks - 1) / self.independent if self.looks > 1 else 0.0


@dataclass(frozen=True)
class Compared:
    """How the canary's level stands to a limit."""

    canary: float
    limit: float
    """What the canary must not exceed (or fall below)."""
    beyond: bool
    """Whether the average lies beyond the limit."""
    probability: float
    """Of an average so far beyond, were the truth at the limit; 1 where the variance is not known."""


def compare(canary: Array, stable: Array, *, factor: float, down: bool) -> Compared:
    """Compare the canary's replicas with `factor` times stable's; for `down` less is worse and `factor` below 1."""
    mean, other = float(canary.mean()), float(stable.mean())
    sides = len(canary) + len(stable) - 2
    squares = float(((canary - mean) ** 2).sum() + ((stable - other) ** 2).sum())
    error = np.sqrt(squares / sides * (1 / len(canary) + factor**2 / len(stable))) if sides > 0 else 0.0
    return _compared(mean, factor * other, float(error), sides, down=down)


def against(canary: Array, limit: float, *, down: bool) -> Compared:
    """Compare the canary's replicas with a fixed limit."""
    sides = len(canary) - 1
    error = float(canary.std(ddof=1) / np.sqrt(len(canary))) if sides > 0 else 0.0
    return _compared(float(canary.mean()), limit, error, sides, down=down)


def compare_series(canary: Series, stable: Series, *, factor: float, down: bool) -> Compared:
    """Compare one replica's readings with `factor` times those of stable's one."""
    error = np.sqrt(canary.variance_of_mean + factor**2 * stable.variance_of_mean)
    sides = int(min(canary.independent, stable.independent)) - 1
    found = _compared(canary.mean, factor * stable.mean, float(error), sides, down=down)
    still = canary.is_still and stable.is_still
    return _surely(found) if still and min(canary.looks, stable.looks) >= MANY else found


def series_against(canary: Series, limit: float, *, down: bool) -> Compared:
    """Compare one replica's readings with a fixed limit."""
    sides = int(canary.independent) - 1
    found = _compared(canary.mean, limit, float(np.sqrt(canary.variance_of_mean)), sides, down=down)
    return _surely(found) if canary.is_still and canary.looks >= FEW else found


def _surely(found: Compared) -> Compared:
    """What does not move at all is where it is."""
    return replace(found, probability=0.0) if found.beyond else found


def _compared(mean: float, limit: float, error: float, sides: int, *, down: bool) -> Compared:
    excess = limit - mean if down else mean - limit
    if sides <= 0 or excess <= 0 or error <= 0:
        return Compared(mean, limit, excess > 0, 1.0)
    return Compared(mean, limit, beyond=True, probability=student_tail(sides, excess / error))
