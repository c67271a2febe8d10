"""Judge a release by its metrics: from the spec and the samples, through `analysis`, to what the phases ask. Pure.

In: a `verdicts.Case`. Out: a `Judgement`: the verdict, the evidence as it goes into the status, and what the status
tells of each metric. Whatever a status holds that this version cannot read begins anew: then nothing is known, which
holds a release and harms none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from .analysis.evidence import Evidence, MetricEvidence, absorb, next_release, next_step
from .analysis.rules import Direction, MetricRule, share
from .analysis.verdict import Finding, Verdict, combine
from .analysis.verdict import judge as judge_metric
from .models import Metric, MetricStatus, SlotCounts, format_duration
from .verdicts import Case, Judgement

RESTARTS_SLO = 0.0002
"""Restarts per pod and second, one in 83 minutes; a pod that crashes at every start makes three in its first one."""
_RESTARTS: dict[str, Any] = {"slo": RESTARTS_SLO, "floor": RESTARTS_SLO, "innocent": True, "unit": "pod seconds"}


def judge(case: Case) -> Judgement:
    """Absorb the samples and judge every metric."""
    if not case.metrics:
        return Judgement("Safe")
    rules = rules_of(case.metrics, case.alpha)
    kinds = {rule.name: rule.kind for rule in rules}
    evidence = read(case.evidence)
    for sample in case.samples:
        if sample.metric in kinds:
            kind = kinds[sample.metric]
            evidence = absorb(evidence, sample, case.canary, kind, step_ends=case.step_ends)
    findings = [judge_metric(rule, evidence, case.now, step_ends=case.step_ends) for rule in rules]
    verdict = _verdict(findings, rules)
    return Judgement(
        verdict,
        _reason(verdict, findings, rules),
        requests=max((_in_step(evidence.of(name)) for name in _requests(case.metrics)), default=0.0),
        evidence=written(evidence),
        metrics=tuple(_status(finding) for finding in findings),
    )


def rules_of(metrics: Sequence[Metric], alpha: float) -> tuple[MetricRule, ...]:
    """Return the rule of each metric; what a spec leaves out is as `MetricRule` has it."""
    return tuple(_rule(metric, share(alpha, len(metrics))) for metric in metrics)


def _rule(metric: Metric, alpha: float) -> MetricRule:
    asked: dict[str, Any] = {"slo": metric.slo, "required": metric.required}
    if metric.tolerance is not None:
        asked["tolerance"] = metric.tolerance - 1
    if metric.floor is not None:
        asked["floor"] = metric.floor
    if metric.pods is not None and metric.kind == "count":
        asked = {**_RESTARTS, **{key: value for key, value in asked.items() if value is not None}}
    direction: Direction = "down" if metric.direction == "decrease" else "up"
    return MetricRule(metric.name, metric.kind, alpha, direction=direction, **asked)


def read(written: Mapping[str, Any]) -> Evidence:
    """Read the evidence off a status."""
    try:
        return Evidence.model_validate(dict(written))
    except ValidationError:
        return Evidence()


def written(evidence: Evidence) -> dict[str, Any]:
    """Write the evidence for a status."""
    return evidence.model_dump(mode="json", by_alias=True, exclude_none=True)


def at_next_step(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Begin a step: gauges are compared anew, counts go on."""
    return written(next_step(read(evidence))) if evidence else {}


def at_next_release(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Begin a release: how stable's errors cluster stays known; counters do not, for they were another's."""
    kept = next_release(read(evidence))
    return written(
        Evidence(metrics=[one.model_copy(update={"snapshots": [], "updated": None}) for one in kept.metrics])
    )


def _requests(metrics: Iterable[Metric]) -> set[str]:
    """The metrics that count requests; those of pods count seconds."""
    return {metric.name for metric in metrics if metric.kind == "count" and metric.pods is None}


def _in_step(known: MetricEvidence) -> float:
    return known.canary.total - known.before_step


def _verdict(findings: Sequence[Finding], rules: Sequence[MetricRule]) -> Verdict:
    combined = combine(findings, rules)
    # Where no metric is required, none is waited for.
    return "Safe" if combined == "Inconclusive" and not any(rule.required for rule in rules) else combined


def _reason(verdict: Verdict, findings: Sequence[Finding], rules: Sequence[MetricRule]) -> str:
    """Say which metric decides, or is waited for."""
    required = {rule.name for rule in rules if rule.required}
    deciding = [one for one in findings if one.verdict == verdict and (verdict == "Harm" or one.metric in required)]
    return "" if verdict == "Safe" or not deciding else f"{deciding[0].metric}: {deciding[0].reason}"


def _status(finding: Finding) -> MetricStatus:
    eta = finding.eta_seconds
    return MetricStatus(
        name=finding.metric,
        verdict=finding.verdict,
        reason=finding.reason,
        canary=SlotCounts(events=finding.canary.events, total=finding.canary.total),
        stable=SlotCounts(events=finding.stable.events, total=finding.stable.total),
        estimate=_rounded(finding.estimate),
        low=_rounded(finding.low),
        high=_rounded(finding.high),
        e_value=_rounded(finding.e_value),
        e_needed=_rounded(finding.e_needed),
        dispersion=_rounded(finding.dispersion),
        need_requests=finding.need_requests,
        eta="" if eta is None else format_duration(timedelta(seconds=round(eta))),
        outage=finding.outage,
    )


def _rounded(value: float | None) -> float | None:
    """Four digits say enough, and keep a status from changing for nothing."""
    return None if value is None else float(f"{value:.4g}")
