"""Laws of the canary's evidence that hold for readings nobody wrote down."""

from datetime import UTC, datetime, timedelta
from itertools import product
from math import comb

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln

from operators.canary.analysis.decision import Counted, Limits, weigh
from operators.canary.analysis.evidence import Evidence, absorb
from operators.canary.analysis.rules import MetricRule
from operators.canary.analysis.sequence import LOG_RATIOS, absolute_evidence, at_ratio, mixture, relative_gain
from operators.canary.analysis.verdict import judge
from operators.canary.terms import Counts, Reading, Sample

START = datetime(2026, 3, 1, tzinfo=UTC)
RULES = (MetricRule("m", slo=0.01), MetricRule("m", tolerance=None, slo=0.05), MetricRule("m", tolerance=0.2, floor=0))

ADDED = st.tuples(st.integers(0, 30), st.integers(0, 300)).map(lambda pair: (min(pair), pair[1]))
READINGS = st.dictionaries(st.tuples(st.sampled_from(["g", "h"]), st.sampled_from(["a", "b"])), ADDED, max_size=4)
LOOKS = st.lists(
    st.tuples(st.sampled_from(["look", "look", "look", "outage", "restart", "late"]), READINGS, st.integers(1, 90)),
    max_size=25,
)


def samples(looks: list[tuple[str, dict[tuple[str, str], tuple[int, int]], int]]) -> list[Sample]:
    """Turn what was added into counters, with restarts, outages and late samples among them."""
    counters: dict[tuple[str, str], tuple[float, float]] = {}
    second, made = 0.0, []
    for kind, added, passed in looks:
        second += passed
        for key, (events, total) in added.items():
            old = (0.0, 0.0) if kind == "restart" else counters.get(key, (0.0, 0.0))
            counters[key] = (old[0] + events, old[1] + total)
        readings = tuple(Reading(replica, slot, Counts(*counters[replica, slot])) for replica, slot in added)  # type: ignore[arg-type]
        when = START + timedelta(seconds=second - (200 if kind == "late" else 0))
        made.append(Sample("m", when, readings, "down" if kind == "outage" else ""))
    return made


@given(LOOKS, st.sets(st.integers(0, 24)))
def test_a_restart_at_any_look_changes_no_verdict(
    looks: list[tuple[str, dict[tuple[str, str], tuple[int, int]], int]], restarts: set[int]
) -> None:
    steady, restarted = Evidence(), Evidence()
    for number, sample in enumerate(samples(looks)):
        steady, restarted = absorb(steady, sample, "b"), absorb(restarted, sample, "b")
        if number in restarts:
            restarted = Evidence.model_validate_json(restarted.model_dump_json(by_alias=True, exclude_none=True))
        assert restarted == steady
        for rule in RULES:
            assert judge(rule, restarted, sample.at) == judge(rule, steady, sample.at)


@given(LOOKS)
def test_never_more_is_counted_than_happened(
    looks: list[tuple[str, dict[tuple[str, str], tuple[int, int]], int]],
) -> None:
    evidence = Evidence()
    for sample in samples(looks):
        evidence = absorb(evidence, sample, "b")
    known = evidence.of("m")
    for slot, tally in (("a", known.stable), ("b", known.canary)):
        happened = [counts for _, added, _ in looks for (_, each), counts in added.items() if each == slot]
        assert tally.events <= sum(events for events, _ in happened)
        assert tally.total <= sum(total for _, total in happened)
        assert tally.events <= tally.total
    assert known.dispersion >= 1


@given(LOOKS)
def test_an_outage_neither_passes_nor_fails(
    looks: list[tuple[str, dict[tuple[str, str], tuple[int, int]], int]],
) -> None:
    evidence, last = Evidence(), START
    for sample in samples(looks):
        evidence, last = absorb(evidence, sample, "b"), max(last, sample.at)
    before = evidence.of("m")
    evidence = absorb(evidence, Sample("m", last + timedelta(seconds=1), outage="down"), "b")
    assert evidence.of("m").model_copy(update={"outage": before.outage}) == before.model_copy(update={"name": "m"})
    for rule in RULES:
        assert judge(rule, evidence, last).verdict == "Inconclusive"


SHARE = st.floats(0.01, 0.99)
SPLITS = st.lists(st.tuples(st.integers(0, 4), SHARE), min_size=1, max_size=3)


