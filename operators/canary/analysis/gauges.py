"""Gauges: one comparison at the end of a step, of replicas and not of samples.

In:  each replica's average over the step. Out: the averages of both slots and the probability of such a difference.

Samples of one replica follow each other too closely to be tested one by one (an autocorrelated series fails a rank test
in one of six comparisons of a version with itself), so a replica is one observation, and the test is Student's with
pooled variance. Trade-off: a slot of one replica beside a stable of one tells nothing of the variance, and neither do
replicas that are exactly alike (a count of restarts); then there is no Harm, and Safe only where the level itself is
within the limits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .functions import student_tail
from .sequence import Array


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


def _compared(mean: float, limit: float, error: float, sides: int, *, down: bool) -> Compared:
    excess = limit - mean if down else mean - limit
    if sides <= 0 or excess <= 0 or error <= 0:
        return Compared(mean, limit, excess > 0, 1.0)
    return Compared(mean, limit, beyond=True, probability=student_tail(sides, excess / error))
