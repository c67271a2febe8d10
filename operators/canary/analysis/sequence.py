"""Evidence that may be looked at as often as one likes: mixture likelihood ratios and their confidence sequences.

In:  counts as numpy arrays, any leading shape, so that one canary and ten thousand simulated ones take the same way.
Out: logarithms of e-values. An e-value of 1/alpha against a hypothesis that is true is reached, at any time, with a
probability of at most alpha (Ville's inequality); what no e-value excludes is the confidence sequence.

Relative test: given an event, which arm produced it? With the canary's share s of the requests of a look and a canary
whose rate is r times stable's, it was the canary with probability s*r / (s*r + 1 - s). Load and a rate that both arms
share cancel out. The likelihood of every r on a grid is a running sum, so the share may move from look to look.
Absolute test: events among the canary's requests against a fixed rate, mixed over a beta distribution in closed form.

Sources: Lindon and Malek, arXiv 2011.03567 (counts, conditional on the event); Robbins 1970 (mixtures); McCullagh and
Nelder 1989, section 4.5 (evidence divided by the dispersion). Trade-off: dividing by a measured dispersion is no longer
exact; tests/benchmarks/canary_rules measures what that costs.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .functions import log_beta, times_log

Array = NDArray[np.float64]

# Dense where verdicts are decided, coarse in the tails: 51 numbers a metric in the status.
LOG_RATIOS: Array = np.concatenate(
    [np.arange(-3.0, -0.9, 0.3), np.arange(-0.9, 1.7, 0.1), np.arange(1.7, 5.8, 0.25)]
).round(6)
"""The logarithms of the ratios (canary's rate / stable's) that are followed."""
_BETA = (0.5, 8.0)
"""The prior of an event rate: mostly below 10 %, but nothing is excluded."""
_LOG_BETA = float(log_beta(np.asarray(_BETA[0]), np.asarray(_BETA[1])))


def _prior() -> Array:
    """Weigh the ratios: most on clear harm, which must be found soon; a good part on "the same", where Safe lies."""
    x, width = LOG_RATIOS, np.gradient(LOG_RATIOS)
    harm = ((x >= 0.4) & (x <= 4.2)) / 3.8
    same = np.exp(-0.5 * (x / 0.35) ** 2) / (0.35 * np.sqrt(2 * np.pi))
    anything = np.full_like(x, 1.0 / (x[-1] - x[0]))
    weight = (0.6 * harm + 0.3 * same + 0.1 * anything) * width
    return np.asarray(np.log(weight / weight.sum()))


_LOG_PRIOR = _prior()
_RATES: Array = np.geomspace(1e-7, 0.999, 1200)


def relative_gain(canary: tuple[Array, Array], stable: tuple[Array, Array]) -> Array:
    """Return what one look adds to the log-likelihood of each ratio; arms are (events, requests), shape (...).

    Shape (..., ratios). Zero where only one arm had requests: such a look says nothing about the ratio.
    """
    (canary_events, canary_total), (stable_events, stable_total) = canary, stable
    both = canary_total + stable_total
    share = np.divide(canary_total, both, out=np.zeros_like(both), where=both > 0)
    informative = (share > 0) & (share < 1)
    events = canary_events + stable_events
    gain = canary_events[..., None] * LOG_RATIOS - events[..., None] * np.log1p(share[..., None] * np.expm1(LOG_RATIOS))
    return np.where(informative[..., None], gain, 0.0)


def mixture(likelihood: Array) -> Array:
    """Return the log-likelihood averaged over all ratios, shape (...)."""
    weighted = likelihood + _LOG_PRIOR
    largest = weighted.max(axis=-1)
    return np.asarray(largest + np.log(np.exp(weighted - largest[..., None]).sum(axis=-1)))


def most_likely(likelihood: Array) -> Array:
    """Return the most likely log-ratio, shape (...); 0 where nothing is known."""
    best = LOG_RATIOS[np.argmax(likelihood, axis=-1)]
    return np.asarray(np.where(np.any(likelihood != 0, axis=-1), best, 0.0))


def at_ratio(likelihood: Array, log_ratio: float) -> Array:
    """Read the log-likelihood between the grid's points, by the cubic through four of them.

    A parabola is not close enough: with the errors of a large service it would be wrong by more than alpha's logarithm.
    """
    first, weights = _cubic(log_ratio)
    return np.asarray(likelihood[..., first : first + 4] @ weights)


@lru_cache(maxsize=256)
def _cubic(log_ratio: float) -> tuple[int, Array]:
    """Return the first of the four points, and each one's weight (Lagrange)."""
    first = int(np.clip(np.searchsorted(LOG_RATIOS, log_ratio) - 2, 0, len(LOG_RATIOS) - 4))
    points = LOG_RATIOS[first : first + 4]
    weights = [
        np.prod([(log_ratio - other) / (point - other) for other in points if other != point]) for point in points
    ]
    return first, np.array(weights)


def absolute_evidence(events: Array, total: Array, rate: Array | float) -> Array:
    """Return the log e-value against a fixed event rate; counts of shape (...), already divided by the dispersion."""
    a, b = _BETA
    quiet = np.maximum(total - events, 0.0)
    mixture = log_beta(a + events, b + quiet) - _LOG_BETA
    with np.errstate(divide="ignore"):  # a rate of 0 or 1 is refuted by the first event that cannot be
        expected, unexpected = np.log(rate), np.log1p(-np.asarray(rate))
    return np.asarray(mixture - times_log(events, expected) - times_log(quiet, unexpected))


def ratio_interval(likelihood: Array, alpha: float, beta: float) -> tuple[float, float]:
    """Return the ratios (low, high) that are not excluded, with the risks `alpha` below and `beta` above.

    `likelihood` has the shape (ratios,). 0 and infinity where the grid ends before the evidence does.
    """
    level = float(mixture(likelihood))
    low, high = likelihood > level - np.log(1 / alpha), likelihood > level - np.log(1 / beta)
    left, right = int(np.argmax(low)), len(high) - 1 - int(np.argmax(high[::-1]))
    return (
        0.0 if left == 0 else float(np.exp(LOG_RATIOS[left - 1])),
        float("inf") if right == len(high) - 1 else float(np.exp(LOG_RATIOS[right + 1])),
    )


def rate_interval(events: float, total: float, alpha: float, beta: float) -> tuple[float, float]:
    """Return the event rates (low, high) that are not excluded; counts already divided by the dispersion."""
    if total <= 0:
        return 0.0, 1.0
    against = absolute_evidence(np.full_like(_RATES, events), np.full_like(_RATES, total), _RATES)
    estimate = events / total
    low = _RATES[(estimate > _RATES) & (against >= np.log(1 / alpha))]
    high = _RATES[(estimate < _RATES) & (against >= np.log(1 / beta))]
    return (float(low[-1]) if low.size else 0.0, float(high[0]) if high.size else 1.0)
