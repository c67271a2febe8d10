"""Who may do what: GitHub's workflows, people in an emergency, and each workload for itself.

A workflow gets a role by its token, which names repository and environment; no key exists that could be lost. A
workload gets one by Pod Identity, with the rights in `WORKLOADS` and never beyond the boundary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi_aws as aws

from cluster.concern import Concern, Setting, allow, document, trust
from cluster.data import Data, WorkQueue
from cluster.keys import Keys

GITHUB = "token.actions.githubusercontent.com"
INTEGRATIONS = {"sentry": "sentry", "datadog": "datadog", "new_relic": "new-relic"}


@dataclass(frozen=True)
class Workload:
    """A service account that calls AWS."""

    namespace: str
    service_account: str
    role: aws.iam.Role


class Identity(Concern):
    """Roles, their boundaries, and the secrets that services are given."""

    def __init__(self, setting: Setting, data: Data, keys: Keys, interruptions: WorkQueue) -> None:
        super().__init__(setting, "identity", "security")
        self.data = data
        self.keys = keys
        self.interruptions = interruptions
        self.workloads: dict[str, Workload] = {}
        self.boundary = self._workload_boundary()
        self._workflows()
        self.break_glass = self._break_glass()
        self.secrets = self._secrets()
        self._account()
        self._hub()
        self._controllers()
        self.register_outputs({})

    def _workflows(self) -> None:
        environment = self.environment
        provider = aws.iam.OpenIdConnectProvider(
            "github", url=f"https://{GITHUB}", client_id_lists=["sts.amazonaws.com"], opts=self.own()
        )
        boundary = aws.iam.Policy(
            "ci-boundary",
            name=self.named("ci-boundary"),
            description="What a workflow may do at most, whatever its role says",
            policy=document(
                {
                    "Sid": "Everything but identities and the organisation",
                    "Effect": "Allow",
                    "NotAction": ["iam:*", "organizations:*", "account:*", "sso:*"],
                    "Resource": "*",
                    "Condition": {"StringEquals": {"aws:RequestedRegion": self._regions()}},
                },
                *self._own_roles(),
            ),
            opts=self.own(),
        )
        for purpose in ("plan", "deploy"):
            subject = f"repo:{environment.repository}:environment:{environment.name}"
            role = aws.iam.Role(
                f"github-{purpose}",
                name=self.named(f"github-{purpose}"),
                assume_role_policy=document(
                    {
                        "Effect": "Allow",
                        "Principal": {"Federated": provider.arn},
                        "Action": "sts:AssumeRoleWithWebIdentity",
                        "Condition": {
                            "StringEquals": {
                                f"{GITHUB}:aud": "sts.amazonaws.com",
                                f"{GITHUB}:sub": f"{subject}-plan" if purpose == "plan" else subject,
                            }
                        },
                    }
                ),
                permissions_boundary=boundary.arn,
                max_session_duration=3600,
                opts=self.own(),
            )
            managed = "ReadOnlyAccess" if purpose == "plan" else "PowerUserAccess"
            aws.iam.RolePolicyAttachment(
                f"github-{purpose}", role=role.name, policy_arn=f"arn:aws:iam::aws:policy/{managed}", opts=self.own()
            )
            if purpose == "deploy":
                aws.iam.RolePolicy(
                    "github-deploy", role=role.name, policy=document(*self._own_roles()), opts=self.own()
                )

    def _regions(self) -> list[str]:
        return sorted({self.environment.region, self.environment.recovery_region, "us-east-1"})

    def _own_roles(self) -> list[Mapping[str, Any]]:
        """Return what a workflow needs of IAM: roles and policies of this platform, and nobody else's."""
        names = [self.arn("iam", f"{kind}/{self.environment.prefix}-*", "") for kind in ("role", "policy")]
        changing = [
            "iam:CreateRole", "iam:DeleteRole", "iam:UpdateRole", "iam:UpdateAssumeRolePolicy", "iam:TagRole",
            "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:AttachRolePolicy", "iam:DetachRolePolicy",
            "iam:PutRolePermissionsBoundary", "iam:CreatePolicy", "iam:DeletePolicy", "iam:CreatePolicyVersion",
            "iam:DeletePolicyVersion", "iam:TagPolicy",
        ]  # fmt: skip
        services = ["eks.amazonaws.com", "ec2.amazonaws.com", "pods.eks.amazonaws.com", "backup.amazonaws.com"]
        return [
            allow(["iam:Get*", "iam:List*"], "*"),
            allow(changing, names),
            allow(["iam:PassRole"], names[0], {"StringEquals": {"iam:PassedToService": services}}),
            allow(["iam:CreateServiceLinkedRole"], self.arn("iam", "role/aws-service-role/*", "")),
        ]

    def _break_glass(self) -> aws.iam.Role:
        """Make the one administrator of the cluster: for people with a second factor, for an hour, loudly."""
        return aws.iam.Role(
            "break-glass",
            name=self.named("break-glass"),
            description="Administers the cluster in an emergency and at its first installation",
            assume_role_policy=document(
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{self.environment.account_id}:root"},
                    "Action": "sts:AssumeRole",
                    "Condition": {
                        "Bool": {"aws:MultiFactorAuthPresent": "true"},
                        "NumericLessThan": {"aws:MultiFactorAuthAge": "3600"},
                    },
                }
            ),
            max_session_duration=3600,
            opts=self.own(),
        )

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
            (namespace, "hub-web"),
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
            allow(
                ["cloudwatch:PutMetricData"],
                "*",
                {"StringEquals": {"cloudwatch:namespace": ["AutoMatrix", "ContainerInsights"]}},
            ),
            allow(["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*"),
        )
        self.workload(
            "ebs-csi", ("kube-system", "ebs-csi-controller-sa"), managed=["service-role/AmazonEBSCSIDriverPolicy"]
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
        if self.environment.compute.mode == "karpenter":
            self._scaling()

    def _scaling(self) -> None:
        environment = self.environment
        name = environment.prefix
        discovered = {"StringEquals": {f"aws:ResourceTag/kubernetes.io/cluster/{name}": "owned"}}
        requested = {"StringEquals": {f"aws:RequestTag/kubernetes.io/cluster/{name}": "owned"}}
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
            self.arn("ec2", f"{kind}/*") for kind in ("subnet", "security-group", "launch-template")
        ]
        describing = [f"ec2:Describe{what}" for what in (
            "AvailabilityZones", "Images", "Instances", "InstanceTypeOfferings", "InstanceTypes", "LaunchTemplates",
            "SecurityGroups", "SpotPriceHistory", "Subnets",
        )]  # fmt: skip
        nodes = self.arn("iam", f"role/{name}-node", "")
        self.workload(
            "karpenter",
            ("kube-system", "karpenter"),
            allow(["ec2:RunInstances", "ec2:CreateFleet"], used),
            allow(
                ["ec2:RunInstances", "ec2:CreateFleet", "ec2:CreateLaunchTemplate", "ec2:CreateTags"], made, requested
            ),
            allow(["ec2:TerminateInstances", "ec2:DeleteLaunchTemplate"], made, discovered),
            allow([*describing, "pricing:GetProducts"], "*"),
            allow(["ssm:GetParameter"], f"arn:aws:ssm:{environment.region}::parameter/aws/service/*"),
            allow(["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"], self.interruptions.queue.arn),
            allow(["kms:Decrypt", "kms:GenerateDataKey"], self.keys.data.arn),
            allow(["iam:PassRole"], nodes, {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}),
            allow(
                [
                    "iam:GetInstanceProfile",
                    "iam:CreateInstanceProfile",
                    "iam:DeleteInstanceProfile",
                    "iam:TagInstanceProfile",
                    "iam:AddRoleToInstanceProfile",
                    "iam:RemoveRoleFromInstanceProfile",
                ],
                self.arn("iam", f"instance-profile/{name}_*", ""),
            ),
            allow(["eks:DescribeCluster"], self.arn("eks", f"cluster/{name}")),
        )
        describe = [f"ec2:Describe{what}" for what in (
            "AccountAttributes", "Addresses", "AvailabilityZones", "InternetGateways", "Vpcs", "Subnets",
            "SecurityGroups", "Instances", "NetworkInterfaces", "Tags",
        )] + [f"elasticloadbalancing:Describe{what}" for what in (
            "LoadBalancers", "LoadBalancerAttributes", "Listeners", "ListenerCertificates", "ListenerAttributes",
            "Rules", "TargetGroups", "TargetGroupAttributes", "TargetHealth", "Tags", "SSLPolicies",
        )]  # fmt: skip
        changing = [f"elasticloadbalancing:{what}" for what in (
            "CreateLoadBalancer", "CreateTargetGroup", "CreateListener", "CreateRule", "ModifyListener", "ModifyRule",
            "ModifyLoadBalancerAttributes", "ModifyTargetGroup", "ModifyTargetGroupAttributes", "RegisterTargets",
            "DeregisterTargets", "SetSecurityGroups", "SetSubnets", "SetWebAcl", "DeleteLoadBalancer",
            "DeleteTargetGroup", "DeleteListener", "DeleteRule", "AddTags", "RemoveTags",
            "AddListenerCertificates", "RemoveListenerCertificates",
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
            allow(
                ["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"],
                self.arn("ec2", "security-group/*"),
                {"StringEquals": {"aws:ResourceTag/service": "automatrix"}},
            ),
            allow(["acm:ListCertificates", "acm:DescribeCertificate"], "*"),
        )

    def _secrets(self) -> list[aws.secretsmanager.Secret]:
        observability = self.environment.observability
        wanted = [name for field, name in INTEGRATIONS.items() if getattr(observability, field)]
        return [
            aws.secretsmanager.Secret(
                name,
                name=f"{self.environment.prefix}/{name}",
                description=f"Key of {name}; set by hand, read by External Secrets",
                kms_key_id=self.keys.data.arn,
                recovery_window_in_days=30 if self.environment.is_production else 7,
                opts=self.own(),
            )
            for name in wanted
        ]

    def _account(self) -> None:
        """Close what an account leaves open."""
        aws.ebs.EncryptionByDefault("account", enabled=True, opts=self.own())
        aws.ebs.DefaultKmsKey("account", key_arn=self.keys.data.arn, opts=self.own())
        aws.s3.AccountPublicAccessBlock(
            "account",
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self.own(),
        )
