"""What is paid for seeing: logs, alarms, the dashboard, notifications."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.graph.model import Resource
from cluster.reports.cost.model import Line, Unpriced
from cluster.reports.cost.pricing import DAYS_PER_MONTH, Pricing, Rule
from cluster.usage import Quantity

HIGH_RESOLUTION_S = (10, 20, 30)
SERVICES = "services"
"""The log group in which causes are looked for."""
FOREVER_DAYS = 3650


def log_group(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """What it takes in, and what has come together when the first day's logs go; compression is left out."""
    taken = of.usage.log_group(resource.name)
    yield of.line(resource, "taken in", "cloudwatch.logs.ingest_gb", taken)
    days = resource.get("retentionInDays") or FOREVER_DAYS
    kept = Quantity(taken.range * (days / DAYS_PER_MONTH), f"{days} days of it")
    yield of.line(resource, "kept", "cloudwatch.logs.storage_gb_month", kept)
    if resource.name == SERVICES:
        yield of.line(resource, "searched", "cloudwatch.logs.query_gb", of.usage.logs_query_gb)


def alarm(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """Each metric it looks at."""
    queries = [query["metric"] for query in resource.get("metricQueries", []) if "metric" in query]
    period = min((query.get("period", 60) for query in queries), default=resource.get("period", 60))
    kind = "high_resolution" if period in HIGH_RESOLUTION_S else "standard"
    yield of.line(resource, "metrics watched", f"cloudwatch.alarm.{kind}", max(1, len(queries)))


def composite(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """The alarm itself; those in it are paid for besides."""
    yield of.line(resource, "composite alarm", "cloudwatch.alarm.composite", 1)


def dashboard(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """Each month."""
    yield of.line(resource, "dashboard", "cloudwatch.dashboard.month", 1)


def topic(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """What is published."""
    sent = of.usage.notifications_10k
    yield of.line(resource, "requests", "sns.requests.million", Quantity(sent.range * 0.01, sent.why))


def subscription(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """What is delivered."""
    sent, protocol = of.usage.notifications_10k, resource.get("protocol")
    if protocol in ("http", "https"):
        yield of.line(resource, "notifications", "sns.https.million", Quantity(sent.range * 0.01, sent.why))
    elif protocol == "email":
        yield of.line(resource, "notifications", "sns.email.100k", Quantity(sent.range * 0.1, sent.why))
    else:
        yield of.unpriced(resource, "notifications", f"the data has no price of notifications by {protocol}")


RULES: dict[str, Rule] = {
    "aws:cloudwatch/logGroup:LogGroup": log_group,
    "aws:cloudwatch/metricAlarm:MetricAlarm": alarm,
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": composite,
    "aws:cloudwatch/dashboard:Dashboard": dashboard,
    "aws:sns/topic:Topic": topic,
    "aws:sns/topicSubscription:TopicSubscription": subscription,
}
