"""The rule of this project over simulated releases: the analysis of operators/canary with a default plan of steps.

In:  ticks. Out: weights and outcomes. The sums are kept as the operator keeps them, only for all releases at once; that
both ways agree is tested.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operators.canary.analysis import dispersion
from operators.canary.analysis.decision import Counted, Limits, Weighed, weigh
from operators.canary.analysis.sequence import LOG_RATIOS, relative_gain
from tests.benchmarks.canary_rules.releases import Releases
from tests.benchmarks.canary_rules.traffic import TICK_S, Tick


@dataclass(frozen=True)
class Step:
    """A weight, and what must be reached before the next."""

    weight: float
    hold_s: float = 60.0
    min_requests: float = 500.0


STEPS = (Step(0.1), Step(0.25), Step(0.5), Step(1.0))
LIMITS = Limits(ratio=2.0, floor=0.001, slo=0.01)
METRICS = 2
"""Alpha is 1 % a release, shared with the latency metric that is not simulated here."""
ALPHA = 0.01 / METRICS
BETA = 0.05


class Ours(Releases):
    """Anytime-valid verdicts; a step ends when the metric is Safe, its hold is over and its requests were seen."""

    name = "AutoMatrix"

    def __init__(self, releases: int, steps: tuple[Step, ...] = STEPS, limits: Limits = LIMITS) -> None:
        super().__init__(releases, steps[0].weight)
        self._steps, self._limits = steps, limits
        self._step = np.zeros(releases, dtype=np.int64)
        self._since = np.zeros(releases)
        self._requests = np.zeros(releases)
        self.events, self.total = np.zeros(releases), np.zeros(releases)
        self.bad_looks, self.alone = np.zeros(releases), np.zeros(releases)
        self.likelihood = np.zeros((releases, len(LOG_RATIOS)))
        self.stable = dispersion.nothing(dispersion.STABLE_SCALES, (releases,))
        self.canary = dispersion.nothing(dispersion.CANARY_SCALES, (releases,))

    def decide(self, tick: Tick) -> None:
        """Absorb 2 s and act on the verdict."""
        weighed = self.absorb(tick)
        self.roll_back(weighed.is_harm(ALPHA))
        safe = weighed.is_safe(BETA) & self.open
        self._since += TICK_S
        self._requests += tick.canary_total
        holds = np.array([step.hold_s for step in self._steps])[self._step]
        minima = np.array([step.min_requests for step in self._steps])[self._step]
        ready = safe & (self._since >= holds) & (self._requests >= minima)
        last = self._step == len(self._steps) - 1
        self.promote(ready & last)
        self._step[ready & ~last] += 1
        self._since[ready] = self._requests[ready] = 0.0
        weights = np.array([step.weight for step in self._steps])[self._step]
        self.weight = np.where(self.open, weights, self.weight)

    def absorb(self, tick: Tick) -> Weighed:
        """Add 2 s to the sums and weigh them."""
        self.events += tick.canary_events
        self.total += tick.canary_total
        self.bad_looks += tick.canary_events > 0
        self.alone = np.where(tick.stable_total > 0, 0.0, self.alone + tick.canary_total)
        mine, theirs = (tick.canary_events, tick.canary_total), (tick.stable_events, tick.stable_total)
        self.likelihood += relative_gain(mine, theirs)
        self.stable = dispersion.absorb_look(self.stable, self.ticks, *theirs)
        self.canary = dispersion.absorb_look(self.canary, self.ticks, *mine)
        self.dispersion = dispersion.estimate(self.stable, self.canary)
        counted = Counted(self.events, self.total, self.likelihood, self.dispersion, self.bad_looks, self.alone)
        return weigh(counted, self._limits)
