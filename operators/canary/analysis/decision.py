"""From counts to a decision: the two tests of one metric, and when they say Harm or Safe.

In:  sums of counts as numpy arrays of any shape, limits, risks. Out: logarithms of e-values and two masks. The verdict
on one canary and the simulation of thousands both come through here, so that what is measured is what decides.

Harm is an average of two e-values, of the relative and of the absolute test, which is an e-value again: 1/alpha is
reached by mistake with a probability of at most alpha, however often one looks. Whatever else is done here only lowers
it. Dividing log-likelihoods by a dispersion of at least 1 does, even one that was measured in the same data, because
the mean of powers e**(1/d) is at most the power of the mean. So do three rules: a rate below the floor is no harm
whatever the ratio; until there were three incidents apart from each other, the evidence must hold even if errors came
three at a time; and where stable serves beside the canary, breaking the objective is harm only if stable is shown to do
better, because going back to a stable that is as bad helps nobody (a database that is down breaks both).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .sequence import Array, absolute_evidence, at_ratio, mixture, most_likely

_RELATIVE_SHARE = 0.4
"""The relative test's part of alpha where both are asked for; rest: the absolute test, which needs no second arm."""
_LOG_WORSE = float(np.log(10.0))
"""Evidence that stable does better, before a broken objective is held against the canary alone."""
LEAST_INCIDENTS = 2
"""Before so many there is no evidence: a single misfortune may be of any size."""
ENOUGH_INCIDENTS = 3
"""So many incidents show by themselves how errors cluster; before, they are taken to come in bursts."""
SUPPOSED_BURST = 3.0
LEANS = float(np.log(3.0))
"""Evidence for a ratio beyond the tolerated one with which an objective that is met does not make a canary safe."""
ALONE = 20.0
"""Requests of the canary without a single one of stable: then stable does not serve beside it."""


@dataclass(frozen=True)
class Limits:
    """What a count must stay within; None: not asked for."""

    ratio: float | None
    """The largest ratio of the canary's rate to stable's that is tolerated."""
    floor: float
    """A rate below which no ratio counts as harm."""
    slo: float | None
    """The largest rate allowed, whatever stable does."""


@dataclass(frozen=True)
class Counted:
    """The sums of one metric, each of shape (...)."""

    events: Array
    total: Array
    likelihood: Array
    """Of each ratio, shape (..., ratios)."""
    dispersion: Array
    incidents: Array
    """Looks in which the canary had events, those left out that follow another too closely."""
    alone: Array
    """The canary's requests since stable had one."""


@dataclass(frozen=True)
class Weighed:
    """Logarithms of e-values, shape (...), 0 where the counts point the other way."""

    harm: Array
    """Both tests together; Harm at log(1/alpha)."""
    relative_harm: Array
    slo_harm: Array
    relative_safe: Array
    slo_safe: Array

    def is_harm(self, alpha: float) -> NDArray[np.bool_]:
        """Whether the canary is worse than it may be, with a risk of `alpha` of being wrong at any look."""
        return np.asarray(self.harm >= np.log(1 / alpha))

    def is_safe(self, beta: float) -> NDArray[np.bool_]:
        """Whether the canary is within its limits, with a risk of `beta`.

        Where there is an objective, being within it is enough, as long as nothing speaks against the ratio: to show
        that two small rates are alike takes ten times the requests. The relative test has two ways to be safe.
        """
        alike = self.relative_safe >= np.log(2 / beta)
        unlike = np.isinf(self.slo_safe) | (self.relative_harm >= LEANS)
        return np.asarray((self.slo_safe >= np.log(1 / beta)) & (alike | ~unlike))


def weigh(counted: Counted, limits: Limits) -> Weighed:
    """Weigh the counts against their limits; what is not asked for never harms and is always safe."""
    nothing, always = np.zeros_like(counted.total), np.full_like(counted.total, np.inf)
    relative_harm, relative_safe, slo_harm, slo_safe = nothing, always, nothing, always
    likelihood = counted.likelihood / counted.dispersion[..., None]
    ratios = Ratios(likelihood, mixture(likelihood), most_likely(likelihood))
    if limits.ratio is not None:
        relative_harm, relative_safe = _relative(counted, ratios, limits.ratio, limits.floor)
    if limits.slo is not None:
        slo_harm, slo_safe = _absolute(counted, limits.slo)
        slo_harm = np.where(_excused(counted, ratios), 0.0, slo_harm)
    share = 1.0 if limits.slo is None else 0.0 if limits.ratio is None else _RELATIVE_SHARE
    with np.errstate(divide="ignore"):
        harm = np.logaddexp(relative_harm + np.log(share), slo_harm + np.log(1 - share))
    return Weighed(_cautious(harm, counted.incidents), relative_harm, slo_harm, relative_safe, slo_safe)


@dataclass(frozen=True)
class Ratios:
    """What the counts say of the ratio of the rates, clustering taken into account."""

    likelihood: Array
    level: Array
    """The likelihood averaged over all ratios."""
    likely: Array
    """The logarithm of the most likely ratio."""

    def sides(self, log_ratio: float) -> tuple[Array, Array]:
        """Weigh against one ratio: harm and safety."""
        return _sides(self.level - at_ratio(self.likelihood, log_ratio), self.likely > log_ratio)


def _cautious(harm: Array, incidents: Array) -> Array:
    """Lower the evidence of few incidents."""
    few = np.where(incidents < LEAST_INCIDENTS, 0.0, harm / SUPPOSED_BURST)
    return np.where(incidents < ENOUGH_INCIDENTS, few, harm)


def _relative(counted: Counted, ratios: Ratios, ratio: float, floor: float) -> tuple[Array, Array]:
    """Weigh ratio and floor: harm needs both beyond, so the weaker counts; safe needs one within, so the stronger."""
    harm, safe = ratios.sides(float(np.log(ratio)))
    if floor <= 0:
        return harm, safe
    beyond, within = _absolute(counted, floor)
    return np.minimum(harm, beyond), np.maximum(safe, within)


def _absolute(counted: Counted, rate: float) -> tuple[Array, Array]:
    events, total = counted.events / counted.dispersion, counted.total / counted.dispersion
    return _sides(absolute_evidence(events, total, rate), events > rate * total)


def _excused(counted: Counted, ratios: Ratios) -> NDArray[np.bool_]:
    """Whether stable serves beside the canary and is not shown to do better."""
    worse, _ = ratios.sides(0.0)
    return np.asarray((counted.alone < ALONE) & (worse < _LOG_WORSE))


def _sides(against: Array, above: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Split evidence against a limit into harm (the counts lie above it) and safety (below)."""
    return np.where(above, against, 0.0), np.where(above, 0.0, against)
