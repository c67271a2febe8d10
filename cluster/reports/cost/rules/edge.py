"""What the way in costs: CloudFront, the firewalls, names."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.graph.model import Resource
from cluster.reports.cost.model import Line, Unpriced
from cluster.reports.cost.pricing import Pricing, Rule
from cluster.usage import Quantity

CDN_METRICS = 8
"""Hit rate, latency of the origin, and six error rates by status: the additional metrics of a distribution."""


def distribution(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """What it sends and how often it is asked; what it fetches from AWS is free."""
    yield of.line(resource, "data to viewers", "cloudfront.egress.gb", of.usage.cdn_gb)
    asked = of.usage.requests_million
    yield of.line(resource, "requests", "cloudfront.https.10k", Quantity(asked.range * 100, asked.why))


def more_metrics(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """What CloudFront tells beyond the free metrics, each charged as a metric of one's own."""
    yield of.line(resource, "additional metrics", "cloudwatch.metric.custom", CDN_METRICS)


def function(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """Each request of the API runs it."""
    yield of.line(resource, "invocations", "cloudfront.function.million", of.usage.api_million)


def firewall(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """The list, each rule or managed group in it, and each request that it looks at."""
    yield of.line(resource, "web ACL", "waf.acl.month", 1)
    yield of.line(resource, "rules", "waf.rule.month", len(resource.get("rules", [])))
    seen = of.usage.requests_million if resource.get("scope") == "CLOUDFRONT" else of.usage.api_million
    yield of.line(resource, "requests", "waf.requests.million", seen)


def zone(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """The zone, and what is asked of it beside aliases."""
    yield of.line(resource, "hosted zone", "route53.zone.month", 1)
    yield of.line(resource, "queries", "route53.queries.million", of.usage.dns_million)


def health_check(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """A check of something in AWS, and each feature beyond the plain one."""
    yield of.line(resource, "health check", "route53.health_check.aws_endpoint.month", 1)
    features = [
        str(resource.get("type", "")).startswith("HTTPS"),
        bool(resource.get("searchString")),
        resource.get("requestInterval", 30) == 10,
        bool(resource.get("measureLatency")),
    ]
    yield of.line(resource, "optional features", "route53.health_check.aws_option.month", sum(features))


RULES: dict[str, Rule] = {
    "aws:cloudfront/distribution:Distribution": distribution,
    "aws:cloudfront/function:Function": function,
    "aws:cloudfront/monitoringSubscription:MonitoringSubscription": more_metrics,
    "aws:wafv2/webAcl:WebAcl": firewall,
    "aws:route53/zone:Zone": zone,
    "aws:route53/healthCheck:HealthCheck": health_check,
}