@settings(max_examples=60)
@given(SPLITS, st.sampled_from([1.0, 1.5, 2.0, 5.0]))
def test_the_e_value_of_the_ratio_is_one_on_average(looks: list[tuple[int, float]], ratio: float) -> None:
    """Weigh all ways in which errors can fall on the arms by how likely they are: the mean is 1, or alpha says nothing.

    The share of each look may be anything: a step, or an autoscaler, changes it on the way.
    """
    mean = 0.0
    for mine in product(*(range(events + 1) for events, _ in looks)):
        likelihood, chance = np.zeros(len(LOG_RATIOS)), 1.0
        for (events, share), each in zip(looks, mine, strict=True):
            arms = (np.array(float(each)), np.array(share)), (np.array(float(events - each)), np.array(1 - share))
            likelihood = likelihood + relative_gain(*arms)
            falls = share * ratio / (share * ratio + 1 - share)
            chance *= comb(events, each) * falls**each * (1 - falls) ** (events - each)
        mean += chance * float(np.exp(mixture(likelihood) - at_ratio(likelihood, float(np.log(ratio)))))
    assert abs(mean - 1) < 1e-3


@given(st.integers(0, 200_000), st.integers(0, 20_000), st.floats(0.01, 0.99), st.floats(1.0, 5.0))
def test_a_ratio_between_those_followed_is_read_closely(mine: int, theirs: int, share: float, ratio: float) -> None:
    arms = (np.array(float(mine)), np.array(share)), (np.array(float(theirs)), np.array(1 - share))
    exact = mine * np.log(ratio) - (mine + theirs) * np.log1p(share * (ratio - 1))
    assert abs(float(at_ratio(relative_gain(*arms), float(np.log(ratio)))) - exact) < 0.2


@given(st.integers(1, 400), st.floats(1e-4, 0.5))
def test_the_e_value_of_the_rate_is_one_on_average(total: int, rate: float) -> None:
    events = np.arange(total + 1.0)
    ways = gammaln(total + 1) - gammaln(events + 1) - gammaln(total - events + 1)
    chance = ways + events * np.log(rate) + (total - events) * np.log1p(-rate)
    mean = float(np.exp(chance + absolute_evidence(events, np.full_like(events, total), rate)).sum())
    assert abs(mean - 1) < 1e-6


COUNTED = st.tuples(st.integers(0, 200), st.integers(0, 2_000), st.integers(0, 500), st.integers(0, 20_000))


@given(COUNTED, st.floats(1.0, 30.0), st.sampled_from([None, 0.01, 0.2]), st.sampled_from([0, 1, 2, 3, 9]))
def test_whatever_was_measured_of_the_clustering_only_lowers_evidence(
    numbers: tuple[int, int, int, int], clustering: float, slo: float | None, incidents: int
) -> None:
    """So that no look at the data through the dispersion, however chosen, can raise the risk above alpha."""
    mine, theirs = (min(numbers[:2]), numbers[1]), (min(numbers[2:]), numbers[3])
    arms = [(np.array(float(events)), np.array(float(total))) for events, total in (mine, theirs)]
    weighed = [
        weigh(
            Counted(*arms[0], relative_gain(*arms), np.array(each), np.array(float(many)), np.array(0.0)),
            Limits(2.0, 0.001, slo),
        )
        for each, many in ((1.0, 9), (clustering, 9), (clustering, incidents))
    ]
    independent, clustered, few = (max(float(one.harm), 0.0) for one in weighed)
    assert few <= clustered + 1e-9
    assert clustered <= independent + 1e-9


@settings(max_examples=30)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(2, 40))
def test_more_errors_of_the_canary_are_never_less_harm(events: int, more: int, looks: int) -> None:
    findings = []
    for each in (events, events + more):
        evidence = Evidence()
        for number in range(looks + 1):
            share = number / looks
            readings = (
                Reading("g", "a", Counts(float(round(20 * share)), float(round(9000 * share)))),
                Reading("g", "b", Counts(float(round(each * share)), float(round(1000 * share)))),
            )
            evidence = absorb(evidence, Sample("m", START + timedelta(seconds=2 * number), readings), "b")
        findings.append(judge(RULES[0], evidence, START + timedelta(seconds=2 * looks)))
    order = ["Safe", "Inconclusive", "Harm"]
    assert order.index(findings[0].verdict) <= order.index(findings[1].verdict)
