"""How many more requests until a verdict: the evidence so far, and what the present rates would add to it.

In:  the counts of one metric. Out: requests of the canary, or None where ten times a million would not decide.

Nothing is promised: the rates are estimates. Until the canary has had incidents enough to be judged by, its rate starts
from stable's, as if it were as good, with the weight of one error; from then on it is what was counted, or the way to a
harm that is near would be told as the way to an innocence that is far. The answer is the smallest number on a grid at
which these rates alone would have decided.
"""

from __future__ import annotations

from math import ceil

import numpy as np

from .decision import LEAST_INCIDENTS, Counted, Limits, weigh
from .evidence import Tally
from .rules import MetricRule
from .sequence import relative_gain

_AHEAD = np.array(sorted({*np.geomspace(1, 1e7, 141).round()}))  # np.unique would import all of numpy.ma: 6 MiB
_BLANK_SHARE = 9.0
"""Stable's requests for each of the canary's, before there are any."""


def needed_requests(counted: Counted, stable: Tally, limits: Limits, rule: MetricRule) -> int | None:
    """Return how many more requests of the canary would decide."""
    theirs = (stable.events + 0.5) / (stable.total + 100) if stable.total else min(rule.floor or 0.001, 0.01)
    supposed = 1.0 if counted.incidents < LEAST_INCIDENTS else 0.0
    mine = (float(counted.events) + supposed) / (float(counted.total) + supposed / theirs)
    beside = stable.total / float(counted.total) if counted.total > 0 and stable.total > 0 else _BLANK_SHARE
    one = np.ones_like(_AHEAD)
    gain = relative_gain((_AHEAD * mine, _AHEAD), (_AHEAD * beside * theirs, _AHEAD * beside))
    then = Counted(
        events=counted.events + _AHEAD * mine,
        total=counted.total + _AHEAD,
        likelihood=counted.likelihood + (gain if counted.alone == 0 else 0.0),
        dispersion=counted.dispersion * one,
        incidents=counted.incidents + _AHEAD * mine,
        alone=counted.alone * one,
    )
    weighed = weigh(then, limits)
    decided = np.flatnonzero(weighed.is_harm(rule.alpha) | weighed.is_safe(rule.beta))
    return ceil(float(_AHEAD[decided[0]])) if decided.size else None
