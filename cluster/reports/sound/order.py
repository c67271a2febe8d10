"""Whether what must be there before is made before: what AWS otherwise refuses, or waits for in vain."""

from __future__ import annotations

from cluster.controls.facts import Facts
from cluster.graph.model import Resource
from cluster.reports.sound.model import Fault, Faults

PLACED = frozenset({"coredns", "aws-ebs-csi-driver", "metrics-server", "snapshot-controller"})
"""Add-ons whose pods need a node: without one they are degraded, and after 20 minutes the update fails."""
WRITERS = (
    ("cloudtrail/trail:Trail", "s3BucketName"),
    ("cfg/deliveryChannel:DeliveryChannel", "s3BucketName"),
    ("ec2/flowLog:FlowLog", "logDestination"),
)
"""Who is refused by a bucket until its policy is there."""


def _before(facts: Facts, one: Resource) -> set[str]:
    """Return everything that is made before a resource."""
    known: set[str] = set()
    waiting = [one.key]
    while waiting:
        for edge in facts.graph.uses(waiting.pop()):
            if edge.target not in known and edge.target in facts.graph:
                known.add(edge.target)
                waiting.append(edge.target)
    return known


def addons(facts: Facts) -> Faults:
    """Add-ons wait for nodes, where nodes are a group's."""
    groups = {one.key for one in facts.of("eks/nodeGroup:NodeGroup")}
    for addon in facts.of("eks/addon:Addon") if groups else ():
        if addon.get("addonName") in PLACED and not groups & _before(facts, addon):
            yield Fault(addon.key, "is made before there is a node that its pods could run on")


def writers(facts: Facts) -> Faults:
    """Services write to a bucket once its policy lets them."""
    for token, path in WRITERS:
        for one in facts.of(token):
            for bucket in facts.graph.targets(one.get(path)):
                policies = facts.attached(bucket, "s3/bucketPolicy:BucketPolicy", "bucket")
                if bucket.type == "aws:s3/bucket:Bucket" and not {each.key for each in policies} & _before(facts, one):
                    yield Fault(one.key, f"does not wait for the policy of {bucket.key}, which lets it write")
            value = str(one.get(path))
            if value.startswith("arn:aws:s3:::") and not facts.graph.targets(value):
                yield Fault(one.key, f"names a bucket as text, so that nothing waits for it: {value}")


CHECKS = (addons, writers)
