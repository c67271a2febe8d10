"""How many requests a verdict takes: `python -m operators.canary.analysis.needs` prints the table of the guide.

In:  rates of errors. Out: the candidate's requests until the test of `decision` tells, if errors came exactly at these
rates and apart from each other. Real ones scatter: take the numbers for a middle, not for a promise.
"""

from __future__ import annotations

import sys

import numpy as np

from .decision import Counted, Limits, weigh
from .rules import MetricRule, share
from .sequence import relative_gain

_TRIED = np.array(sorted({*np.geomspace(1, 1e6, 601).round()}))
DEFAULT = (0.05, 0.5)
"""Objective and tolerance of the errors that are counted where a spec names no metric (`measured`)."""
_USUAL = 1.0
_LIMITS = {"default metrics": DEFAULT, "objective 1 %": (0.01, _USUAL), "no objective": (None, _USUAL)}
_CASES = ((0.0, 0.0), (0.001, 0.001), (0.005, 0.005), (0.01, 0.0005), (0.05, 0.005), (0.1, 0.005), (0.3, 0.0))
_STABLE_BESIDE = 9.0
"""Stable's requests for each of the candidate's: a step of 10 %."""


def until(candidate: float, stable: float, slo: float | None, tolerance: float = _USUAL) -> tuple[str, int | None]:
    """Return the verdict that these rates lead to, and after how many of the candidate's requests."""
    rule = MetricRule("errors", alpha=share(0.01, 2), slo=slo, tolerance=tolerance)
    limits = Limits(1 + (rule.tolerance or 0), rule.floor, slo)
    weighed = weigh(_counted(candidate, stable), limits)
    ends = {"Harm": weighed.is_harm(rule.alpha), "Safe": weighed.is_safe(rule.beta)}
    first = {verdict: int(_TRIED[np.argmax(told)]) for verdict, told in ends.items() if told.any()}
    return min(first.items(), key=lambda one: one[1], default=("Inconclusive", None))


def _counted(candidate: float, stable: float) -> Counted:
    beside, one = _TRIED * _STABLE_BESIDE, np.ones_like(_TRIED)
    # An error that has come to less than one has not come: of nothing nothing follows.
    mine = np.floor(_TRIED * candidate)
    likelihood = relative_gain((mine, _TRIED), (np.floor(beside * stable), beside))
    return Counted(mine, _TRIED, likelihood, one, mine, 0.0 * one)


def table() -> str:
    """Return the table in Markdown."""
    lines = ["| candidate's errors | stable's | " + " | ".join(_LIMITS) + " |"]
    lines.append("|---|---|" + "---|" * len(_LIMITS))
    for candidate, stable in _CASES:
        found = (until(candidate, stable, *limits) for limits in _LIMITS.values())
        cells = [verdict if number is None else f"{verdict} after {number:,}" for verdict, number in found]
        lines.append(f"| {candidate:.2%} | {stable:.2%} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
