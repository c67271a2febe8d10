"""Requests and errors of many simulated releases at once, one tick of 2 s after the other.

In:  a case (rate of requests, error rates, how errors cluster), a number of releases, a seed.
Out: for each tick, requests and errors of the canary and of stable, one number for each release.

Arrivals are Poisson. Errors are independent; or come in bursts of three within one arm, each burst being one misfortune
(a connection that breaks), within a look or, slowly, one error in each of three looks (a client that retries); or each
arm's rate wanders by itself (log-normal, standard deviation
half of its mean, correlation 0.8 over 10 s), which is worse for a comparison than a rate that both arms share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Clustering = Literal["independent", "bursts", "slow bursts", "autocorrelated"]

TICK_S = 2.0
BURST = 3
SIGMA = 0.5
MEMORY = 0.8 ** (TICK_S / 10.0)


@dataclass(frozen=True)
class Case:
    """One line of the grid."""

    name: str
    rps: float
    """Requests per second of both arms together."""
    stable: float
    """Stable's error rate."""
    canary: float
    """The canary's error rate."""
    clustering: Clustering = "independent"
    onset_s: float = 0.0
    """Until then the canary's error rate is stable's."""

    @property
    def healthy(self) -> bool:
        """Whether a rollback would be false."""
        return self.canary <= self.stable


@dataclass(frozen=True)
class Tick:
    """What happened within 2 s, shape (releases,)."""

    canary_events: Array
    canary_total: Array
    stable_events: Array
    stable_total: Array


class Traffic:
    """A stream of ticks for `releases` simulated releases."""

    def __init__(self, case: Case, releases: int, seed: int) -> None:
        self._case = case
        self._random = np.random.default_rng(seed)
        self._mood = self._random.standard_normal((2, releases))
        self._later = np.zeros((BURST, 2, releases))
        self._time = 0.0

    def tick(self, weight: Array) -> Tick:
        """Draw the next 2 s; `weight` is the canary's share of the requests for each release, 0..1."""
        load = self._case.rps * TICK_S
        if self._case.clustering == "autocorrelated":
            noise = self._random.standard_normal(self._mood.shape)
            self._mood = MEMORY * self._mood + np.sqrt(1 - MEMORY**2) * noise
        rate = self._case.canary if self._time >= self._case.onset_s else self._case.stable
        self._time += TICK_S
        canary_events, canary_total = self._arm(load * weight, rate, 0)
        stable_events, stable_total = self._arm(load * (1 - weight), self._case.stable, 1)
        return Tick(canary_events, canary_total, stable_events, stable_total)

    def _arm(self, expected: Array, rate: float, arm: int) -> tuple[Array, Array]:
        """Draw bad requests and good ones apart: of Poisson arrivals, both are Poisson and independent."""
        rates: Array | float = rate
        if self._case.clustering == "autocorrelated":
            rates = np.minimum(rate * np.exp(SIGMA * self._mood[arm] - SIGMA**2 / 2), 1.0)
        size = BURST if "bursts" in self._case.clustering else 1
        events = self._random.poisson(expected * rates / size).astype(np.float64)
        if self._case.clustering == "slow bursts":
            self._later[:, arm] += events
            events = self._later[0, arm].copy()
            self._later[:, arm] = np.concatenate([self._later[1:, arm], np.zeros_like(self._later[:1, arm])])
        else:
            events *= size
        return events, events + self._random.poisson(expected * (1 - rates))
