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


def asking_events(key: str, field: str) -> Mutation:
    """Ask of EventBridge for an account, which it does not say."""

    def change(document: dict[str, list[dict[str, object]]]) -> None:
        for one in document["Statement"]:
            if "events.amazonaws.com" in json.dumps(one.get("Principal")):
                one["Condition"] = {"StringEquals": {"aws:SourceAccount": "333333333333"}}

    return edit(key, field, change)


def first_of_all(key: str) -> Mutation:
    """Make something without waiting for anything but what it names."""
    return lambda seen: seen.having(replace(seen[key], after=()))


def leaving_nothing(key: str) -> Mutation:
    return lambda seen: seen.having(replace(seen[key], ignored=()))


def silent_collector(seen: Graph) -> Graph:
    key = "kubernetes.ConfigMap/automatrix-observability.otel-collector"
    return seen.altered(key, "data", {"relay": json.dumps({"exporters": {}})})


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
            "prod",
            without_action("iam.RolePolicy/karpenter", "kms:Decrypt"),
            "iam.Role/karpenter",
            "reads nothing of sqs.Queue/interruptions",
            id="a queue of notices that Karpenter cannot read",
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
            "shuts its own pods off",
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
        pytest.param(
            "dev",
            alter("elasticache.User/cache-default", "authenticationMode", {"type": "no-password-required"}),
            "elasticache.User/cache-default",
            "takes no user without a password",
            id="a user of Valkey without a password",
        ),
        pytest.param(
            "prod",
            alter("kubernetes.EC2NodeClass/default", "spec.tags", {"kubernetes.io/cluster/automatrix-prod": "owned"}),
            "kubernetes.EC2NodeClass/default",
            "is Karpenter's own",
            id="a class of nodes with a tag that its API refuses",
        ),
        pytest.param(
            "prod",
            alter("kubernetes.EC2NodeClass/default", "spec.instanceProfile", None),
            "kubernetes.EC2NodeClass/default",
            "given no role",
            id="nodes for which Karpenter would have to make a profile",
        ),
        pytest.param(
            "prod",
            lose("kubernetes.NetworkPolicy/hub-prod.platform"),
            "kubernetes.NetworkPolicy/hub-prod.default-deny",
            "shuts its own pods off",
            id="a tenant that may call nobody",
        ),
        pytest.param(
            "prod",
            alter("kubernetes.NetworkPolicy/external-secrets.platform", "spec.egress.2", {"to": [{"podSelector": {}}]}),
            "kubernetes.NetworkPolicy/external-secrets.default-deny",
            "the credentials of their role",
            id="pods that cannot ask for their role",
        ),
        pytest.param(
            "prod",
            asking_events("sns.TopicPolicy/alarms", "policy"),
            "cloudwatch.EventTarget/threat-found",
            "is dropped",
            id="a topic that asks EventBridge what it does not say",
        ),
        pytest.param(
            "prod",
            asking_events("kms.Key/logs", "policy"),
            "cloudwatch.EventTarget/backup-failed",
            "is dropped: kms.Key/logs",
            id="a key that does",
        ),
        pytest.param(
            "dev",
            asking_events("kms.Key/data", "policy"),
            "cloudwatch.EventTarget/rebalance",
            "is dropped: kms.Key/data",
            id="the key of Karpenter's queue that does",
        ),
        pytest.param(
            "prod",
            first_of_all("rds.Cluster/hub-secondary"),
            "rds.Cluster/hub-secondary",
            "does not wait for an instance",
            id="a follower of nobody",
        ),
        pytest.param(
            "prod",
            alter("rds.Cluster/hub-secondary", "sourceRegion", None),
            "rds.Cluster/hub-secondary",
            "from which Region",
            id="an encrypted follower from nowhere",
        ),
        pytest.param(
            "prod",
            leaving_nothing("rds.Cluster/hub-secondary"),
            "rds.Cluster/hub-secondary",
            "follows nobody after the next update",
            id="a follower that an update would part",
        ),
        pytest.param(
            "prod",
            first_of_all("pulumi-eks.Cluster/cluster"),
            "eks.Cluster/cluster-eksCluster",
            "does not wait for iam.RolePolicyAttachment/cluster-AmazonEKSClusterPolicy",
            id="a cluster before its role has rights",
        ),
        pytest.param(
            "prod",
            first_of_all("eks.NodeGroup/system"),
            "eks.NodeGroup/system",
            "kube-system/aws-node before they have a role",
            id="nodes before the network's pods have a role",
        ),
        pytest.param(
            "prod",
            first_of_all("eks.NodeGroup/system"),
            "eks.NodeGroup/system",
            "before the agent",
            id="nodes before the agent of credentials",
        ),
        pytest.param(
            "prod",
            first_of_all("eks.Addon/aws-ebs-csi-driver"),
            "eks.Addon/aws-ebs-csi-driver",
            "ebs-csi-controller-sa before they have a role",
            id="the driver of volumes before it has a role",
        ),
        pytest.param(
            "prod",
            alter("wafv2.WebAcl/cdn", "rules.1.statement.managedRuleGroupStatement.ruleActionOverrides", []),
            "wafv2.WebAcl/cdn",
            "more than 8 KB",
            id="a firewall that refuses documents",
        ),
        pytest.param(
            "prod",
            alter("kubernetes.HTTPRoute/automatrix-gateway.api", "spec.parentRefs.0.name", "web"),
            "kubernetes.HTTPRoute/automatrix-gateway.api",
            "there is no gateway web",
            id="a route to no gateway",
        ),
        pytest.param(
            "prod",
            lose("kubernetes.GatewayClass/alb"),
            "kubernetes.Gateway/automatrix-gateway.entrance",
            "there is no class alb",
            id="a gateway that is nobody's",
        ),
        pytest.param(
            "prod",
            without_action("iam.RolePolicy/load-balancer-controller", "elasticloadbalancing:SetRulePriorities"),
            "iam.Role/load-balancer-controller",
            "makes no load balancer",
            id="a controller that lacks a right",
        ),
        pytest.param(
            "prod",
            lose("iam.ServiceLinkedRole/elasticloadbalancing"),
            "iam.Role/load-balancer-controller",
            "makes no first load balancer",
            id="an account that has no load balancer yet",
        ),
        pytest.param(
            "prod",
            silent_collector,
            "cloudwatch.MetricAlarm/slo-fast-5m",
            "nobody sends AutoMatrix requests_failed",
            id="an objective that nobody measures",
        ),
        pytest.param(
            "prod",
            lose("vpc.SecurityGroupEgressRule/load-balancer-to-issuer"),
            "lb.LoadBalancer/web",
            "the keys of tokens",
            id="a load balancer that gets no keys",
        ),
        pytest.param(
            "staging",
            alter("rds.Cluster/hub", "preferredBackupWindow", "03:00-04:00"),
            "rds.Cluster/hub",
            "is not backed up: daily begins",
            id="two backups at one time",
        ),
        pytest.param(
            "dev",
            lose("cloudfront.MonitoringSubscription/main"),
            "cloudwatch.MetricAlarm/edge-latency",
            "to who has asked for it",
            id="a metric that nobody has asked for",
        ),
    ],
)  # fmt: skip
def test_a_mistake_that_was_made_once_is_seen(name: str, change: Mutation, resource: str, says: str) -> None:
    found = [one for one in sound(change(graph(name))) if one.resource == resource]
    assert any(says in one.says for one in found), [str(one) for one in sound(change(graph(name)))]
