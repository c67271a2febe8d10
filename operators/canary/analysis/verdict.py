"""Verdicts: Harm, Safe or Inconclusive, each with its reason and what is still needed.

In:  a rule, the evidence, the time. Out: a `Finding` a metric, and the release's `Verdict`. Nothing is stored here: the
same evidence gives the same verdict, whoever asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

import numpy as np

from operators.canary.terms import Counts, other

from . import gauges
from .decision import LEANS, Counted, Limits, Weighed, weigh
from .evidence import Evidence, Level, MetricEvidence
from .forecast import needed_requests
from .rules import MetricRule, spent
from .sequence import Array, rate_interval, ratio_interval

Verdict = Literal["Harm", "Safe", "Inconclusive"]
STALE_S = 120.0
"""Evidence older than this is an outage, even if nobody said so; slower sources say how slow they are (`stale_s`)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the evidence says of one metric."""

    metric: str
    verdict: Verdict
    reason: str
    """One sentence for the status: why this verdict, and what is needed."""
    canary: Counts = field(default_factory=Counts)
    stable: Counts = field(default_factory=Counts)
    estimate: float | None = None
    """The ratio of the rates (canary/stable); without a tolerance the canary's rate; a gauge's level."""
    low: float | None = None
    high: float | None = None
    """The confidence sequence around the estimate: what is not excluded. `high` None: without an end."""
    e_value: float = 1.0
    """Evidence of harm; 1/alpha aborts. For a gauge 1/probability."""
    e_needed: float = 1.0
    """1/alpha."""
    dispersion: float = 1.0
    """How much errors cluster; evidence was divided by it."""
    need_requests: int | None = None
    """About how many more of the canary's requests decide; None: not to be told, or nothing is needed."""
    eta_seconds: float | None = None
    """How long these take at the present rate."""
    outage: str = ""


def judge(
    rule: MetricRule, evidence: Evidence, now: datetime, *, step_ends: bool = False, stale_s: float = STALE_S
) -> Finding:
    """Judge one metric; a gauge only where `step_ends`. Without fresh evidence nothing passes and nothing fails."""
    known = evidence.of(rule.name)
    canary, stable = _counts(known)
    outage = _outage(known, now, stale_s)
    if outage:
        reason = f"waits: {outage}"
        return Finding(rule.name, "Inconclusive", reason, canary, stable, outage=outage, e_needed=1 / rule.alpha)
    if rule.kind == "gauge":
        return _judge_gauge(rule, known, step_ends=step_ends)
    return _judge_count(rule, known)


def combine(findings: Iterable[Finding], rules: Sequence[MetricRule]) -> Verdict:
    """Return the release's verdict: any Harm; Safe where every required metric is; else Inconclusive.

    Without a required metric there is nothing that could show a release to be safe.
    """
    verdicts = {finding.metric: finding.verdict for finding in findings}
    if any(verdicts.get(rule.name) == "Harm" for rule in rules):
        return "Harm"
    required = [verdicts.get(rule.name) for rule in rules if rule.required]
    return "Safe" if required and all(verdict == "Safe" for verdict in required) else "Inconclusive"


def _outage(known: MetricEvidence, now: datetime, stale_s: float) -> str:
    if known.outage:
        return known.outage
    if known.updated is None:
        return "no reading yet"
    age = (now - known.updated).total_seconds()
    return f"no reading for {age:.0f} s" if age > stale_s else ""


def _counts(known: MetricEvidence) -> tuple[Counts, Counts]:
    return Counts(known.canary.events, known.canary.total), Counts(known.stable.events, known.stable.total)


def _judge_count(rule: MetricRule, known: MetricEvidence) -> Finding:
    limits = Limits(None if rule.tolerance is None else 1 + rule.tolerance, rule.floor, rule.slo)
    counted = Counted(
        events=_array(known.canary.events),
        total=_array(known.canary.total),
        likelihood=np.asarray(known.likelihood),
        dispersion=_array(known.dispersion),
        incidents=_array(known.incidents),
        alone=_array(known.alone),
    )
    weighed = weigh(counted, limits)
    verdict: Verdict = "Inconclusive"
    if weighed.is_harm(rule.alpha):
        verdict = "Harm"
    elif weighed.is_safe(rule.beta) or (rule.innocent and _is_innocent(known, weighed)):
        verdict = "Safe"
    need = needed_requests(counted, known.stable, limits, rule) if verdict == "Inconclusive" else None
    eta = need / known.rate if need is not None and known.rate > 0 else None
    estimate, low, high = _interval(rule, known)
    canary, stable = _counts(known)
    return Finding(
        rule.name,
        verdict,
        _reason(rule, known, weighed, verdict) + _still(rule, verdict, need, eta),
        canary,
        stable,
        estimate,
        low,
        high,
        e_value=float(np.exp(min(float(weighed.harm), 50.0))),
        e_needed=1 / rule.alpha,
        dispersion=known.dispersion,
        need_requests=need,
        eta_seconds=eta,
    )


