"""Who may come from outside: GitHub's workflows, and people in an emergency. And what the account closes by default.

A workflow gets a role by its token, which names repository and environment; no key exists that could be lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi_aws as aws

from cluster.concern import Concern, Setting, allow, document
from cluster.keys import Keys

GITHUB = "token.actions.githubusercontent.com"
INTEGRATIONS = {"sentry": "sentry", "datadog": "datadog", "new_relic": "new-relic"}


class Identity(Concern):
    """Roles for who comes from outside, and the secrets that services are given."""

    def __init__(self, setting: Setting, keys: Keys) -> None:
        super().__init__(setting, "identity", "security")
        self.keys = keys
        self._workflows()
        self.break_glass = self._break_glass()
        self.secrets = self._secrets()
        self._account()
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
