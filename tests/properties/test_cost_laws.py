"""Laws of the forecast that hold for usage and prices nobody wrote down."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.environments import load
from cluster.graph import Resource
from cluster.prices import load as load_prices
from cluster.reports.cost import Line, cost, difference
from cluster.reports.cost.pricing import Pricing
from cluster.usage import NOTHING, Quantity, Range, Usage, profile
from tests.support.aws_graphs import NAMES, graph, reported

FIGURES = [one.name for one in fields(Usage) if isinstance(getattr(profile(load("prod")), one.name), Quantity)]
AMOUNTS = st.floats(0, 1e6, allow_nan=False, allow_subnormal=False)
RANGES = st.lists(AMOUNTS, min_size=3, max_size=3).map(lambda found: Range(*sorted(found)))
ENVIRONMENTS = st.sampled_from(NAMES)
TIERED = [price.key for price in load_prices() if price.first_tier is not None]


def of_all(value: Range) -> tuple[float, float, float]:
    return value.low, value.expected, value.high


def at_most(one: Range, other: Range) -> bool:
    """Whether nothing of it is more, but for what floats lose when they are added in another order."""
    return all(left <= right + 1e-9 * abs(right) + 1e-9 for left, right in zip(of_all(one), of_all(other), strict=True))


@given(ENVIRONMENTS, st.sampled_from(FIGURES), st.floats(1, 100))
def test_more_use_never_costs_less(name: str, field: str, factor: float) -> None:
    usage = reported(name).usage
    figure: Quantity = getattr(usage, field)
    found = cost(graph(name), usage.having(**{field: Quantity(figure.range * factor, figure.why)}))
    assert at_most(reported(name).cost.total, found.total)


@given(ENVIRONMENTS, st.sampled_from([price.key for price in load_prices()]), st.floats(1, 10))
def test_a_higher_price_never_costs_less(name: str, key: str, factor: float) -> None:
    prices = load_prices()
    if prices[key].unit == "ratio":
        return
    found = cost(graph(name), reported(name).usage, prices.having(key, prices[key].value * factor))
    assert at_most(reported(name).cost.total, found.total)


@given(ENVIRONMENTS, st.lists(st.sampled_from(FIGURES), unique=True), RANGES)
def test_low_is_at_most_expected_and_expected_at_most_high(name: str, chosen: list[str], value: Range) -> None:
    usage = replace(reported(name).usage, **{field: Quantity(value, "any") for field in chosen})  # type: ignore[arg-type]
    for line in cost(graph(name), usage).lines:
        assert 0 <= line.amount.low <= line.amount.expected <= line.amount.high


@given(ENVIRONMENTS)
def test_tiers_and_resources_add_up_to_the_total(name: str) -> None:
    seen = reported(name).cost
    for parts in (seen.tiers(), seen.resources()):
        summed = reduce(Range.__add__, parts.values(), NOTHING)
        assert of_all(summed) == pytest.approx(of_all(seen.total))


@given(st.integers(20, 5000), st.sampled_from(["db.t4g.micro", "db.t4g.small", "db.r7g.large"]), st.integers(0, 35))
def test_multi_az_doubles_hours_and_storage(size: int, kind: str, days: int) -> None:
    found = []
    for both in (False, True):
        inputs = {
            "instanceClass": kind, "allocatedStorage": size, "storageType": "gp3", "multiAz": both,
            "backupRetentionPeriod": days,
        }  # fmt: skip
        one = Resource(urn="", type="aws:rds/instance:Instance", name="hub", inputs=inputs)
        seen = cost(graph("staging").having(one), reported("staging").usage)
        found.append({line.what: line.amount.expected for line in seen.lines if line.resource == one.key})
    alone, doubled = found
    assert doubled["hours"] == pytest.approx(2 * alone["hours"])
    assert doubled["storage"] == pytest.approx(2 * alone["storage"])
    assert doubled["backup"] == pytest.approx(alone["backup"])


@given(st.integers(0, 5))
def test_cache_nodes_cost_alike(replicas: int) -> None:
    altered = graph("prod").altered("elasticache.ReplicationGroup/cache", "numCacheClusters", 1 + replicas)
    seen = cost(altered, reported("prod").usage)
    hours = next(line for line in seen.lines if line.what == "node hours")
    assert hours.amount.expected == pytest.approx((1 + replicas) * 730 * 0.052)


@given(st.sampled_from(TIERED), st.floats(0, 3))
def test_beyond_the_first_tier_the_amount_goes_on_and_is_marked_as_an_upper_bound(key: str, share: float) -> None:
    of = Pricing(graph("prod"), reported("prod").usage, load_prices())
    price = load_prices()[key]
    assert price.first_tier is not None
    quantity = price.first_tier * share
    line = of.line(graph("prod")["ec2.Vpc/main"], "anything", key, quantity)
    assert isinstance(line, Line)
    assert line.amount.expected == pytest.approx(quantity * price.value)
    assert ("an upper bound" in line.note) == (quantity > price.first_tier)


@pytest.mark.parametrize("key", TIERED)
def test_the_boundary_itself_is_within_the_tier(key: str) -> None:
    of = Pricing(graph("prod"), reported("prod").usage, load_prices())
    tier = load_prices()[key].first_tier
    assert tier is not None
    resource = graph("prod")["ec2.Vpc/main"]
    at, after = (of.line(resource, "anything", key, quantity) for quantity in (tier, tier + 1))
    assert isinstance(at, Line)
    assert isinstance(after, Line)
    assert "upper bound" not in at.note
    assert "upper bound" in after.note


@given(st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_a_difference_is_the_sum_of_its_changes_and_turns_round(before: str, after: str) -> None:
    there = difference(reported(before).cost, reported(after).cost)
    back = difference(reported(after).cost, reported(before).cost)
    changed = sum(change.expected for change in there.changes)
    assert changed == pytest.approx(there.expected, abs=0.25)  # each line below half a cent is no change
    assert there.expected == pytest.approx(-back.expected)
    assert {(one.resource, one.what) for one in there.changes} == {(one.resource, one.what) for one in back.changes}


@given(RANGES, RANGES, st.floats(0, 100))
def test_ranges_are_added_and_multiplied_value_by_value(one: Range, other: Range, factor: float) -> None:
    assert one + other == other + one
    assert of_all((one + other) * factor) == pytest.approx(of_all(one * factor + other * factor))
    assert one + NOTHING == one
