"""A small part of the grid of tests/benchmarks/canary_rules: fails if the statistics break. Seeds are fixed."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from operators.canary.analysis import dispersion
from operators.canary.analysis.evidence import Evidence, absorb
from operators.canary.analysis.rules import MetricRule
from operators.canary.analysis.verdict import judge
from operators.canary.terms import Counts, Reading, Sample
from tests.benchmarks.canary_rules import figures
from tests.benchmarks.canary_rules.grid import CLUSTERINGS, RULES, table
from tests.benchmarks.canary_rules.others import Argo, Flagger, Kayenta
from tests.benchmarks.canary_rules.ours import ALPHA, BETA, LIMITS, Ours, Step
from tests.benchmarks.canary_rules.releases import Outcome, follow
from tests.benchmarks.canary_rules.traffic import Case, Clustering, Traffic

HEALTHY = (0.005, 0.005)


@pytest.mark.parametrize("clustering", CLUSTERINGS)
def test_a_healthy_release_is_hardly_ever_rolled_back(clustering: Clustering) -> None:
    """Few requests are the hardest: two bursts of errors are much, and nobody knows yet that errors come in bursts."""
    outcome = follow(Case("healthy", 5, *HEALTHY, clustering), Ours(400), seed=1)
    assert outcome.rolled_back <= 0.005


@pytest.mark.parametrize("clustering", ["bursts", "autocorrelated"])
def test_a_healthy_release_with_traffic_is_hardly_ever_rolled_back(clustering: Clustering) -> None:
    outcome = follow(Case("healthy", 100, *HEALTHY, clustering), Ours(100), seed=1)
    assert outcome.rolled_back <= 0.02


def test_five_percent_errors_are_found_in_seconds() -> None:
    outcome = follow(Case("5 %", 100, 0.005, 0.05), Ours(200), seed=2)
    assert outcome.detected_s <= 25
    assert outcome.rolled_back == 1.0


@pytest.mark.parametrize("clustering", ["bursts", "autocorrelated"])
def test_clustered_errors_are_found_too(clustering: Clustering) -> None:
    assert follow(Case("5 %", 100, 0.005, 0.05, clustering), Ours(100), seed=3).rolled_back == 1.0


def test_five_percent_errors_are_found_at_five_requests_a_second() -> None:
    assert follow(Case("5 %", 5, 0.005, 0.05), Ours(60), seed=4).detected_s <= 900


def test_a_small_service_failing_eighteen_times_as_often_is_not_promoted() -> None:
    outcome = follow(Case("18x", 100, 0.0005, 0.009), Ours(60), seed=5)
    assert outcome.promoted <= 0.05
    assert outcome.rolled_back >= 0.95


def test_what_cannot_be_told_is_neither_promoted_nor_rolled_back() -> None:
    outcome = follow(Case("2x", 5, 0.005, 0.01), Ours(60), seed=6)
    assert (outcome.promoted, outcome.rolled_back) == (0.0, 0.0)


def test_a_healthy_release_with_traffic_goes_all_the_way() -> None:
    assert follow(Case("healthy", 300, 0.002, 0.002), Ours(40), seed=7).promoted >= 0.9


def test_the_other_rules_do_what_was_found_of_them() -> None:
    """The orders of magnitude of an independent simulation of the documented rules."""
    healthy, regression = Case("healthy", 5, *HEALTHY), Case("18x", 100, 0.0005, 0.009)
    assert follow(healthy, Argo(200, 0), seed=8).rolled_back == pytest.approx(0.95, abs=0.06)
    assert follow(healthy, Argo(200, 3), seed=8).rolled_back == pytest.approx(0.25, abs=0.12)
    assert follow(healthy, Flagger(200, 1), seed=8).rolled_back == pytest.approx(0.89, abs=0.1)
    assert follow(regression, Flagger(200, 5), seed=8).promoted == pytest.approx(0.49, abs=0.15)
    assert follow(Case("5 %", 100, 0.005, 0.05), Flagger(200, 1), seed=8).detected_s == 120
    assert follow(healthy, Kayenta(100), seed=8).rolled_back == 0.0


@pytest.mark.parametrize(("clustering", "low", "high"), [("independent", 1.0, 1.5), ("bursts", 2.4, 3.8)])
def test_dispersion_is_measured(clustering: Clustering, low: float, high: float) -> None:
    traffic, sums = Traffic(Case("healthy", 100, *HEALTHY, clustering), 50, seed=10), dispersion.nothing(10, (50,))
    for look in range(1, 451):
        tick = traffic.tick(np.full(50, 0.1))
        sums = dispersion.absorb_look(sums, look, tick.stable_events, tick.stable_total)
    measured = dispersion.estimate(sums, dispersion.nothing(2, (50,)))
    assert low <= np.median(measured) <= high


def test_the_simulation_and_the_operator_judge_alike() -> None:
    """One release, look by look: the sums of the simulation and the evidence in a status give the same."""
    traffic, ours = Traffic(Case("5 %", 50, 0.005, 0.05, "bursts"), 1, seed=11), Ours(1, (Step(0.1),))
    rule = MetricRule(
        "errors", alpha=ALPHA, beta=BETA, tolerance=(LIMITS.ratio or 1) - 1, floor=LIMITS.floor, slo=LIMITS.slo
    )
    start, counters = datetime(2026, 3, 1, tzinfo=UTC), {"a": Counts(), "b": Counts()}
    zero = tuple(Reading("g", slot, Counts()) for slot in ("a", "b"))
    evidence = absorb(Evidence(), Sample("errors", start, zero), "b")
    ours.ticks = 1  # the operator's first look is where counting starts
    ours.absorb(traffic.tick(np.zeros(1)))
    verdicts = set()
    for number in range(1, 120):
        tick = traffic.tick(np.full(1, 0.1))
        counters["a"] += Counts(float(tick.stable_events[0]), float(tick.stable_total[0]))
        counters["b"] += Counts(float(tick.canary_events[0]), float(tick.canary_total[0]))
        at = start + timedelta(seconds=2 * number)
        readings = tuple(Reading("g", slot, counters[slot]) for slot in ("a", "b"))
        evidence = absorb(evidence, Sample("errors", at, readings), "b")
        ours.ticks += 1
        ours.absorb(tick)
        weighed, finding = ours.weigh(np.array([0])), judge(rule, evidence, at)
        verdicts.add(finding.verdict)
        assert (finding.verdict == "Harm") == bool(weighed.is_harm(ALPHA)[0])
        assert (finding.verdict == "Safe") == bool(weighed.is_safe(BETA)[0] and not weighed.is_harm(ALPHA)[0])
    assert verdicts == {"Inconclusive", "Harm"}


def test_the_page_shows_ours_beside_the_others() -> None:
    outcomes = [
        Outcome(Case("5 %", 100, 0.005, 0.05), RULES[name](1).name, 1.0, seconds, 0.0, np.inf, 10, 900.0)
        for name, seconds in (("ours", 18.0), ("flagger-1", 120.0))
    ]
    section = figures.section(outcomes, 10)
    assert (section.figures[0].value, section.figures[0].verdict) == (18.0, "met")
    assert section.figures[0].peer == "Flagger, threshold 1: 120"
    assert "| AutoMatrix | 100.00% | 18 |" in table(outcomes)


@pytest.mark.parametrize(("found", "releases", "most"), [(0, 3000, 0.00123), (9, 3000, 0.0057), (10, 10, 1.0)])
def test_a_share_of_none_says_the_less_the_fewer_were_followed(found: int, releases: int, most: float) -> None:
    case = Case("healthy", 5, *HEALTHY)
    outcome = Outcome(case, "AutoMatrix", found / releases, np.inf, 0.0, np.inf, releases, 45.0)
    assert outcome.rolled_back_at_most == pytest.approx(most, rel=0.02)
    assert figures.section([outcome], releases).figures[0].value == pytest.approx(100 * most, rel=0.02)


def test_what_is_shipped_catches_what_is_promised_and_promotes_what_is_fine() -> None:
    worse = follow(Case("18x", 100, 0.0005, 0.009), RULES["ours-shipped"](400), seed=3)
    assert worse.promoted <= 0.05
    fine = follow(Case("healthy", 100, *HEALTHY), RULES["ours-shipped"](200), seed=4)
    assert (fine.promoted, fine.rolled_back) == (1.0, 0.0)


def test_the_figure_of_what_is_shipped_stands_beside_ours() -> None:
    outcomes = [
        Outcome(Case("18x", 100, 0.0005, 0.009), RULES[name](1).name, 0.9, 60.0, share, np.inf, 10, 900.0)
        for name, share in (("ours", 0.01), ("ours-shipped", 0.2))
    ]
    found = {one.name: (one.value, one.verdict) for one in figures.section(outcomes, 10).figures}
    assert found["promoted in spite, 18x as many errors, 100 requests/s, as shipped"] == (20.0, "**missed**")
