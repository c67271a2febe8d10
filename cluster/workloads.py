"""Who may do what inside: each service account has a role of its own, by Pod Identity.

A service of the hub never gets beyond its boundary, whatever its role says. Controllers have what they need to do their
work and nothing of the data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi_aws as aws

from cluster.concern import Concern, Setting, allow, document, trust
from cluster.data import Data
from cluster.keys import Keys
from cluster.queues import WorkQueue


@dataclass(frozen=True)
class Workload:
    """A service account that calls AWS."""

    namespace: str
    service_account: str
    role: aws.iam.Role


class Workloads(Concern):
    """The roles of service accounts."""

    def __init__(
        self, setting: Setting, data: Data, keys: Keys, interruptions: WorkQueue | None, zone: aws.route53.Zone
    ) -> None:
        super().__init__(setting, "workloads", "security")
        self.data = data
        self.keys = keys
        self.zone = zone
        self.workloads: dict[str, Workload] = {}
        self.boundary = self._workload_boundary()
        self._hub()
        self._controllers()
        if interruptions is not None:
            self._scaling(interruptions)
            self._balancing()
        self.register_outputs({})

    def _workload_boundary(self) -> aws.iam.Policy:
        reading = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "s3:GetBucketLocation"]
        queues = [
            "sqs:SendMessage",
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:ChangeMessageVisibility",
            "sqs:GetQueueAttributes",
            "sqs:GetQueueUrl",
        ]
        return aws.iam.Policy(
            "workload-boundary",
            name=self.named("workload-boundary"),
            description="What a service of the hub may do at most, whatever its role says",
            policy=document(
                allow(
                    [*reading, *queues, "rds-db:connect", "elasticache:Connect", "kms:Decrypt", "kms:GenerateDataKey"],
                    self._own_stores(),
                )
            ),
            opts=self.own(),
        )

    def _own_stores(self) -> list[Any]:
        data = self.data
        return [
            data.uploads.arn,
            data.uploads.arn.apply(lambda arn: f"{arn}/*"),
            data.jobs.queue.arn,
            data.cache.arn,
            data.cache_user.arn,
            self.keys.data.arn,
            data.resource_id.apply(lambda identity: self.arn("rds-db", f"dbuser:{identity}/*")),
        ]

    def workload(
        self,
        name: str,
        place: tuple[str, str],
        *statements: Mapping[str, Any],
        managed: Sequence[str] = (),
        bounded: bool = False,
    ) -> Workload:
        """Give a service account (namespace, name) a role of its own with these rights."""
        role = aws.iam.Role(
            name,
            name=self.named(name),
            assume_role_policy=trust("pods.eks.amazonaws.com", actions=("sts:AssumeRole", "sts:TagSession")),
            permissions_boundary=self.boundary.arn if bounded else None,
            opts=self.own(),
        )
        if statements:
            aws.iam.RolePolicy(name, role=role.name, policy=document(*statements), opts=self.own())
        for policy in managed:
            suffix = policy.rpartition("/")[2]
            aws.iam.RolePolicyAttachment(
                f"{name}-{suffix}", role=role.name, policy_arn=f"arn:aws:iam::aws:policy/{policy}", opts=self.own()
            )
        self.workloads[name] = Workload(*place, role)
        return self.workloads[name]

    def _hub(self) -> None:
        data, key = self.data, self.keys.data
        namespace = f"hub-{self.environment.name}"
        connect = [
            allow(["rds-db:connect"], data.resource_id.apply(lambda one: self.arn("rds-db", f"dbuser:{one}/hub"))),
            allow(["elasticache:Connect"], [data.cache.arn, data.cache_user.arn]),
        ]
        encryption = allow(["kms:Decrypt", "kms:GenerateDataKey"], key.arn)
        objects = data.uploads.arn.apply(lambda arn: f"{arn}/*")
        self.workload(
            "hub-web",
            (namespace, "hub-api"),
            *connect,
            allow(["sqs:SendMessage", "sqs:GetQueueUrl"], data.jobs.queue.arn),
            allow(["s3:GetObject", "s3:PutObject"], objects),
            encryption,
            bounded=True,
        )
        receiving = [
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:ChangeMessageVisibility",
            "sqs:GetQueueAttributes",
            "sqs:GetQueueUrl",
        ]
        self.workload(
            "hub-worker",
            (namespace, "hub-worker"),
            *connect,
            allow(receiving, data.jobs.queue.arn),
            allow(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], objects),
            encryption,
            bounded=True,
        )

    def _controllers(self) -> None:
        self.workload(
            "external-secrets",
            ("external-secrets", "external-secrets"),
            allow(
                ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
                self.arn("secretsmanager", f"secret:{self.environment.prefix}/*"),
            ),
            allow(["kms:Decrypt"], self.keys.data.arn),
        )
        self.workload(
            "otel-collector",
            ("automatrix-observability", "otel-collector"),
            allow(
                ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
                self.arn("logs", f"log-group:/{self.environment.prefix}/*"),
            ),
            allow(["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*"),
        )
        self.workload(
            "ebs-csi",
            ("kube-system", "ebs-csi-controller-sa"),
            *self._disks(),
            managed=["service-role/AmazonEBSCSIDriverPolicy"],
        )
        self.workload("vpc-cni", ("kube-system", "aws-node"), managed=["AmazonEKS_CNI_Policy"])
        database = self.arn("rds", f"cluster:{self.environment.prefix}-*")
        reading = ["rds:DescribeDBClusters", "rds:DescribeDBInstances", "rds:DescribeDBClusterSnapshots"]
        self.workload(
            "database-operator",
            ("automatrix-system", "database-operator"),
            allow(reading, "*"),
            allow(
                ["rds:CreateDBClusterSnapshot", "rds:RestoreDBClusterToPointInTime", "rds:FailoverDBCluster"],
                [
                    database,
                    self.arn("rds", f"cluster-snapshot:{self.environment.prefix}-*"),
                    self.arn("rds", f"subgrp:{self.environment.prefix}-*"),
                    self.arn("rds", f"cluster-pg:{self.environment.prefix}-*"),
                ],
            ),
        )
        self.workload(
            "external-dns",
            ("automatrix-gateway", "external-dns"),
            allow(["route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets"], self.zone.arn),
            allow(["route53:ListHostedZones", "route53:ListTagsForResource"], "*"),
        )

    def _disks(self) -> list[Mapping[str, Any]]:
        """Return what is needed of the key by who makes encrypted disks: by EC2 alone, which takes a grant for each."""
        using = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
        return [
            allow(using, self.keys.data.arn, self._by("ec2")),
            allow(["kms:CreateGrant"], self.keys.data.arn, {"Bool": {"kms:GrantIsForAWSResource": "true"}}),
        ]

    def _by(self, service: str) -> Mapping[str, Any]:
        return {"StringEquals": {"kms:ViaService": f"{service}.{self.environment.region}.amazonaws.com"}}

    def _scaling(self, interruptions: WorkQueue) -> None:
        environment = self.environment
        name = environment.prefix
        of_pool = {"StringLike": {"aws:ResourceTag/karpenter.sh/nodepool": "*"}}
        discovered = {"StringEquals": {f"aws:ResourceTag/kubernetes.io/cluster/{name}": "owned"}, **of_pool}
        requested = {"StringEquals": {f"aws:RequestTag/kubernetes.io/cluster/{name}": "owned"}}
        # Tags say what is its own, and what it may end: it sets them on what it makes, and only tells its own apart.
        making = {"StringEquals": {
            **requested["StringEquals"], "ec2:CreateAction": ["RunInstances", "CreateFleet", "CreateLaunchTemplate"],
        }}  # fmt: skip
        naming = {**discovered, "ForAllValues:StringEquals": {
            "aws:TagKeys": ["Name", "karpenter.sh/nodeclaim", "eks:eks-cluster-name"],
        }}  # fmt: skip
        made = [
            self.arn("ec2", f"{kind}/*")
            for kind in (
                "instance",
                "volume",
                "network-interface",
                "launch-template",
                "fleet",
                "spot-instances-request",
            )
        ]
        used = [f"arn:aws:ec2:{environment.region}::image/*", f"arn:aws:ec2:{environment.region}::snapshot/*"] + [
            self.arn("ec2", f"{kind}/*") for kind in ("subnet", "security-group")
        ]
        describing = [f"ec2:Describe{what}" for what in (
            "AvailabilityZones", "Images", "Instances", "InstanceTypeOfferings", "InstanceTypes", "LaunchTemplates",
            "SecurityGroups", "SpotPriceHistory", "Subnets", "InstanceStatus", "CapacityReservations",
            "PlacementGroups",
        )]  # fmt: skip
        nodes = self.arn("iam", f"role/{name}-node", "")
        templates = self.arn("ec2", "launch-template/*")
        self.workload(
            "karpenter",
            ("kube-system", "karpenter"),
            allow(["ec2:RunInstances", "ec2:CreateFleet"], used),
            allow(["ec2:RunInstances", "ec2:CreateFleet"], templates, discovered),
            allow(["ec2:RunInstances", "ec2:CreateFleet", "ec2:CreateLaunchTemplate"], made, requested),
            allow(["ec2:CreateTags"], made, making),
            allow(["ec2:CreateTags"], self.arn("ec2", "instance/*"), naming),
            allow(["ec2:TerminateInstances", "ec2:DeleteLaunchTemplate"], made, discovered),
            allow([*describing, "pricing:GetProducts"], "*"),
            allow(["ssm:GetParameter"], f"arn:aws:ssm:{environment.region}::parameter/aws/service/*"),
            allow(["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"], interruptions.queue.arn),
            allow(["kms:Decrypt"], self.keys.data.arn, self._by("sqs")),
            *self._disks(),
            allow(["iam:PassRole"], nodes, {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}),
            allow(["iam:GetInstanceProfile"], self.arn("iam", f"instance-profile/{name}-node", "")),
            allow(["iam:ListInstanceProfiles"], "*"),
            allow(["eks:DescribeCluster"], self.arn("eks", f"cluster/{name}")),
        )

    def _balancing(self) -> None:
        """Let the controller make load balancers; the role that AWS needs for the first one in an account is there."""
        if not self.environment.stands_in:
            service = "elasticloadbalancing.amazonaws.com"
            aws.iam.ServiceLinkedRole("elasticloadbalancing", aws_service_name=service, opts=self.own())
        describe = [f"ec2:Describe{what}" for what in (
            "AccountAttributes", "Addresses", "AvailabilityZones", "InternetGateways", "Vpcs", "Subnets",
            "SecurityGroups", "Instances", "NetworkInterfaces", "Tags", "RouteTables", "IpamPools",
        )] + ["ec2:GetSecurityGroupsForVpc"] + [f"elasticloadbalancing:Describe{what}" for what in (
            "LoadBalancers", "LoadBalancerAttributes", "Listeners", "ListenerCertificates", "ListenerAttributes",
            "Rules", "TargetGroups", "TargetGroupAttributes", "TargetHealth", "Tags", "SSLPolicies",
            "CapacityReservation", "TrustStores",
        )]  # fmt: skip
        changing = [f"elasticloadbalancing:{what}" for what in (
            "CreateLoadBalancer", "CreateTargetGroup", "CreateListener", "CreateRule", "ModifyListener", "ModifyRule",
            "ModifyLoadBalancerAttributes", "ModifyTargetGroup", "ModifyTargetGroupAttributes", "RegisterTargets",
            "DeregisterTargets", "SetSecurityGroups", "SetSubnets", "SetWebAcl", "DeleteLoadBalancer",
            "DeleteTargetGroup", "DeleteListener", "DeleteRule", "AddTags", "RemoveTags",
            "AddListenerCertificates", "RemoveListenerCertificates", "ModifyListenerAttributes", "SetRulePriorities",
            "SetIpAddressType", "ModifyIpPools", "ModifyCapacityReservation",
        )]  # fmt: skip
        balancing = [
            self.arn("elasticloadbalancing", f"{kind}/*")
            for kind in ("loadbalancer/app", "targetgroup", "listener/app", "listener-rule/app")
        ]
        self.workload(
            "load-balancer-controller",
            ("kube-system", "aws-load-balancer-controller"),
            allow(describe, "*"),
            allow(changing, balancing),
            allow(
                ["wafv2:GetWebACL", "wafv2:GetWebACLForResource", "wafv2:AssociateWebACL", "wafv2:DisassociateWebACL"],
                [self.arn("wafv2", "regional/webacl/*"), *balancing],
            ),
            allow(["acm:ListCertificates", "acm:DescribeCertificate"], "*"),
        )
