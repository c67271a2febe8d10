"""What keys, secrets and watchers cost."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.graph.model import Resource
from cluster.reports.cost.model import Line, Unpriced
from cluster.reports.cost.pricing import Factor, Pricing, Rule
from cluster.usage import Quantity, Range

DETECTOR = "aws:guardduty/detector:Detector"
FEATURE = "aws:guardduty/detectorFeature:DetectorFeature"
INSPECTOR = "aws:inspector2/enabler:Enabler"
ALLOWED_FEATURES = ("EKS_AUDIT_LOGS", "RUNTIME_MONITORING")
"""The plans of GuardDuty that the allowance covers, beside Inspector."""


def key(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """The key and what is asked of it; each of the first two yearly rotations adds the same again, later."""
    yield of.line(resource, "key", "kms.key.month", 1)
    yield of.line(resource, "requests", "kms.requests.10k", of.usage.key_requests_10k)


def secret(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """The secret and each call for it."""
    yield of.line(resource, "secret", "secretsmanager.secret.month", 1)
    yield of.line(resource, "calls", "secretsmanager.calls.10k", of.usage.secret_calls_10k)


def trail(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """The first copy of management events is free; another trail, and data events, are not."""
    others = len(of.graph.of_type(resource.type)) - 1
    events = of.usage.trail_million
    copied = Quantity(events.range * (10 * others / (others + 1)), "the first copy is free")
    yield of.line(resource, "further copies of events", "cloudtrail.management.extra_copy.100k", copied)
    if resource.get("eventSelectors") or resource.get("advancedEventSelectors"):
        yield of.unpriced(resource, "data events", "no number of data events is assumed")


def detector(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """What GuardDuty reads by itself."""
    yield of.line(resource, "events read", "guardduty.cloudtrail.million", of.usage.trail_million)
    yield of.line(resource, "flow logs read", "guardduty.flow_logs.gb", of.usage.flow_gb)


def allowance(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """An equal part of the allowance for what has no price; a plan that it does not cover stays without."""
    if resource.type == FEATURE and resource.get("name") not in ALLOWED_FEATURES:
        yield of.unpriced(resource, "protection plan", f"the data has no price of GuardDuty's {resource.get('name')}")
        return
    covered = [
        one
        for one in of.graph.of_type(FEATURE, INSPECTOR)
        if one.type == INSPECTOR or one.get("name") in ALLOWED_FEATURES
    ]
    part = Factor(Range.exactly(1 / len(covered)), f"an allowance, shared by {len(covered)}", is_assumption=True)
    yield of.line(resource, "allowance", "allowance.security_services.month", 1, part)


def standard(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """Each check of Security Hub."""
    yield of.line(resource, "checks", "securityhub.check", of.usage.posture_checks)


def recorder(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """Each item, dearer where only the day's last state is recorded; what Security Hub's rules evaluate is free."""
    daily = resource.get("recordingMode.recordingFrequency") == "DAILY"
    items = of.usage.config_items
    yield of.line(resource, "items", "config.item_periodic" if daily else "config.item", items)


RULES: dict[str, Rule] = {
    "aws:kms/key:Key": key,
    "aws:secretsmanager/secret:Secret": secret,
    "aws:cloudtrail/trail:Trail": trail,
    DETECTOR: detector,
    FEATURE: allowance,
    INSPECTOR: allowance,
    "aws:securityhub/standardsSubscription:StandardsSubscription": standard,
    "aws:cfg/recorder:Recorder": recorder,
}
