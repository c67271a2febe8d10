"""The few special functions that the tests need: written out, since importing scipy for them takes 15 MiB for good.

In and out: numpy arrays of any shape, or plain numbers where a verdict needs only one.
Sources: Abramowitz and Stegun 6.1.41 (Stirling's series) and 26.7.3-4 (Student's t with whole degrees of freedom).
tests/unit/canary_analysis compares all of them with scipy's.
"""

from __future__ import annotations

from math import atan, cos, pi, sin, sqrt

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_SHIFT = 8
"""From here on Stirling's series is exact to 13 digits."""


def log_beta(p: Array, q: Array) -> Array:
    """Return the logarithm of the beta function, for p and q above 0.

    Arguments are counts, up to millions: the three large gammas are never formed, so nothing cancels.
    """
    whole, start = p + q, np.ones(np.broadcast_shapes(np.shape(p), np.shape(q)))
    for step in range(_SHIFT):
        start = start * ((whole + step) / (p + step))
    for step in range(_SHIFT):
        start = start * ((whole + _SHIFT + step) / (q + step))
    p, q, whole = p + _SHIFT, q + _SHIFT, whole + 2 * _SHIFT
    main = -p * np.log1p(q / p) - q * np.log1p(p / q) + 0.5 * np.log(2 * pi * whole / p / q)
    return np.asarray(np.log(start) + main + _correction(p) + _correction(q) - _correction(whole))


def _correction(z: Array) -> Array:
    """Return the rest of Stirling's series."""
    square = 1 / (z * z)
    return np.asarray((1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square / 1188)))) / z)


def times_log(count: Array, logarithm: Array) -> Array:
    """Multiply, where nothing times anything is nothing: no events say nothing, even against a rate of 0."""
    nothing = np.zeros(np.broadcast_shapes(np.shape(count), np.shape(logarithm)))
    return np.multiply(count, logarithm, out=nothing, where=np.asarray(count) != 0)


def student_tail(degrees: int, t: float) -> float:
    """Return the probability that Student's t with so many degrees of freedom is above `t`, for t of at least 0.

    Exact to 15 decimals, not digits: what is smaller comes out as 0.
    """
    angle = atan(t / sqrt(degrees))
    square = cos(angle) ** 2
    odd = degrees % 2
    term = total = 1.0
    for step in range(2 + odd, degrees - 1, 2):
        term *= square * (step - 1) / step
        total += term
    if odd:
        series = sin(angle) * cos(angle) * total if degrees > 1 else 0.0
        within = (angle + series) * 2 / pi
    else:
        within = sin(angle) * total
    return max(0.0, (1 - within) / 2)
