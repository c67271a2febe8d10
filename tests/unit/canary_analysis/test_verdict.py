"""Verdicts as a user reads them."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from operators.canary.analysis.evidence import Evidence, MetricEvidence, absorb, next_step
from operators.canary.analysis.rules import MetricRule, share
from operators.canary.analysis.verdict import Finding, Verdict, combine, judge
from operators.canary.terms import SLOTS, Counts, Reading, Sample, Slot

START = datetime(2026, 3, 1, tzinfo=UTC)
RULE = MetricRule("errors", alpha=0.005, slo=0.01)


def release(looks: int, canary: tuple[float, float], stable: tuple[float, float], every: float = 2.0) -> Evidence:
    """Return evidence of looks with (events, requests) a look, spread evenly: fractions become whole as they add up."""
    evidence = Evidence()
    for number in range(looks + 1):
        readings = tuple(
            Reading("g", slot, Counts(float(int(events * number)), float(int(total * number))))
            for slot, (events, total) in zip(SLOTS, (stable, canary), strict=True)
        )
        evidence = absorb(evidence, Sample("errors", at(number * every), readings), "b")
    return evidence


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


@pytest.mark.parametrize(
    ("reason", "looks", "canary", "stable", "verdict", "says"),
    [
        ("ten times stable", 30, (1.0, 20), (0.9, 180), "Harm", "beyond the 1.00% allowed"),
        ("18 times, within the objective", 150, (0.18, 20), (0.09, 180), "Harm", "more than 2 times stable's"),
        ("as good as stable", 900, (0.1, 20), (0.9, 180), "Safe", "within what is allowed"),
        ("no errors at all", 900, (0, 20), (0, 180), "Safe", "within what is allowed"),
        ("five times, but below the floor", 300, (0.01, 20), (0.018, 180), "Safe", "within what is allowed"),
        ("within the objective, but it leans", 100, (0.08, 20), (0.09, 180), "Inconclusive", "needs"),
        ("too early", 5, (0.1, 20), (0.9, 180), "Inconclusive", "more requests, about"),
        ("worse, but stable is as bad", 100, (4, 20), (36, 180), "Inconclusive", "cannot be told yet"),
        ("all requests fail", 5, (20, 20), (0.9, 180), "Harm", "beyond the 1.00% allowed"),
        ("all fail, one look", 1, (20, 20), (0.9, 180), "Inconclusive", "needs"),
        ("all fail for one client's retries", 3, (20, 20), (0.9, 180), "Inconclusive", "needs"),
    ],
)
def test_verdicts(  # noqa: PLR0917
    reason: str,
    looks: int,
    canary: tuple[float, float],
    stable: tuple[float, float],
    verdict: Verdict,
    says: str,
) -> None:
    finding = judge(RULE, release(looks, canary, stable), at(looks * 2.0))
    assert (finding.verdict, says in finding.reason) == (verdict, True), f"{reason}: {finding}"
    assert (finding.e_value >= finding.e_needed) == (verdict == "Harm")


def test_the_interval_surrounds_the_estimate_and_narrows() -> None:
    early = judge(RULE, release(60, (0.1, 20), (0.9, 180)), at(120))
    late = judge(RULE, release(600, (0.1, 20), (0.9, 180)), at(1200))
    assert early.low is not None
    assert early.high is not None
    assert late.low is not None
    assert late.high is not None
    assert late.estimate == pytest.approx(1.0, abs=0.05)
    assert early.low < late.low < 1.0 < late.high < early.high


def test_what_is_needed_is_about_what_it_takes() -> None:
    finding = judge(RULE, release(60, (0.1, 20), (0.9, 180)), at(120))
    assert finding.need_requests is not None
    assert finding.eta_seconds == pytest.approx(finding.need_requests / 10, rel=0.1)
    more = int(finding.need_requests / 20)
    assert judge(RULE, release(60 + int(more * 0.3), (0.1, 20), (0.9, 180)), at(1e4), stale_s=1e9).verdict != "Safe"
    assert judge(RULE, release(60 + int(more * 2), (0.1, 20), (0.9, 180)), at(1e4), stale_s=1e9).verdict == "Safe"


def test_of_a_harm_that_is_near_nobody_is_told_that_innocence_is_far() -> None:
    finding = judge(RULE, release(8, (0.5, 2), (0.0, 18)), at(16))
    assert (finding.verdict, finding.canary.events) == ("Inconclusive", 4)
    assert finding.need_requests is not None
    assert finding.need_requests < 100, finding


def test_two_times_stable_is_never_called_safe_or_harm() -> None:
    finding = judge(MetricRule("errors"), release(600, (0.2, 20), (0.9, 180)), at(1200))
    assert finding.verdict == "Inconclusive"


def test_alone_the_canary_answers_to_the_objective() -> None:
    evidence = release(200, (0.1, 20), (0.9, 180))
    for number in range(1, 40):
        readings = (
            Reading("g", "a", Counts(180, 36_000)),
            Reading("g", "b", Counts(20 + 30.0 * number, 4_000 + 200.0 * number)),
        )
        evidence = absorb(evidence, Sample("errors", at(400 + 2 * number), readings), "b")
    finding = judge(RULE, evidence, at(480))
    assert finding.verdict == "Harm"
    assert "beyond the 1.00% allowed" in finding.reason


def test_an_outage_holds_whatever_the_evidence() -> None:
    bad = release(30, (1.0, 20), (0.9, 180))
    out = absorb(bad, Sample("errors", at(62), outage="connection refused"), "b")
    assert judge(RULE, bad, at(60)).verdict == "Harm"
    finding = judge(RULE, out, at(62))
    assert (finding.verdict, finding.outage) == ("Inconclusive", "connection refused")
    assert judge(RULE, bad, at(600)).outage == "no reading for 540 s"
    assert judge(RULE, Evidence(), at(0)).outage == "no reading yet"


@pytest.mark.parametrize(
    ("reason", "canary", "stable", "rule", "verdict"),
    [
        ("much more memory", (300, 310, 305), (100, 101, 99), {"tolerance": 0.2}, "Harm"),
        ("one restart each, of two pods: no variance to go by", (1, 1), (0, 0), {"tolerance": 0.2}, "Inconclusive"),
        ("the same", (100, 104, 98), (100, 101, 99), {"tolerance": 0.2}, "Safe"),
        ("more, but it varies", (300, 20, 100), (100, 50, 99), {"tolerance": 0.2}, "Inconclusive"),
        ("one pod each, twice as much", (200,), (100,), {"tolerance": 0.2}, "Inconclusive"),
        ("one pod each, the same", (100,), (100,), {"tolerance": 0.2}, "Safe"),
        ("beyond the limit", (95, 96, 97), (), {"tolerance": None, "slo": 80.0}, "Harm"),
        ("less is worse", (10, 11, 12), (100, 101, 99), {"tolerance": 0.2, "direction": "down"}, "Harm"),
        ("nothing of stable", (100,), (), {"tolerance": 0.2}, "Inconclusive"),
    ],
)
def test_gauges(
    reason: str, canary: tuple[float, ...], stable: tuple[float, ...], rule: dict[str, object], verdict: Verdict
) -> None:
    readings: list[Reading] = []
    slots: tuple[tuple[Slot, tuple[float, ...]], ...] = (("a", stable), ("b", canary))
    for slot, levels in slots:
        readings += [Reading(f"{slot}{number}", slot, Counts(level, 1)) for number, level in enumerate(levels)]
    evidence = absorb(Evidence(), Sample("memory", START, tuple(readings)), "b", "gauge")
    memory = MetricRule("memory", "gauge", **rule)  # type: ignore[arg-type]
    assert judge(memory, evidence, START).verdict == "Inconclusive"
    assert judge(memory, evidence, START, step_ends=True).verdict == verdict, reason


Slots = tuple[tuple[str, Slot, float], ...]


def gauge(levels: Slots, second: float) -> Sample:
    return Sample("memory", at(second), tuple(Reading(pod, slot, Counts(level, 1)) for pod, slot, level in levels))


def test_a_gauge_is_compared_at_a_steps_end_and_then_only_when_read_twice_as_often() -> None:
    """A level that wanders passes any limit some time: who looks again and again would see it."""
    memory = MetricRule("memory", "gauge", tolerance=0.2)
    fine = tuple((f"{slot}{pod}", slot, 100.0 + pod) for slot in SLOTS for pod in range(3))
    high = tuple((pod, slot, level * (4 if slot == "b" else 1)) for pod, slot, level in fine)
    evidence, told = next_step(Evidence()), []
    for second in range(10):
        evidence = absorb(evidence, gauge(fine, second), "b", "gauge")
    for second in range(10, 40):
        evidence = absorb(evidence, gauge(high, second), "b", "gauge", step_ends=True)
        told.append(judge(memory, evidence, at(second), step_ends=True).verdict)
    assert told[:9] == ["Safe"] * 9
    assert told[-1] == "Harm"
    assert evidence.of("memory").steps == 3
    again = absorb(next_step(evidence), gauge(high, 40), "b", "gauge")
    assert judge(memory, again, at(40), step_ends=True).verdict == "Harm"


def one_each(canary: list[float], stable: list[float], **rule: object) -> Verdict:
    """What a step says in which each slot has one reading a look."""
    evidence = next_step(Evidence())
    for second, levels in enumerate(zip(canary, stable, strict=True)):
        readings = tuple((slot, slot, level) for slot, level in zip(("b", "a"), levels, strict=True))
        evidence = absorb(evidence, gauge(readings, second), "b", "gauge")  # type: ignore[arg-type]
    memory = MetricRule("memory", "gauge", alpha=0.005, **rule)  # type: ignore[arg-type]
    return judge(memory, evidence, at(len(canary)), step_ends=True).verdict


def wave(level: float, looks: int = 15) -> list[float]:
    """A level that scatters by a tenth, without any order."""
    return [level * (1 + 0.1 * ((7 * look) % 5 - 2) / 2) for look in range(looks)]


@pytest.mark.parametrize(
    ("reason", "canary", "stable", "rule", "verdict"),
    [
        ("three times as much", wave(300), wave(100), {"tolerance": 1.0}, "Harm"),
        ("as much", wave(100), wave(100), {"tolerance": 1.0}, "Safe"),
        ("beyond the objective", wave(300), wave(100), {"tolerance": None, "slo": 200.0}, "Harm"),
        ("within the objective", wave(100), wave(100), {"tolerance": None, "slo": 200.0}, "Safe"),
        ("stable breaks it as well", wave(300), wave(300), {"tolerance": None, "slo": 200.0}, "Inconclusive"),
        ("never ready", [1.0] * 15, [0.0] * 15, {"tolerance": 1.0, "slo": 0.1}, "Harm"),
        ("still, seen for too short", [1.0] * 15, [0.0] * 15, {"tolerance": 1.0}, "Inconclusive"),
        ("still, and long enough", [1.0] * 40, [0.0] * 40, {"tolerance": 1.0}, "Harm"),
        ("a slope: only one way to look", list(range(15, 30)), [10.0] * 15, {"tolerance": 1.0}, "Inconclusive"),
        ("less is worse", wave(10), wave(100), {"tolerance": 1.0, "direction": "down"}, "Harm"),
    ],
)
def test_one_reading_a_slot_can_end_either_way(
    reason: str, canary: list[float], stable: list[float], rule: dict[str, object], verdict: Verdict
) -> None:
    assert one_each(canary, stable, **rule) == verdict, reason


def test_a_gauge_that_wanders_as_stables_does_is_hardly_ever_harm() -> None:
    random = np.random.default_rng(4)
    harms = 0
    for _ in range(300):
        noise = random.standard_normal((2, 30))
        for look in range(1, 30):
            noise[:, look] += 0.8 * noise[:, look - 1]
        harms += one_each(*(list(10 + row) for row in noise), tolerance=0.0) == "Harm"
    assert harms <= 3


def test_the_comparisons_of_all_steps_share_the_risk() -> None:
    memory = MetricRule("memory", "gauge", alpha=0.01, tolerance=0.2)
    evidence, needed = Evidence(metrics=[MetricEvidence(name="memory")]), []
    for step in range(50):
        evidence = absorb(next_step(evidence), gauge((("p", "b", 9.0), ("q", "a", 9.0)), step), "b", "gauge")
        needed.append(judge(memory, evidence, at(step), step_ends=True).e_needed)
    assert needed[0] == pytest.approx(200)
    assert sum(1 / one for one in needed) <= 0.01


@pytest.mark.parametrize(
    ("reason", "verdicts", "required", "expected"),
    [
        ("any harm", ("Safe", "Harm"), (True, False), "Harm"),
        ("all safe", ("Safe", "Safe"), (True, True), "Safe"),
        ("an optional one need not be", ("Safe", "Inconclusive"), (True, False), "Safe"),
        ("a required one must be", ("Safe", "Inconclusive"), (True, True), "Inconclusive"),
        ("nothing required shows nothing", ("Safe",), (False,), "Inconclusive"),
        ("no finding is no pass", (), (True,), "Inconclusive"),
    ],
)
def test_combine(reason: str, verdicts: tuple[Verdict, ...], required: tuple[bool, ...], expected: Verdict) -> None:
    rules = [MetricRule(str(number), required=one) for number, one in enumerate(required)]
    assert combine([Finding(str(n), one, "") for n, one in enumerate(verdicts)], rules) == expected, reason


@pytest.mark.parametrize(
    "wrong",
    [
        {"alpha": 0.0},
        {"tolerance": None},
        {"tolerance": -0.5},
        {"slo": 99.0},
        {"direction": "down"},
    ],
)
def test_a_rule_that_cannot_be_judged_by_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="metric errors"):
        MetricRule("errors", **wrong)  # type: ignore[arg-type]


def test_alpha_is_shared_over_the_metrics() -> None:
    assert share(0.01, 4) == pytest.approx(0.0025)
