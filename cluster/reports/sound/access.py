"""Whether who must do something may: CI with its roles, backups of what is tagged, people in an emergency."""

from __future__ import annotations

from cluster.controls.facts import Facts
from cluster.controls.policies import statements
from cluster.reports.sound.model import Fault, Faults

S3_BACKUP = ("AWSBackupServiceRolePolicyForS3Backup", "AWSBackupServiceRolePolicyForS3Restore")
DEPLOYS = "iam.RolePolicy/github-deploy"
HOLDER = "iam:PassRole"


def passing(facts: Facts) -> Faults:
    """A role that the program gives a service can be given by CI, too, and has the boundary that CI must give it."""
    deploy = facts.graph.get(DEPLOYS)
    if deploy is None:
        return
    passed = {
        service
        for one in statements(deploy, "policy")
        if one.allows and HOLDER in one.actions
        for service in one.condition("iam:PassedToService")
    }
    for role in facts.of("iam/role:Role"):
        for one in statements(role, "assumeRolePolicy"):
            for service in one.principals:
                if service.endswith(".amazonaws.com") and service not in passed:
                    yield Fault(role.key, f"cannot be deployed by a workflow: it may not pass a role to {service}")
        if not role.get("permissionsBoundary"):
            yield Fault(role.key, "cannot be deployed by a workflow: it has no boundary")


def backups(facts: Facts) -> Faults:
    """Buckets are backed up by policies of their own."""
    tagged = [one for one in facts.of("s3/bucket:Bucket") if facts.graph.tags(one).get("backup") == "true"]
    for selection in facts.of("backup/selection:Selection") if tagged else ():
        role = facts.graph.target(selection.get("iamRoleArn"))
        held = {policy.rpartition("/")[2] for _, _, policy in facts.managed_policies(role)} if role else set()
        for policy in S3_BACKUP:
            if policy not in held:
                yield Fault(selection.key, f"backs up no bucket: its role lacks {policy}")


def passwords(facts: Facts) -> Faults:
    """AWS keeps no password for a member of a global database, and refuses to make one that asks for it."""
    for one in facts.of("rds/cluster:Cluster"):
        if one.get("globalClusterIdentifier") and one.get("manageMasterUserPassword"):
            yield Fault(one.key, "is refused: AWS manages no password for a member of a global database")


def places(facts: Facts) -> Faults:
    """A store has a group and subnets, and subnets that hold one an ACL that lets somebody in."""
    for one in facts.of("rds/cluster:Cluster"):
        for path in ("dbSubnetGroupName", "vpcSecurityGroupIds"):
            if not one.get(path):
                yield Fault(one.key, f"is in the default of its Region, which is closed: {path} is not set")
        group = facts.graph.target(one.get("dbSubnetGroupName"))
        subnets = {subnet.key for subnet in facts.graph.targets(group.get("subnetIds"))} if group else set()
        for acl in facts.of("ec2/networkAcl:NetworkAcl"):
            holds = subnets & {subnet.key for subnet in facts.graph.targets(acl.get("subnetIds") or [])}
            if holds and not (acl.get("ingress") and acl.get("egress")):
                yield Fault(acl.key, f"lets nobody to {one.key}")


def emergency(facts: Facts) -> Faults:
    """Who administers the cluster in an emergency can come, and can find it."""
    for role in (one for one in facts.of("iam/role:Role") if one.name == "break-glass"):
        for one in statements(role, "assumeRolePolicy"):
            if one.condition("aws:MultiFactorAuthPresent"):
                yield Fault(role.key, "lets nobody in: a session of Identity Center says nothing of a second factor")
        own = facts.attached(role, "iam/rolePolicy:RolePolicy", "role")
        if not any(
            one.allows and one.covers("eks:DescribeCluster") for each in own for one in statements(each, "policy")
        ):
            yield Fault(role.key, "cannot find the cluster: it may not eks:DescribeCluster")


def windows(facts: Facts) -> Faults:
    """AWS Backup begins neither in a database's own window nor in the hour before it: it would fail, every day."""
    plans = [rule for one in facts.of("backup/plan:Plan") for rule in one.get("rules") or ()]
    for one in facts.of("rds/cluster:Cluster", "rds/instance:Instance"):
        window = str(one.get("preferredBackupWindow") or one.get("backupWindow") or "")
        for rule in plans if one.get("tags.backup") == "true" else ():
            if not window:
                yield Fault(one.key, "has its own backups at a time that AWS chooses, and AWS Backup may meet them")
                continue
            begins, ends = (_minutes(each) for each in window.split("-"))
            first = _minute(str(rule.get("schedule")))
            if first < ends and begins - 60 < first + int(rule.get("startWindow") or 480):
                yield Fault(one.key, f"is not backed up: {rule.get('ruleName')} begins within an hour of {window}")


def _minutes(clock: str) -> int:
    hours, _, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)


def _minute(schedule: str) -> int:
    minute, hour, *_ = schedule.removeprefix("cron(").split()
    return int(hour) * 60 + int(minute)


CHECKS = (passing, backups, passwords, places, emergency, windows)
