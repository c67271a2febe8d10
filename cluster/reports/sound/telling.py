"""Whether somebody hears of what fails: silence is judged, and what is shown has something to show."""

from __future__ import annotations

import json

from cluster.controls.facts import Facts
from cluster.controls.policies import statements
from cluster.graph.model import Json, Resource
from cluster.reports.sound.model import Fault, Faults

CDN_PAID = frozenset({"OriginLatency", "CacheHitRate"})
ENCRYPTED = ("aws:sns/topic:Topic", "aws:sqs/queue:Queue")
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


def heard(facts: Facts) -> Faults:
    """EventBridge is let in without a condition: it says nothing of itself to a topic or its key that one could ask."""
    for target in facts.of("cloudwatch/eventTarget:EventTarget"):
        for place in facts.graph.targets(target.get("arn")):
            documents = [(place, facts.attached(place, "sns/topicPolicy:TopicPolicy", "arn"))]
            keys = facts.graph.targets(place.get("kmsMasterKeyId") or "")
            documents += [(key, [key]) for key in keys]
            for one, policies in documents if place.type in ENCRYPTED else ():
                if policies and not any(_lets_events(each) for each in policies):
                    yield Fault(
                        target.key, f"is dropped: {one.key} lets no events in, or asks for what they do not say"
                    )


def _lets_events(policy: Resource) -> bool:
    return any(
        one.allows and "events.amazonaws.com" in one.principals and not one.conditions
        for one in statements(policy, "policy")
    )


def fed(facts: Facts) -> Faults:
    """An alarm looks at what somebody sends: AWS, or the collector by its configuration."""
    sent = {
        (exporter["namespace"], selector.strip("^$"), frozenset(names))
        for one in facts.of("kubernetes:core/v1:ConfigMap")
        for text in (one.get("data") or {}).values()
        for exporter in json.loads(text).get("exporters", {}).values()
        for declared in exporter.get("metric_declarations", ())
        for selector in declared["metric_name_selectors"]
        for names in declared["dimensions"]
    }
    paid = bool(facts.of("cloudfront/monitoringSubscription:MonitoringSubscription"))
    for alarm in facts.of("cloudwatch/metricAlarm:MetricAlarm"):
        queries = [one["metric"] for one in alarm.get("metricQueries") or () if "metric" in one]
        for one in queries or [alarm.inputs]:
            namespace, metric = str(one.get("namespace")), str(one.get("metricName"))
            dimensions = frozenset(one.get("dimensions") or {})
            if not namespace.startswith("AWS/") and (namespace, metric, dimensions) not in sent:
                yield Fault(alarm.key, f"never rings: nobody sends {namespace} {metric}")
            if metric in CDN_PAID and not paid:
                yield Fault(alarm.key, f"never rings: CloudFront tells {metric} to who has asked for it")


CHECKS = (silence, shown, heard, fed)
