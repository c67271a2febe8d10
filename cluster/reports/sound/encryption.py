"""Whether who uses a key is let: a key's policy names services, and those who start machines in AWS's name."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.controls.facts import Facts
from cluster.controls.policies import Statement, statements
from cluster.graph.model import Json, Resource
from cluster.reports.sound.model import Fault, Faults

DATA_KEY, GRANT = "kms:GenerateDataKey", "kms:CreateGrant"
STARTS_GROUPS = "AWSServiceRoleForAutoScaling"
MAKES_DISKS = ("ebs-csi", "karpenter")
"""Workloads that make encrypted disks themselves."""


def _keys(facts: Facts, value: Json) -> list[Resource]:
    return [one for one in facts.graph.targets(value) if one.type == "aws:kms/key:Key"]


def _lets(key: Resource, principal: str, action: str) -> bool:
    return any(
        one.allows and one.covers(action) and any(principal in name for name in one.principals)
        for one in statements(key, "policy")
    )


def disks(facts: Facts) -> Faults:
    """Disks of machines that a group starts: without the key, each is terminated before it has begun."""
    for template in facts.of("ec2/launchTemplate:LaunchTemplate"):
        for key in _keys(facts, template.get("blockDeviceMappings") or []):
            for action in (DATA_KEY, GRANT):
                if not _lets(key, STARTS_GROUPS, action):
                    yield Fault(template.key, f"starts no machine: {key.key} does not let {STARTS_GROUPS} {action}")


def made_disks(facts: Facts) -> Faults:
    """Disks that Karpenter and the CSI driver make."""
    keys = [key for one in facts.of("kubernetes:karpenter.k8s.aws/v1:EC2NodeClass") for key in _keys(facts, one.inputs)]
    keys += [key for one in facts.of("kubernetes:storage.k8s.io/v1:StorageClass") for key in _keys(facts, one.inputs)]
    for role in facts.of("iam/role:Role"):
        granted = facts.attached(role, "iam/rolePolicy:RolePolicy", "role")
        for key in keys if role.name in MAKES_DISKS else ():
            may = [
                one
                for policy in granted
                for one in statements(policy, "policy")
                if one.allows and any(key in facts.graph.targets(each) for each in one.resources)
            ]
            for action in (DATA_KEY, GRANT):
                if not any(one.covers(action) for one in may):
                    yield Fault(role.key, f"makes no disk: it may not {action} with {key.key}")


def _used(facts: Facts) -> Iterator[tuple[Resource, Resource, str]]:
    """Yield who uses a key by which service."""
    for group in facts.of("cloudwatch/logGroup:LogGroup"):
        for key in _keys(facts, group.get("kmsKeyId")):
            yield group, key, f"logs.{facts.graph.region(group)}.amazonaws.com"
    for trail in facts.of("cloudtrail/trail:Trail"):
        for key in _keys(facts, trail.get("kmsKeyId")):
            yield trail, key, "cloudtrail.amazonaws.com"
    yield from _told(facts)


def _told(facts: Facts) -> Iterator[tuple[Resource, Resource, str]]:
    """Yield what tells a topic or queue that is encrypted."""
    topics = {one.key: _keys(facts, one.get("kmsMasterKeyId")) for one in facts.of("sns/topic:Topic")}
    queues = {one.key: _keys(facts, one.get("kmsMasterKeyId")) for one in facts.of("sqs/queue:Queue")}
    for target in facts.of("cloudwatch/eventTarget:EventTarget"):
        for one in facts.graph.targets(target.get("arn")):
            for key in (*topics.get(one.key, ()), *queues.get(one.key, ())):
                yield target, key, "events.amazonaws.com"
    for alarm in facts.of("cloudwatch/metricAlarm:MetricAlarm"):
        for one in facts.graph.targets(alarm.get("alarmActions") or []):
            for key in topics.get(one.key, ()):
                yield alarm, key, "cloudwatch.amazonaws.com"


def services(facts: Facts) -> Faults:
    """Services that write what is encrypted, each in the Region of its key."""
    for one, key, service in _used(facts):
        if not _lets(key, service, DATA_KEY):
            yield Fault(one.key, f"is not let: {key.key} does not name {service}")
        if facts.graph.region(one) != facts.graph.region(key):
            yield Fault(one.key, f"is in {facts.graph.region(one)}, and {key.key} is not")


def readers(facts: Facts) -> Faults:
    """Who reads a queue that is encrypted may use its key, by way of the queue."""
    for role in facts.of("iam/role:Role"):
        granted = [
            one
            for policy in facts.attached(role, "iam/rolePolicy:RolePolicy", "role")
            for one in statements(policy, "policy")
            if one.allows
        ]
        queues = {
            queue.key: queue
            for one in granted
            if one.covers("sqs:ReceiveMessage")
            for each in one.resources
            for queue in facts.graph.targets(each)
            if queue.type == "aws:sqs/queue:Queue"
        }
        for queue in queues.values():
            for key in _keys(facts, queue.get("kmsMasterKeyId")):
                if not any(_decrypts(facts, one, key) for one in granted):
                    yield Fault(role.key, f"reads nothing of {queue.key}: it may not kms:Decrypt with {key.key}")


def _decrypts(facts: Facts, one: Statement, key: Resource) -> bool:
    by = one.condition("kms:ViaService")
    meant = any(key in facts.graph.targets(each) for each in one.resources)
    return meant and one.covers("kms:Decrypt") and (not by or any(each.startswith("sqs.") for each in by))


CHECKS = (disks, made_disks, services, readers)
