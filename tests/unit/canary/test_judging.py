"""From a spec and samples to a verdict: what a user has not said, what several metrics say together, and restarts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from operators.canary.analysis.rules import MetricRule
from operators.canary.judging import at_next_release, at_next_step, judge, rules_of
from operators.canary.measured import metrics_of, unreadable
from operators.canary.models import CanarySpec, Metric
from operators.canary.terms import Counts, Reading, Sample
from operators.canary.verdicts import Case, Judgement
from tests.support.canary_world import spec as good

START = datetime(2026, 3, 1, tzinfo=UTC)
ERRORS = Metric.model_validate({"name": "errors", "gateway": {}, "floor": 0.05})
CRASHES = Metric.model_validate({"name": "crashes", "pods": {}, "required": False})


def spec(**more: Any) -> CanarySpec:
    return CanarySpec.model_validate(good(**{"analysis": None, **more}))


def looks(metrics: tuple[Metric, ...], bad: float, number: int, evidence: dict[str, Any] | None = None) -> Judgement:
    """Look every 2 s; a tenth of 1000 requests a look is the candidate's, of which `bad` fail."""
    kept: dict[str, Any] = evidence or {}
    judged = Judgement("Inconclusive")
    for look in range(number):
        counts = {"a": Counts(0, 900.0 * look), "b": Counts(bad * 100.0 * look, 100.0 * look)}
        readings = tuple(Reading("pod", slot, counts[slot]) for slot in ("a", "b"))
        at = START + timedelta(seconds=2 * look)
        samples = tuple(Sample(metric.name, at, readings) for metric in metrics)
        judged = judge(Case(metrics, 0.01, kept, samples, "b", at))
        kept = json.loads(json.dumps(dict(judged.evidence)))  # as a status keeps it
    return judged


def test_errors_are_harm_with_numbers_a_user_can_read() -> None:
    judged = looks((ERRORS,), 0.3, 10)
    assert judged.verdict == "Harm"
    assert judged.reason.startswith("errors: ")
    assert judged.requests == 900
    told = judged.metrics[0]
    assert (told.canary.events, told.stable.total) == (270, 8100)
    assert told.e_value is not None
    assert told.e_needed == 100
    assert told.e_value > 100


def test_no_errors_are_safe_and_the_metric_that_is_waited_for_is_named() -> None:
    assert looks((ERRORS,), 0, 30).verdict == "Safe"
    early = looks((ERRORS.but(floor=None),), 0, 2)
    assert early.verdict == "Inconclusive"
    assert early.reason.startswith("errors: ")
    assert early.metrics[0].need_requests
    assert early.metrics[0].eta


def test_what_is_not_required_is_not_waited_for_and_can_do_harm() -> None:
    loose = (ERRORS.but(required=False),)
    assert looks(loose, 0, 2).verdict == "Safe"
    assert looks(loose, 0.3, 10).verdict == "Harm"
    assert judge(Case((), 0.01, {}, (), "b", START)).verdict == "Safe"


def test_an_outage_passes_nothing() -> None:
    sample = Sample("errors", START, outage="the pod is gone")
    judged = judge(Case((ERRORS,), 0.01, {}, (sample,), "b", START))
    assert judged.verdict == "Inconclusive"
    assert judged.metrics[0].outage == "the pod is gone"


def test_a_pods_seconds_are_no_requests() -> None:
    assert looks((CRASHES,), 0, 5).requests == 0


RESTARTS = Metric.model_validate({"name": "restarts", "pods": {}})


