"""Whether somebody hears of what fails: silence is judged, and what is shown has something to show."""

from __future__ import annotations

import json

from cluster.controls.facts import Facts
from cluster.graph.model import Json
from cluster.reports.sound.model import Fault, Faults

ALWAYS_THERE = frozenset({"AuroraGlobalDBReplicationLag", "HealthCheckStatus"})
"""Metrics that have a value for as long as what they measure works."""


def silence(facts: Facts) -> Faults:
    """Every alarm says what silence means, and for what always has a value it means failure."""
    for alarm in facts.of("cloudwatch/metricAlarm:MetricAlarm"):
        means = alarm.get("treatMissingData")
        if not means:
            yield Fault(alarm.key, "says nothing of missing data")
        elif alarm.get("metricName") in ALWAYS_THERE and means != "breaching":
            yield Fault(alarm.key, f"is silent when {alarm.get('metricName')} stops altogether")


def shown(facts: Facts) -> Faults:
    """What a dashboard shows is what an alarm looks at, in its Region: without dimensions it is another, and empty."""
    watched = {
        (one.get("namespace"), one.get("metricName"), _pairs(one.get("dimensions") or {}), facts.graph.region(one))
        for one in facts.of("cloudwatch/metricAlarm:MetricAlarm")
    }
    for board in facts.of("cloudwatch/dashboard:Dashboard"):
        for widget in json.loads(board.get("dashboardBody")).get("widgets", ()):
            places = widget["properties"]
            for namespace, metric, *rest in places.get("metrics", ()):
                where = _pairs(dict(zip(rest[::2], rest[1::2], strict=True)))
                if (namespace, metric, where, places.get("region")) not in watched:
                    yield Fault(board.key, f"shows nothing of {namespace} {metric}: no alarm has these dimensions")


def _pairs(dimensions: Json) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((str(name), str(value)) for name, value in dimensions.items()))


CHECKS = (silence, shown)