def _is_innocent(known: MetricEvidence, weighed: Weighed) -> bool:
    """Whether nothing speaks against the canary; of what was not looked at nothing is said."""
    return known.canary.total > 0 and max(float(weighed.slo_harm), float(weighed.relative_harm)) < LEANS


def _interval(rule: MetricRule, known: MetricEvidence) -> tuple[float | None, float, float | None]:
    if rule.tolerance is None:
        clustering = known.dispersion
        low, high = rate_interval(
            known.canary.events / clustering, known.canary.total / clustering, rule.alpha, rule.beta
        )
        return known.canary.rate, low, high
    low, high = ratio_interval(np.asarray(known.likelihood) / known.dispersion, rule.alpha, rule.beta / 2)
    estimate = known.canary.rate / known.stable.rate if known.stable.rate > 0 else None
    return estimate, low, None if np.isinf(high) else high


def _reason(rule: MetricRule, known: MetricEvidence, weighed: Weighed, verdict: Verdict) -> str:
    """Say in one sentence what the counts are and what they mean."""
    mine, theirs = known.canary, known.stable
    rates = f"{mine.events:.0f} of {mine.total:.0f} {rule.unit} ({mine.rate:.2%})"
    if rule.tolerance is not None:
        rates += f" against stable's {theirs.rate:.2%}"
    if verdict == "Inconclusive":
        return f"{rates}: cannot be told yet"
    if verdict == "Safe":
        return f"{rates}: within what is allowed"
    if rule.slo is not None and weighed.slo_harm >= weighed.relative_harm:
        return f"{rates}: beyond the {rule.slo:.2%} allowed"
    return f"{rates}: more than {1 + (rule.tolerance or 0):g} times stable's"


def _still(rule: MetricRule, verdict: Verdict, need: int | None, eta: float | None) -> str:
    if verdict != "Inconclusive":
        return ""
    if need is None:
        return f", and at these rates more {rule.unit} will not tell soon"
    return f"; needs {need} more {rule.unit}" + ("" if eta is None else f", about {_duration(eta)}")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _judge_gauge(rule: MetricRule, known: MetricEvidence, *, step_ends: bool) -> Finding:
    if not step_ends:
        return Finding(rule.name, "Inconclusive", "is compared when the step ends", e_needed=1 / rule.alpha)
    alpha = spent(rule.alpha, known.steps)
    compared = _compare(rule, known.compared or known.levels, known)
    if not compared:
        return Finding(rule.name, "Inconclusive", "no levels of both slots in this step", e_needed=1 / alpha)
    worst = min(compared, key=lambda one: (one.probability, not one.beyond))
    level = f"level {worst.canary:.4g}, allowed {worst.limit:.4g}"
    probability = min(1.0, worst.probability * len(compared))
    verdict: Verdict = "Inconclusive"
    reason = f"{level}: beyond, but too few readings or too close to be sure"
    if probability <= alpha:
        verdict, reason = "Harm", f"{level}: beyond what chance explains"
    elif not any(one.beyond for one in compared):
        verdict, reason = "Safe", f"{level}: within what is allowed"
    e_value = 1 / max(probability, 1e-20)
    return Finding(rule.name, verdict, reason, estimate=worst.canary, e_value=e_value, e_needed=1 / alpha)


def _compare(rule: MetricRule, levels: Sequence[Level], known: MetricEvidence) -> list[gauges.Compared]:
    """Compare with stable and with the limit, whichever is asked for; empty where a level is missing for that."""
    if known.canary_slot is None:
        return []
    of_mine = [one for one in levels if one.slot == known.canary_slot]
    of_theirs = [one for one in levels if one.slot == other(known.canary_slot)]
    mine, theirs = (np.array([one.mean for one in of]) for of in (of_mine, of_theirs))
    down = rule.direction == "down"
    if not len(mine) or (rule.tolerance is not None and not len(theirs)):
        return []
    compared = []
    if rule.tolerance is not None:
        factor = 1 / (1 + rule.tolerance) if down else 1 + rule.tolerance
        if len(mine) == len(theirs) == 1:
            compared.append(gauges.compare_series(_series(of_mine), _series(of_theirs), factor=factor, down=down))
        else:
            compared.append(gauges.compare(mine, theirs, factor=factor, down=down))
    if rule.slo is not None:
        alone = len(mine) == 1
        own = gauges.series_against(_series(of_mine), rule.slo, down=down) if alone else None
        found = own or gauges.against(mine, rule.slo, down=down)
        # Going back to a stable that breaks it as well helps nobody.
        excused = len(theirs) > 0 and (theirs.mean() < rule.slo if down else theirs.mean() > rule.slo)
        compared.append(replace(found, probability=1.0) if excused else found)
    return compared


def _series(levels: Sequence[Level]) -> gauges.Series:
    return gauges.Series(levels[0].mean, levels[0].looks, levels[0].squares, levels[0].steps)


def _array(value: float) -> Array:
    return np.asarray(value, dtype=np.float64)
