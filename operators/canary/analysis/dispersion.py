"""How much more errors cluster than independent ones would: measured from the counts themselves, at every time scale.

In:  the counts of one look after another. Out: a factor of at least 1, by which evidence is divided.

Two neighbouring stretches with events e1, e2 and requests n1, n2 share one rate. Given their sum E, e1 is binomial with
share s = n1/(n1+n2) if errors are independent, so z² = (e1 - s*E)² / (s*(1-s)*E) is 1 on average; bursts of three make
it 3. Comparing neighbours only (Allan's variance, as used for the clustering of events) leaves slow drifts, load and
one step change out. Pairs of looks give the first scale, pairs of pairs the next, and so on: autocorrelation shows
where the stretches become as long as it lasts. Each scale starts from what the one below said, and the largest
estimate counts.

Stable is measured at all scales: whether the canary is as good as stable includes that its errors cluster the same way.
The canary itself is measured at the two shortest only, so that harm which sets in late is not taken for clustering.
Trade-off: the sums are kept, no series; ten scales of four numbers reach half an hour at a look every 2 s.
"""

from __future__ import annotations

import numpy as np

from .sequence import Array

STABLE_SCALES = 10
CANARY_SCALES = 2
PENDING_EVENTS, PENDING_TOTAL, SQUARES, WEIGHT = range(4)
_PAIR_CAP = 2.0
"""The weight of a pair is its events, up to this: beyond, one pair is one observation however many events it has."""
_SQUARE_CAP = 25.0
"""One outage of both arms must not blind the test for the rest of a release."""
_PRIOR_WEIGHT = 16.0
"""How much each scale trusts the one below (the first: no clustering), in the unit of the pairs' weights."""


def nothing(scales: int, shape: tuple[int, ...] = ()) -> Array:
    """Return the sums before the first look: shape (..., scales, 4)."""
    return np.zeros((*shape, scales, 4))


def absorb_look(sums: Array, looks: int, events: Array, total: Array) -> Array:
    """Add one look, the `looks`-th counted from 1; returns new sums of the same shape."""
    sums = sums.copy()
    for scale in range(sums.shape[-2]):
        here = sums[..., scale, :]
        if looks >> scale & 1:
            here[..., PENDING_EVENTS], here[..., PENDING_TOTAL] = events, total
            break
        before, before_total = here[..., PENDING_EVENTS].copy(), here[..., PENDING_TOTAL].copy()
        square, weight = _pair(before, before_total, events, total)
        here[..., SQUARES] += square
        here[..., WEIGHT] += weight
        here[..., PENDING_EVENTS] = here[..., PENDING_TOTAL] = 0.0
        events, total = before + events, before_total + total
    return sums


def _pair(events: Array, total: Array, more_events: Array, more_total: Array) -> tuple[Array, Array]:
    """Return (weighted z², weight) of two neighbouring stretches."""
    both, all_events = total + more_total, events + more_events
    share = np.divide(total, both, out=np.zeros_like(both), where=both > 0)
    expected = share * (1 - share) * all_events
    known = expected > 0
    square = np.divide((events - share * all_events) ** 2, expected, out=np.zeros_like(both), where=known)
    weight = np.minimum(4 * expected, _PAIR_CAP)
    return np.minimum(square, _SQUARE_CAP) * weight, weight


def estimate(stable: Array, canary: Array) -> Array:
    """Return the dispersion, at least 1, shape (...)."""
    value = np.ones(stable.shape[:-2])
    largest = value
    for scale in range(stable.shape[-2]):
        square, weight = stable[..., scale, SQUARES], stable[..., scale, WEIGHT]
        if scale < canary.shape[-2]:
            square, weight = square + canary[..., scale, SQUARES], weight + canary[..., scale, WEIGHT]
        value = (square + _PRIOR_WEIGHT * value) / (weight + _PRIOR_WEIGHT)
        largest = np.maximum(largest, value)
    return largest


def halve(sums: Array) -> Array:
    """Return what a next release starts from: half the weight of what was measured, and no stretch half read."""
    kept = sums / 2
    kept[..., PENDING_EVENTS] = kept[..., PENDING_TOTAL] = 0.0
    return kept
