"""Every type of resource is priced, declared free, or unpriced with its reason: in environments and variants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from cluster.environments import DEV, PROD, STAGING
from cluster.graph import Resource
from cluster.prices import load as load_prices
from cluster.reports.cost import Cost, cost
from cluster.reports.cost.rules import FREE, RULES, UNPRICED, free_reason
from cluster.specification import Environment
from cluster.usage import profile
from tests.support.aws_graphs import NAMES, captured, changed, graph, reported

VARIANTS: dict[str, Callable[[], Environment]] = {
    "Auto Mode": lambda: changed(STAGING, "compute", mode="auto"),
    "RDS": lambda: changed(STAGING, "database", engine="rds", instance_type="db.t4g.small", readers=1),
    "Grafana, Datadog and New Relic": lambda: changed(DEV, "observability", grafana=True, datadog=True, new_relic=True),
    "every watcher in staging": lambda: changed(
        STAGING, "detection", configuration_history=True, threats=True, posture=True, vulnerabilities=True
    ),
    "production on Serverless v2": lambda: changed(
        PROD, "database", engine="aurora-serverless", instance_type=None, expected_acu=3
    ),
}


def forecast(environment: Environment) -> Cost:
    return cost(captured(environment), profile(environment))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_unknown_in_an_environment(name: str) -> None:
    assert reported(name).cost.unknown == ()


@pytest.mark.parametrize("name", VARIANTS)
def test_nothing_is_unknown_in_a_variant(name: str) -> None:
    assert forecast(VARIANTS[name]()).unknown == ()


def test_a_type_that_nobody_has_thought_of_is_named_and_counted() -> None:
    new = Resource(urn="", type="aws:redshift/cluster:Cluster", name="warehouse")
    found = cost(graph("dev").having(new), profile(DEV))
    assert found.unknown == ("aws:redshift/cluster:Cluster",)
    assert found.states()["unknown"] == 1
    assert [one.resource for one in found.unpriced] == ["redshift.Cluster/warehouse"]
    assert found.total == reported("dev").cost.total


def test_a_type_is_in_one_state_only() -> None:
    assert not RULES.keys() & UNPRICED.keys()
    assert not (RULES.keys() | UNPRICED.keys()) & FREE.keys()
    for kind in (*RULES, *UNPRICED):
        assert free_reason(Resource(urn="", type=kind, name="any")) is None, kind


def test_each_state_says_why() -> None:
    assert all(FREE.values())
    assert all(what and why for what, why in UNPRICED.values())
    for name in NAMES:
        assert all(one.reason for one in reported(name).cost.unpriced)
        assert all(line.reason for line in reported(name).cost.lines)


@pytest.mark.parametrize("name", NAMES)
def test_every_resource_is_somewhere(name: str) -> None:
    seen = reported(name).cost
    with_lines = {line.resource for line in seen.lines} | {one.resource for one in seen.unpriced}
    without = [one for one in graph(name) if one.key not in with_lines]
    assert [one.key for one in without if free_reason(one) is None] == []
    assert sum(one.count for one in seen.free) == len(without)


@pytest.mark.parametrize("name", NAMES)
def test_each_line_says_where_its_price_comes_from(name: str) -> None:
    for line in reported(name).cost.lines:
        assert line.price.source, line
        assert line.price.as_of, line
        assert line.price.unit.startswith("USD/"), line


@pytest.mark.parametrize("name", NAMES)
def test_what_controllers_create_is_marked(name: str) -> None:
    declared = {line.resource for line in reported(name).cost.lines if line.is_declared}
    assert {"lb.LoadBalancer/web", "ec2.Instance/node-workers", "ebs.Volume/prometheus"} <= declared
    assert not [key for key in declared if not graph(name)[key].is_declared]


def test_a_price_that_is_taken_away_makes_charges_unpriced_instead_of_free() -> None:
    prices = load_prices()
    without = replace(prices, rows={key: row for key, row in prices.rows.items() if key != "nat.hour"})
    found = cost(graph("prod"), profile(PROD), without)
    lost = [one for one in found.unpriced if one.what == "hours"]
    assert [one.resource for one in lost] == [f"ec2.NatGateway/{zone}" for zone in "abc"]
    assert lost[0].reason == "the price data has no nat.hour"
    assert reported("prod").cost.total.expected - found.total.expected == pytest.approx(3 * 730 * 0.045)


def test_every_kept_price_is_used_or_belongs_to_an_alternative() -> None:
    used = {line.price.key for name in NAMES for line in reported(name).cost.lines}
    for build in (VARIANTS["Auto Mode"], VARIANTS["RDS"]):
        used |= {line.price.key for line in forecast(build()).lines}
    families = {key.split(".")[0] for key in used}
    # Ratios go with prices; Fargate is only compared with.
    assert {price.key.split(".")[0] for price in load_prices()} - families == {"spot", "savings", "fargate"}
