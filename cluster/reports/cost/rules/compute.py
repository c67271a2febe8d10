"""What the cluster costs: control plane, nodes and their disks, images, the load balancer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from cluster.catalogue import KUBERNETES
from cluster.graph.model import Resource
from cluster.reports.cost.model import Line, Unpriced
from cluster.reports.cost.pricing import HOURS_PER_WEEK, Factor, Pricing, Rule
from cluster.usage import ONE, Quantity, Range

INSTANCE = "aws:ec2/instance:Instance"
VOLUME = "aws:ebs/volume:Volume"
REPOSITORY = "aws:ecr/repository:Repository"
AUTO_MODE = "eks-auto-mode"
SYSTEM = "node-system"
SPOT = Factor(ONE, "Spot, as a share of the On-Demand price", is_assumption=True)


def cluster(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """The control plane and the cluster's metrics.

    Beyond the end of standard support it is six times as much, unless it is to be upgraded by AWS then.
    """
    version = str(resource.get("version", ""))
    end = KUBERNETES.get(version)
    stays = resource.get("upgradePolicy.supportType") != "STANDARD"
    if stays and end is not None and of.today is not None and of.today > end:
        yield of.line(resource, "control plane, extended support", "eks.extended_support", of.hours)
    else:
        yield of.line(resource, "control plane", "eks.cluster", of.hours)
    metrics = of.line(resource, "custom metrics", "cloudwatch.metric.custom", of.usage.metrics)
    yield replace(metrics, tier="observability")


def running(resource: Resource, of: Pricing) -> Quantity:
    """Return how many of a declared resource there are on average in a month, hours without it included."""
    share = resource.get("expected.hoursPerWeek", HOURS_PER_WEEK) / HOURS_PER_WEEK
    count = resource.get("expected.count", 1)
    why = f"{count:g} expected" + (f", {share:.0%} of the time" if share < 1 else "")
    follows = resource.name.startswith("node-") and resource.name != SYSTEM
    if not follows:
        return Quantity(Range.exactly(count * share), why)
    factor = of.usage.node_factor
    return Quantity(factor.range * (count * share), f"{why}; {factor.why}")


def spot(of: Pricing) -> Factor:
    """Return what Spot costs as a share."""
    low, expected, high = (of.prices.value(f"spot.ratio.{name}") for name in ("low", "expected", "high"))
    return Factor(Range(low, expected, high), SPOT.why, is_assumption=True)


def node(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """Hours of a machine; Auto Mode takes its fee on the On-Demand price, whatever is paid."""
    count = running(resource, of)
    hours = Quantity(count.range * of.hours, count.why)
    key = f"ec2.{resource.get('instanceType')}"
    yield of.line(resource, "hours", key, hours, spot(of) if resource.get("capacityType") == "SPOT" else None)
    if resource.declared_by == AUTO_MODE:
        fee = Factor(Range.exactly(of.prices.value("eks.auto_mode.ratio")), "fee of Auto Mode", is_assumption=True)
        yield of.line(resource, "Auto Mode", key, hours, fee)


def volume(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """Its size, for as long as it is there."""
    count = running(resource, of)
    size = Quantity(count.range * resource.get("size", 0), f"{resource.get('size')} GB; {count.why}")
    yield of.line(resource, "storage", f"ebs.{resource.get('type')}.gb_month", size)


def repository(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """The images it keeps."""
    yield of.line(resource, "images", "ecr.gb_month", of.usage.images_gb)


def replication(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """The same images again in the other Region, and their way there."""
    count = len(of.graph.of_type(REPOSITORY))
    images = Quantity(of.usage.images_gb.range * count, f"{count} repositories: {of.usage.images_gb.why}")
    away = Factor(ONE, "the price of us-east-1 stands in for the recovery Region's", is_assumption=True)
    yield of.line(resource, "images in the recovery Region", "ecr.gb_month", images, away)
    pushed = Quantity(of.usage.image_push_gb.range * count, of.usage.image_push_gb.why)
    yield of.line(resource, "data to the recovery Region", "egress.cross_region.gb", pushed)


def balancer(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """Hours, capacity units, and the public addresses, one in each zone."""
    yield of.line(resource, "hours", "alb.hour", of.hours)
    units = of.usage.balancer_lcu
    yield of.line(resource, "capacity units", "alb.lcu_hour", Quantity(units.range * of.hours, units.why))
    yield of.line(resource, "public addresses", "ipv4.hour", resource.get("expected.publicAddresses", 0) * of.hours)


RULES: dict[str, Rule] = {
    "aws:eks/cluster:Cluster": cluster,
    INSTANCE: node,
    VOLUME: volume,
    REPOSITORY: repository,
    "aws:ecr/replicationConfiguration:ReplicationConfiguration": replication,
    "aws:lb/loadBalancer:LoadBalancer": balancer,
}
