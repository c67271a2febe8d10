"""What changes the price of a resource, one input at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from cluster.environments import DEV, PROD, STAGING, load
from cluster.graph import Graph
from cluster.reports.cost import Cost, cost
from cluster.usage import profile
from tests.support.aws_graphs import captured, changed, graph, reported


def forecast(found: Graph) -> Cost:
    return cost(found, profile(load(found.environment)))


def more(name: str, key: str, path: str, value: Any) -> float:
    """Return how much dearer an environment gets when one input has another value."""
    return forecast(graph(name).altered(key, path, value)).total.expected - reported(name).cost.total.expected


CASES: dict[str, tuple[str, str, str, Any, float]] = {
    "a bigger node": ("prod", "ec2.Instance/node-web", "instanceType", "m7g.xlarge", 4 * 730 * 0.0816),
    "a node more on average": ("prod", "ec2.Instance/node-web", "expected.count", 5, 730 * 0.0816),
    "Spot given up": ("prod", "ec2.Instance/node-workers", "capacityType", "ON_DEMAND", 4 * 730 * 0.0816 * 0.6),
    "a schedule": ("prod", "ec2.Instance/node-web", "expected.hoursPerWeek", 84, -4 * 730 * 0.0816 / 2),
    "a smaller disk": ("prod", "ebs.Volume/prometheus", "size", 20, -30 * 0.08),
    "a zone less for an end point": ("prod", "ec2.VpcEndpoint/kms", "subnetIds", ["a", "b"], -730 * 0.01),
    "a snapshot less of the cache": (
        "prod", "elasticache.ReplicationGroup/cache", "snapshotRetentionLimit", 6, -1 * 0.085,
    ),
    "a replica more": ("prod", "elasticache.ReplicationGroup/cache", "numCacheClusters", 3, 730 * 0.052),
    "a fifo queue": ("prod", "sqs.Queue/jobs", "fifoQueue", True, 6 * 0.10),
    "logs kept twice as long": (
        "prod", "cloudwatch.LogGroup/services", "retentionInDays", 180, 20 * 90 / (365 / 12) * 0.03,
    ),
    "an alarm every ten seconds": ("prod", "cloudwatch.MetricAlarm/queue-age", "period", 10, 0.20),
    "continuous recording": ("prod", "cfg.Recorder/account", "recordingMode.recordingFrequency", "CONTINUOUS", -22.50),
    "a fast health check": ("prod", "route53.HealthCheck/api", "requestInterval", 10, 1.00),
    "a bigger database": ("staging", "rds.ClusterInstance/hub-0", "instanceClass", "db.r7g.large", 201.48 - 61.32),
    "longer backups in the vault": ("staging", "backup.Plan/daily", "rules.0.lifecycle.deleteAfter", 15, 20 * 0.021),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_one_input_changes_the_total_by_what_it_costs(case: str) -> None:
    name, key, path, value, expected = CASES[case]
    assert more(name, key, path, value) == pytest.approx(expected, abs=1e-6)


def lines(found: Cost, key: str) -> dict[str, float]:
    return {line.what: line.amount.expected for line in found.lines if line.resource == key}


def test_a_version_that_stays_out_of_support_costs_six_times_and_one_that_aws_upgrades_nothing() -> None:
    upgraded = graph("prod").altered("eks.Cluster/cluster-eksCluster", "version", "1.34")
    outdated = upgraded.altered("eks.Cluster/cluster-eksCluster", "upgradePolicy.supportType", "EXTENDED")
    usage = profile(PROD)
    same = [cost(upgraded, usage, today=date(2026, 12, day)).total.expected for day in (2, 3)]
    assert same[0] == same[1]
    before = cost(outdated, usage, today=date(2026, 12, 2)).total.expected
    after = cost(outdated, usage, today=date(2026, 12, 3)).total.expected
    assert after - before == pytest.approx(730 * 0.50)
    assert cost(outdated, usage).total.expected == before


def test_an_instance_type_without_a_price_is_unpriced_and_named() -> None:
    found = forecast(graph("prod").altered("ec2.Instance/node-web", "instanceType", "x9g.huge"))
    assert ("ec2.Instance/node-web", "the price data has no ec2.x9g.huge") in [
        (one.resource, one.reason) for one in found.unpriced
    ]


def test_rds_with_a_standby_costs_twice_in_hours_and_storage() -> None:
    alone = changed(STAGING, "database", engine="rds", instance_type="db.t4g.small", readers=0)
    both = changed(STAGING, "database", engine="rds", instance_type="db.t4g.small", readers=1)
    one, other = (lines(forecast(captured(each)), "rds.Instance/hub") for each in (alone, both))
    assert one["hours"] == pytest.approx(730 * 0.032)
    assert one["storage"] == pytest.approx(20 * 0.115)
    assert (other["hours"], other["storage"]) == pytest.approx((2 * one["hours"], 2 * one["storage"]))


def test_auto_mode_adds_its_fee_to_every_node_at_the_full_price() -> None:
    automatic = changed(STAGING, "compute", mode="auto")
    found = cost(captured(automatic), profile(automatic))
    web = lines(found, "ec2.Instance/node-web")
    assert web["hours"] == pytest.approx(730 * 0.0816)
    assert web["Auto Mode"] == pytest.approx(730 * 0.0816 * 0.12)
    assert "ec2.NodeGroup/system" not in found.resources()


def test_production_on_serverless_costs_what_the_estimate_says_less() -> None:
    """Three ACU on average instead of two instances: about 1,410 instead of 1,550."""
    serverless = changed(PROD, "database", engine="aurora-serverless", instance_type=None, expected_acu=3)
    found = cost(captured(serverless), profile(serverless))
    assert reported("prod").cost.total.expected - found.total.expected == pytest.approx(2 * 201.48 - 3 * 730 * 0.12)


def test_io_optimized_storage_has_no_io_charge_and_its_instances_no_price() -> None:
    found = forecast(graph("prod").altered("rds.Cluster/hub", "storageType", "aurora-iopt1"))
    assert "I/O" not in lines(found, "rds.Cluster/hub")
    assert lines(found, "rds.Cluster/hub")["storage"] == pytest.approx(100 * 0.225)
    assert [one.resource for one in found.unpriced if "I/O-Optimized" in one.reason] == [
        "rds.ClusterInstance/hub-0",
        "rds.ClusterInstance/hub-1",
    ]


def test_what_stands_in_another_region_is_counted_at_a_borrowed_price_and_marked() -> None:
    away = [line for line in reported("prod").cost.lines if line.resource == "rds.Cluster/hub-secondary"]
    assert {line.is_assumption for line in away} == {True}
    assert all("us-west-2" in line.note for line in away)


def test_development_is_made_of_what_its_specification_says() -> None:
    twice = changed(DEV, "database", expected_acu=0.6)
    found = cost(graph("dev"), profile(twice))
    assert found.total.expected - reported("dev").cost.total.expected == pytest.approx(0.3 * 730 * 0.12)


def test_the_tiers_are_those_of_the_tags() -> None:
    where: dict[str, Callable[[Cost], set[str]]] = {
        tier: lambda found, tier=tier: {line.resource for line in found.lines if line.tier == tier}  # type: ignore[misc]
        for tier in ("edge", "compute", "data", "observability", "security")
    }
    seen = reported("prod").cost
    assert set(seen.tiers()) == set(where)
    assert "ec2.NatGateway/a" in where["edge"](seen)
    assert "lb.LoadBalancer/web" in where["edge"](seen)
    assert "ec2.Instance/node-web" in where["compute"](seen)
    assert "rds.ClusterInstance/hub-0" in where["data"](seen)
    assert "kms.Key/data" in where["security"](seen)
    assert "cloudwatch.Dashboard/main" in where["observability"](seen)
