"""What would be refused or never work: nothing is as the program stands, and each check sees the mistake it is for."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from cluster.graph import Graph
from cluster.reports.sound import sound
from cluster.stacks import STACKS
from tests.support.aws_graphs import graph, stack_graph
from tests.support.mutations.case import Mutation, alter, edit, every, lose, ref

DEPLOY, DATA = "iam.RolePolicy/github-deploy", "kms.Key/data"
TRUST = "assumeRolePolicy"


@pytest.mark.parametrize("name", STACKS)
def test_nothing_is_refused_and_everything_works(name: str) -> None:
    assert [str(one) for one in sound(stack_graph(name))] == []


def without_principal(word: str) -> Mutation:
    def change(document: dict[str, list[dict[str, object]]]) -> None:
        document["Statement"] = [one for one in document["Statement"] if word not in json.dumps(one["Principal"])]

    return edit(DATA, "policy", change)


def without_action(key: str, action: str) -> Mutation:
    def change(document: dict[str, list[dict[str, object]]]) -> None:
        document["Statement"] = [one for one in document["Statement"] if action not in json.dumps(one["Action"])]

    return edit(key, "policy", change)


def before_nodes(seen: Graph) -> Graph:
    return seen.having(replace(seen["eks.Addon/coredns"], after=()))


def before_policy(seen: Graph) -> Graph:
    return seen.having(replace(seen["cloudtrail.Trail/account"], after=()))


def unsized_dashboard(board: dict[str, list[dict[str, dict[str, list[list[str]]]]]]) -> None:
    metrics = board["widgets"][1]["properties"]["metrics"]
    metrics[0] = metrics[0][:2]


@pytest.mark.parametrize(
    ("name", "change", "resource", "says"),
    [
        pytest.param(
            "prod",
            without_principal("AutoScaling"),
            "ec2.LaunchTemplate/system",
            "starts no machine",
            id="the node group's key names nobody who starts machines",
        ),
        pytest.param(
            "prod",
            without_action("iam.RolePolicy/karpenter", "kms:CreateGrant"),
            "iam.Role/karpenter",
            "makes no disk",
            id="Karpenter takes no grant",
        ),
        pytest.param(
            "dev",
            without_action("iam.RolePolicy/ebs-csi", "kms:"),
            "iam.Role/ebs-csi",
            "makes no disk",
            id="the driver of volumes has no key",
        ),
        pytest.param(
            "prod",
            alter("kms.Key/logs", "policy", json.dumps({"Statement": []})),
            "cloudtrail.Trail/account",
            "does not name cloudtrail",
            id="a service that writes is not in the key's policy",
        ),
        pytest.param(
            "prod",
            alter("cloudwatch.LogGroup/database-secondary", "kmsKeyId", ref("kms.Key/logs", "arn")),
            "cloudwatch.LogGroup/database-secondary",
            "is in us-west-2",
            id="a key of another Region",
        ),
        pytest.param(
            "prod", before_nodes, "eks.Addon/coredns", "before there is a node", id="CoreDNS waits for no node"
        ),
        pytest.param(
            "prod", before_policy, "cloudtrail.Trail/account", "does not wait", id="the trail waits for no policy"
        ),
        pytest.param(
            "prod",
            alter("ec2.FlowLog/recovery", "logDestination", "arn:aws:s3:::automatrix-prod-audit-333333333333/x"),
            "ec2.FlowLog/recovery",
            "names a bucket as text",
            id="a bucket named as text",
        ),
        pytest.param(
            "prod",
            edit(DEPLOY, "policy", lambda one: one["Statement"][-2]["Condition"]["StringEquals"].update(
                {"iam:PassedToService": ["ec2.amazonaws.com"]}
            )),
            "iam.Role/trail",
            "may not pass a role to cloudtrail",
            id="CI may not pass the trail's role",
        ),
        pytest.param(
            "prod",
            alter("iam.Role/trail", "permissionsBoundary", None),
            "iam.Role/trail",
            "has no boundary",
            id="a role that CI may not make",
        ),
        pytest.param(
            "prod",
            lose("iam.RolePolicyAttachment/backup-s3-backup"),
            "backup.Selection/tagged",
            "backs up no bucket",
            id="backups without rights to buckets",
        ),
        pytest.param(
            "prod",
            alter("rds.Cluster/hub", "manageMasterUserPassword", True),
            "rds.Cluster/hub",
            "is refused",
            id="a managed password in a global database",
        ),
        pytest.param(
            "prod",
            alter("rds.Cluster/hub-secondary", "vpcSecurityGroupIds", []),
            "rds.Cluster/hub-secondary",
            "default of its Region",
            id="a secondary in the closed default group",
        ),
        pytest.param(
            "prod",
            alter("ec2.NetworkAcl/recovery-isolated", "ingress", []),
            "ec2.NetworkAcl/recovery-isolated",
            "lets nobody to rds.Cluster/hub-secondary",
            id="an ACL without rules before a store",
        ),
        pytest.param(
            "prod",
            edit("iam.Role/break-glass", TRUST, lambda one: one["Statement"][0].update(
                Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}
            )),
            "iam.Role/break-glass",
            "lets nobody in",
            id="an emergency into which nobody comes",
        ),
        pytest.param(
            "prod",
            lose("iam.RolePolicy/break-glass"),
            "iam.Role/break-glass",
            "cannot find the cluster",
            id="an emergency that finds no cluster",
        ),
        pytest.param(
            "dev",
            lose("kubernetes.ServiceAccount/automatrix-system.pool-schedule"),
            "kubernetes.CronJob/automatrix-system.pools-stop",
            "no service account pool-schedule",
            id="a service account that nobody declares",
        ),
        pytest.param(
            "dev",
            alter(
                "kubernetes.CronJob/automatrix-system.pools-stop",
                "spec.jobTemplate.spec.template.spec.securityContext",
                {},
            ),
            "kubernetes.CronJob/automatrix-system.pools-stop",
            "restricted ones only",
            id="a pod that its namespace refuses",
        ),
        pytest.param(
            "prod",
            lose("kubernetes.NetworkPolicy/external-secrets.platform"),
            "kubernetes.NetworkPolicy/external-secrets.default-deny",
            "shuts its own controllers off",
            id="a controller that calls nobody",
        ),
        pytest.param(
            "prod",
            lose("kubernetes.StorageClass/gp3"),
            "kubernetes.PersistentVolumeClaim/automatrix-observability.prometheus",
            "there is no class gp3",
            id="a class that nobody makes",
        ),
        pytest.param(
            "prod",
            alter("kubernetes.HTTPRoute/automatrix-gateway.api", "spec.rules.1.filters", []),
            "kubernetes.ListenerRuleConfiguration/automatrix-gateway.token",
            "no route names it",
            id="a token that nothing asks for",
        ),
        pytest.param(
            "prod",
            every(alter("cloudwatch.MetricAlarm/queue-age", "treatMissingData", None)),
            "cloudwatch.MetricAlarm/queue-age",
            "says nothing of missing data",
            id="an alarm that does not judge silence",
        ),
        pytest.param(
            "prod",
            alter("cloudwatch.MetricAlarm/database-replica-lag", "treatMissingData", "notBreaching"),
            "cloudwatch.MetricAlarm/database-replica-lag",
            "is silent when",
            id="replication that stops in silence",
        ),
        pytest.param(
            "prod",
            edit("cloudwatch.Dashboard/main", "dashboardBody", unsized_dashboard),
            "cloudwatch.Dashboard/main",
            "no alarm has these dimensions",
            id="a graph of nothing",
        ),
    ],
)  # fmt: skip
def test_a_mistake_that_was_made_once_is_seen(name: str, change: Mutation, resource: str, says: str) -> None:
    found = [one for one in sound(change(graph(name))) if one.resource == resource]
    assert any(says in one.says for one in found), [str(one) for one in sound(change(graph(name)))]
