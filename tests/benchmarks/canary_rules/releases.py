"""What every rule has: releases under way, their weights, and how and when each ended.

In:  ticks of traffic. Out: `Outcome` for each case and rule.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from tests.benchmarks.canary_rules.traffic import TICK_S, Array, Case, Tick, Traffic

HORIZON_S = 1800.0
"""How long each release is followed."""


class Releases(ABC):
    """Releases under one rule."""

    name: str

    def __init__(self, releases: int, weight: float) -> None:
        self.weight: Array = np.full(releases, weight)
        self.rolled_back_at: Array = np.full(releases, np.inf)
        self.promoted_at: Array = np.full(releases, np.inf)
        self.ticks = 0

    @property
    def open(self) -> NDArray[np.bool_]:
        """Which are not decided."""
        return np.isinf(self.rolled_back_at) & np.isinf(self.promoted_at)

    @property
    def now(self) -> float:
        """Seconds since first exposure."""
        return self.ticks * TICK_S

    def absorb_tick(self, tick: Tick) -> None:
        """Take 2 s of traffic and decide."""
        self.ticks += 1
        self.decide(tick)

    @abstractmethod
    def decide(self, tick: Tick) -> None:
        """Move weights, roll back, promote."""

    def roll_back(self, which: NDArray[np.bool_]) -> None:
        """Send all traffic back to stable."""
        which = which & self.open
        self.rolled_back_at[which] = self.now
        self.weight = np.where(which, 0.0, self.weight)

    def promote(self, which: NDArray[np.bool_]) -> None:
        """Send all traffic to the canary for good."""
        which = which & self.open
        self.promoted_at[which] = self.now
        self.weight = np.where(which, 1.0, self.weight)


@dataclass(frozen=True)
class Outcome:
    """What became of all releases of one case under one rule."""

    case: Case
    rule: str
    rolled_back: float
    """Share; of a healthy canary this is the share of false rollbacks."""
    detected_s: float
    """Median seconds from first harm to rollback, over all releases; infinite where fewer than half were found."""
    promoted: float
    """Share."""
    promoted_s: float
    """Median seconds to full promotion, over all releases; infinite where fewer than half were promoted."""
    releases: int
    """How many were followed."""
    errors: float
    """Requests that met an error within the horizon, mean of a release."""

    @property
    def rolled_back_at_most(self) -> float:
        """The upper end of the exact 95 % interval (Clopper and Pearson) of the share that was rolled back."""
        found = round(self.rolled_back * self.releases)
        return 1.0 if found == self.releases else float(betaincinv(found + 1, self.releases - found, 0.975))


def follow(case: Case, rule: Releases, seed: int) -> Outcome:
    """Run all releases of one rule through one case."""
    releases = len(rule.weight)
    traffic = Traffic(case, releases, seed)
    errors = np.zeros(releases)
    while rule.now < HORIZON_S and rule.open.any():
        tick = traffic.tick(rule.weight)
        errors += tick.canary_events + tick.stable_events
        rule.absorb_tick(tick)
    # Once all are decided the rest is known on average, and needs no drawing.
    left = case.rps * (HORIZON_S - rule.now)
    errors += left * np.where(np.isfinite(rule.promoted_at), case.canary, case.stable)
    found = np.isfinite(rule.rolled_back_at)
    return Outcome(
        case,
        rule.name,
        rolled_back=float(found.mean()),
        detected_s=float(np.median(rule.rolled_back_at)) - case.onset_s,
        promoted=float(np.isfinite(rule.promoted_at).mean()),
        promoted_s=float(np.median(rule.promoted_at)),
        releases=releases,
        errors=float(errors.mean()),
    )
