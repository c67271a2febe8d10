"""Whether what must be there before is made before: what AWS otherwise refuses, or waits for in vain."""

from __future__ import annotations

from cluster.controls.facts import Facts
from cluster.graph.model import Resource
from cluster.reports.sound.model import Fault, Faults

PLACED = frozenset({"coredns", "aws-ebs-csi-driver", "metrics-server", "snapshot-controller"})
"""Add-ons whose pods need a node: without one they are degraded, and after 20 minutes the update fails."""
AGENT = "eks-pod-identity-agent"
ATTACHMENT = "iam/rolePolicyAttachment:RolePolicyAttachment"
WRITERS = (
    ("cloudtrail/trail:Trail", "s3BucketName"),
    ("cfg/deliveryChannel:DeliveryChannel", "s3BucketName"),
    ("ec2/flowLog:FlowLog", "logDestination"),
)
"""Who is refused by a bucket until its policy is there."""


def before(facts: Facts, one: Resource) -> set[str]:
    """Return everything that is made before a resource: what it needs, and what the remote component above it needs."""
    known: set[str] = set()
    waiting = [one.key]
    while waiting:
        here = facts.graph[waiting.pop()]
        for key in (*(edge.target for edge in here.edges), *_above(facts, here)):
            if key not in known and key in facts.graph:
                known.add(key)
                waiting.append(key)
    return known


def _above(facts: Facts, one: Resource) -> tuple[str, ...]:
    above = facts.graph.get(one.component)
    return (above.key,) if above is not None and above.type.startswith("eks:") else ()


def addons(facts: Facts) -> Faults:
    """Add-ons wait for nodes, where nodes are a group's."""
    groups = {one.key for one in facts.of("eks/nodeGroup:NodeGroup")}
    for addon in facts.of("eks/addon:Addon") if groups else ():
        if addon.get("addonName") in PLACED and not groups & before(facts, addon):
            yield Fault(addon.key, "is made before there is a node that its pods could run on")


def writers(facts: Facts) -> Faults:
    """Services write to a bucket once its policy lets them."""
    for token, path in WRITERS:
        for one in facts.of(token):
            for bucket in facts.graph.targets(one.get(path)):
                policies = facts.attached(bucket, "s3/bucketPolicy:BucketPolicy", "bucket")
                if bucket.type == "aws:s3/bucket:Bucket" and not {each.key for each in policies} & before(facts, one):
                    yield Fault(one.key, f"does not wait for the policy of {bucket.key}, which lets it write")
            value = str(one.get(path))
            if value.startswith("arn:aws:s3:::") and not facts.graph.targets(value):
                yield Fault(one.key, f"names a bucket as text, so that nothing waits for it: {value}")


def rights(facts: Facts) -> Faults:
    """A cluster and its nodes are made after the rights of their roles, and so end before them."""
    for token, path in (("eks/cluster:Cluster", "roleArn"), ("eks/nodeGroup:NodeGroup", "nodeRoleArn")):
        for one in facts.of(token):
            for role in facts.graph.targets(one.get(path)):
                attached = {each.key for each in facts.attached(role, ATTACHMENT, "role")}
                for key in sorted(attached - before(facts, one)):
                    yield Fault(one.key, f"does not wait for {key}")


def identities(facts: Facts) -> Faults:
    """What a node or a driver starts has its role already: a pod that started before has none until the next start."""
    for one in facts.of("eks/nodeGroup:NodeGroup"):
        yield from _waits(facts, one, "kube-system/aws-node")
        agents = {each.key for each in facts.of("eks/addon:Addon") if each.get("addonName") == AGENT}
        if not agents & before(facts, one):
            yield Fault(one.key, "has nodes before the agent that gives pods their credentials")
    for one in facts.of("eks/addon:Addon"):
        if one.get("addonName") == "aws-ebs-csi-driver":
            yield from _waits(facts, one, "kube-system/ebs-csi-controller-sa")


def _waits(facts: Facts, one: Resource, account: str) -> Faults:
    known = {
        each.key
        for each in facts.of("eks/podIdentityAssociation:PodIdentityAssociation")
        if f"{each.get('namespace')}/{each.get('serviceAccount')}" == account
    }
    if known and not known & before(facts, one):
        yield Fault(one.key, f"starts pods of {account} before they have a role")


CHECKS = (addons, writers, rights, identities)
