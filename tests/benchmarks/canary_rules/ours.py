"""The rule of this project over simulated releases: the analysis of operators/canary with a default plan of steps.

In:  ticks. Out: weights and outcomes. The sums are kept as the operator keeps them, only for all releases at once; that
both ways agree is tested.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import TypeAdapter
from scipy.special import xlogy

from operators.canary.analysis import dispersion
from operators.canary.analysis.decision import LEAST_INCIDENTS, Counted, Limits, Weighed, weigh
from operators.canary.analysis.evidence import INCIDENT_S
from operators.canary.analysis.sequence import LOG_RATIOS, Array, at_ratio, relative_gain
from operators.canary.measured import ERRORS_SLO, ERRORS_TOLERANCE
from operators.canary.models.spec import Step as Spec
from tests.benchmarks.canary_rules.releases import Releases
from tests.benchmarks.canary_rules.traffic import TICK_S, Tick

ROOT = Path(__file__).parents[3]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Step:
    """A weight, and what must be reached before the next."""

    weight: float
    hold_s: float = 60.0
    min_requests: float = 500.0


def shipped() -> tuple[Step, ...]:
    """Return the steps of charts/service, as a release goes through them that says nothing of its own."""
    values = yaml.safe_load((ROOT / "charts/service/values.yaml").read_text())
    steps = TypeAdapter(tuple[Spec, ...]).validate_python(values["canary"]["steps"])
    return tuple(Step(one.weight / 100, one.hold.total_seconds(), one.min_requests) for one in steps)


STEPS = (Step(0.1), Step(0.25), Step(0.5), Step(1.0))
LIMITS = Limits(ratio=2.0, floor=0.001, slo=0.01)
DEFAULT = Limits(ratio=ERRORS_TOLERANCE, floor=0.001, slo=ERRORS_SLO)
"""What a spec asks for that says nothing of metrics."""
BARE = Limits(ratio=2.0, floor=0.001, slo=None)
"""What a metric asks for that says nothing of limits."""
NAMES = {
    LIMITS.slo: "AutoMatrix",
    DEFAULT.slo: f"AutoMatrix, objective {1 - ERRORS_SLO:.0%}",
    BARE.slo: "AutoMatrix without an objective",
}
SHIPPED = "AutoMatrix, as shipped"
"""The default metrics and the steps of charts/service; promoted after the last, without a step at full weight."""
METRICS = 2
"""Alpha is 1 % a release, shared with the latency metric that is not simulated here."""
ALPHA = 0.01 / METRICS
BETA = 0.05


class Ours(Releases):
    """Anytime-valid verdicts; a step ends when the metric is Safe, its hold is over and its requests were seen."""

    def __init__(self, releases: int, steps: tuple[Step, ...] = STEPS, limits: Limits = LIMITS, name: str = "") -> None:
        super().__init__(releases, steps[0].weight)
        self.name = name or NAMES[limits.slo]
        self._steps, self._limits = steps, limits
        self._step = np.zeros(releases, dtype=np.int64)
        self._since = np.zeros(releases)
        self._requests = np.zeros(releases)
        self.events, self.total = np.zeros(releases), np.zeros(releases)
        self.incidents, self.alone = np.zeros(releases), np.zeros(releases)
        self._incident_at = np.full(releases, -np.inf)
        self.likelihood = np.zeros((releases, len(LOG_RATIOS)))
        self.stable = dispersion.nothing(dispersion.STABLE_SCALES, (releases,))
        self.canary = dispersion.nothing(dispersion.CANARY_SCALES, (releases,))

    def decide(self, tick: Tick) -> None:
        """Absorb 2 s and act on the verdict."""
        self.absorb(tick)
        self.roll_back(self.at(self._may_harm(), lambda weighed: weighed.is_harm(ALPHA)))
        self._since += TICK_S
        self._requests += tick.canary_total
        holds = np.array([step.hold_s for step in self._steps])[self._step]
        minima = np.array([step.min_requests for step in self._steps])[self._step]
        over = self.open & (self._since >= holds) & (self._requests >= minima)
        over &= self._may_be_safe()
        ready = self.at(over, lambda weighed: weighed.is_safe(BETA))
        last = self._step == len(self._steps) - 1
        self.promote(ready & last)
        self._step[ready & ~last] += 1
        self._since[ready] = self._requests[ready] = 0.0
        weights = np.array([step.weight for step in self._steps])[self._step]
        self.weight = np.where(self.open, weights, self.weight)

    def absorb(self, tick: Tick) -> None:
        """Add 2 s to the sums."""
        self.events += tick.canary_events
        self.total += tick.canary_total
        fresh = (tick.canary_events > 0) & (self.now - self._incident_at >= INCIDENT_S)
        self.incidents += fresh
        self._incident_at[fresh] = self.now
        self.alone = np.where(tick.stable_total > 0, 0.0, self.alone + tick.canary_total)
        some = np.flatnonzero(tick.canary_events + tick.stable_events)  # a look without errors adds nothing
        mine, theirs = (tick.canary_events, tick.canary_total), (tick.stable_events, tick.stable_total)
        self.likelihood[some] += relative_gain((mine[0][some], mine[1][some]), (theirs[0][some], theirs[1][some]))
        self.stable = dispersion.absorb_look(self.stable, self.ticks, *theirs)
        self.canary = dispersion.absorb_look(self.canary, self.ticks, *mine)

    def at(self, rows: Mask, verdict: Callable[[Weighed], Mask]) -> Mask:
        """Weigh those releases that `rows` names; the others' verdict is no."""
        said, chosen = np.zeros_like(rows), np.flatnonzero(rows)
        if chosen.size:
            said[chosen] = verdict(self.weigh(chosen))
        return said

    def weigh(self, rows: NDArray[np.int64]) -> Weighed:
        """Weigh some releases, as the operator weighs one."""
        clustering = dispersion.estimate(self.stable[rows], self.canary[rows])
        counted = Counted(
            self.events[rows],
            self.total[rows],
            self.likelihood[rows],
            clustering,
            self.incidents[rows],
            self.alone[rows],
        )
        return weigh(counted, self._limits)

    def _may_harm(self) -> Mask:
        """Leave out those that cannot be harm: most, and weighing is what costs time.

        No average of likelihoods exceeds the largest, and clustering only lowers evidence.
        """
        needed, beyond = np.log(1 / ALPHA), np.zeros(len(self.events), dtype=np.bool_)
        if self._limits.ratio is not None:
            beyond |= self._gap(self._limits.ratio) >= needed
        if self._limits.slo is not None:
            beyond |= (self.events > self._limits.slo * self.total) & (self._distance(self._limits.slo) >= needed)
        return np.asarray(self.open & beyond & (self.incidents >= LEAST_INCIDENTS))

    def _may_be_safe(self) -> Mask:
        """Leave out those that cannot be safe."""
        within = np.ones(len(self.events), dtype=np.bool_)
        if self._limits.slo is not None:
            within &= (self.events < self._limits.slo * self.total) & (
                self._distance(self._limits.slo) >= np.log(1 / BETA)
            )
        elif self._limits.ratio is not None:
            needed = np.log(2 / BETA)
            within &= (self._gap(self._limits.ratio) >= needed) | (self._distance(self._limits.floor) >= needed)
        return within

    def _gap(self, ratio: float) -> Array:
        """Return the largest log-likelihood of any ratio, above that of one."""
        return np.asarray(self.likelihood.max(axis=-1) - at_ratio(self.likelihood, float(np.log(ratio))))

    def _distance(self, rate: float) -> Array:
        """Return the largest log-likelihood of any event rate, above that of one."""
        quiet, share = self.total - self.events, self.events / np.maximum(self.total, 1.0)
        return np.asarray(xlogy(self.events, share / rate) + xlogy(quiet, (1 - share) / (1 - rate)))
