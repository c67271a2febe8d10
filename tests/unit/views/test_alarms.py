"""Every alarm leads to a page that says what to do, and every page is led to."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.graph import Graph
from cluster.reports.alarms import FOLDER, Rings, alarms, together
from tests.support.aws_graphs import NAMES, graph

PAGES = Path(__file__).resolve().parents[3] / FOLDER
PARTS = ("## What it means", "## First look", "## Likely causes", "## Mend", "## Escalate")


def every() -> tuple[Rings, ...]:
    return together([graph(name) for name in NAMES])


def texts() -> dict[str, str]:
    return {one.stem: one.read_text(encoding="utf-8") for one in PAGES.glob("*.md") if one.stem != "README"}


def test_no_alarm_is_without_a_runbook_and_no_runbook_without_an_alarm() -> None:
    assert {one.runbook for one in every()} == set(texts())


def test_an_alarm_that_names_no_page_is_found() -> None:
    silent = graph("prod").altered("cloudwatch.MetricAlarm/queue-dead", "alarmDescription", "Work was given up")
    assert "" in {one.runbook for one in alarms(silent)}


@pytest.mark.parametrize("page", sorted(texts()))
def test_a_runbook_has_its_parts_and_says_when_it_rings(page: str) -> None:
    text = texts()[page]
    at = [text.find(part) for part in PARTS]
    assert -1 not in at, page
    assert at == sorted(at), page
    names = {one.alarm for one in every() if one.runbook == page}
    assert any(f"`{name}`" in text for name in names) or names == {page}
    for one in every():
        if one.runbook == page:
            assert one.when in " ".join(text.split()), f"{page}: Rings when {one.when}"


@pytest.mark.parametrize("name", NAMES)
def test_an_alarm_reaches_a_topic_of_its_own_region_which_somebody_reads(name: str) -> None:
    seen = graph(name)
    for one in seen.of_type("aws:cloudwatch/metricAlarm:MetricAlarm", "aws:cloudwatch/compositeAlarm:CompositeAlarm"):
        for topic in seen.targets(one.get("alarmActions") or ()):
            assert seen.region(topic) == seen.region(one), one.key
            assert read(seen, topic.key), topic.key


def read(seen: Graph, topic: str) -> bool:
    subscriptions = seen.of_type("aws:sns/topicSubscription:TopicSubscription")
    return any(topic in {each.key for each in seen.targets(one.get("topic"))} for one in subscriptions)


def test_the_lag_of_the_secondary_is_watched_where_the_secondary_is() -> None:
    seen = graph("prod")
    alarm, secondary = seen["cloudwatch.MetricAlarm/database-replica-lag"], seen["rds.Cluster/hub-secondary"]
    assert seen.region(alarm) == seen.region(secondary)
    assert seen.target(alarm.get("dimensions.DBClusterIdentifier")) == secondary


def test_every_node_of_the_cache_has_its_alarms() -> None:
    seen = graph("prod")
    nodes = int(seen["elasticache.ReplicationGroup/cache"].get("numCacheClusters"))
    found = [one.alarm for one in alarms(seen) if one.runbook == "cache-cpu"]
    assert found == [f"cache-cpu-{number:03}" for number in range(1, nodes + 1)]