def crashes(times: list[float], seconds: int, pods: int = 1) -> Judgement:
    """Look at pods of the candidate, of which the first crashes at these times, beside nine quiet ones of stable."""
    kept: dict[str, Any] = {}
    judged = Judgement("Inconclusive")
    for second in range(0, seconds + 1, 2):
        at = START + timedelta(seconds=second)
        quiet = [Reading(f"a-{pod}", "a", Counts(0, float(second))) for pod in range(9)]
        mine = [Reading(f"b-{pod}", "b", Counts(0, float(second))) for pod in range(1, pods)]
        sick = Reading("b-0", "b", Counts(float(sum(one <= second for one in times)), float(second)))
        sample = Sample("restarts", at, (*quiet, *mine, sick))
        judged = judge(Case((RESTARTS, ERRORS.but(required=False)), 0.01, kept, (sample,), "b", at))
        kept = dict(judged.evidence)
    return judged


def test_pods_that_stay_up_block_no_release() -> None:
    assert crashes([], 10).verdict == "Safe"
    assert crashes([], 600, pods=4).verdict == "Safe"


def test_a_pod_that_crashes_at_every_start_is_harm_within_a_minute() -> None:
    """As the kubelet starts it again: at once, after 10 s, after 20 s, after 40 s."""
    judged = crashes([2, 13, 35], 60)
    assert judged.verdict == "Harm"
    assert "pod seconds" in judged.reason
    assert crashes([2, 13, 35], 60, pods=4).verdict == "Harm"


def test_a_single_restart_is_no_harm() -> None:
    assert crashes([20], 30).verdict != "Harm"
    assert crashes([20], 1200).verdict == "Safe"


def test_what_a_spec_leaves_out_is_as_the_analysis_has_it() -> None:
    plain, default = (
        rules_of((Metric.model_validate({"name": "errors", "gateway": {}}),), 0.01)[0],
        MetricRule("errors"),
    )
    assert plain == default
    asked = Metric.model_validate({"name": "m", "kind": "gauge", "pods": {"signal": "notReady"}, "tolerance": 3})
    first, _ = rules_of((asked.but(direction="decrease"), ERRORS), 0.02)
    assert (first.tolerance, first.direction, first.alpha) == (2, "down", 0.01)


def test_a_steps_requests_are_its_own() -> None:
    first = looks((ERRORS,), 0, 10)
    assert first.requests == 900
    assert looks((ERRORS,), 0, 1, at_next_step(first.evidence)).requests == 0


def test_evidence_of_another_time_is_begun_anew_and_never_an_error() -> None:
    assert looks((ERRORS,), 0, 1, {"metrics": "what an older version wrote"}).verdict == "Inconclusive"
    assert at_next_step({}) == {}
    ended = looks((ERRORS,), 0.3, 10)
    begun = at_next_release(ended.evidence)
    assert looks((ERRORS,), 0, 2, begun).metrics[0].canary.events == 0


@pytest.mark.parametrize(
    ("reason", "more", "names", "required"),
    [
        ("nothing is said", {}, ["errors", "latency"], [True, True]),
        ("none is wanted", {"analysis": {"metrics": []}}, [], []),
        ("previews are few", {"strategy": "blueGreen", "steps": None}, ["errors", "latency"], [False, False]),
        ("an ALB", {"traffic": {"parentRefs": [{"name": "g"}], "router": "alb"}}, ["errors", "latency"], [True, False]),
    ],
)
def test_metrics_that_come_by_themselves(reason: str, more: dict[str, Any], names: list[str], required: Any) -> None:
    found = metrics_of(spec(**more))
    assert ([one.name for one in found], [one.required for one in found]) == (names, required), reason
    assert unreadable(spec(**more)) == ""


def test_what_a_router_cannot_count_is_named() -> None:
    alb = {"parentRefs": [{"name": "g"}], "router": "alb"}
    slow = {"name": "slow", "gateway": {"signal": "latency", "above": "1s"}}
    assert "as a gauge" in unreadable(spec(traffic=alb, analysis={"metrics": [slow]}))
    few = spec(steps=[{"weight": 5, "minRequests": 9}], analysis={"metrics": [{"name": "c", "pods": {}}]})
    assert "minRequests" in unreadable(few)
