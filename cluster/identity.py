"""Who may come from outside: GitHub's workflows, and people in an emergency. And what the account closes by default.

A workflow gets a role by its token, which names repository and environment; no key exists that could be lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi_aws as aws

from cluster.bounds import most
from cluster.concern import Concern, Setting, allow, document
from cluster.keys import Keys

GITHUB = "token.actions.githubusercontent.com"
ADMINISTRATOR = "hubadmin"
"""The database's administrator: not the engine's default, which is what gets guessed first."""
GIVING = ("iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy", "iam:PutRolePermissionsBoundary")
"""How a role is given rights: IAM can ask each of these for a boundary."""
PASSED_TO = tuple(
    f"{service}.amazonaws.com"
    for service in (
        "eks", "ec2", "pods.eks", "backup", "cloudtrail", "vpc-flow-logs", "scheduler", "states", "events",
    )
)  # fmt: skip
"""The services that the program gives a role."""
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
        """Make the roles of CI. A person makes and changes them: whoever stands in keeps those that are there."""
        environment = self.environment
        if environment.stands_in:
            return
        provider = aws.iam.OpenIdConnectProvider(
            "github", url=f"https://{GITHUB}", client_id_lists=["sts.amazonaws.com"], opts=self.own()
        )
        boundary = aws.iam.Policy(
            "ci-boundary",
            name=self.named("ci-boundary"),
            description="What a workflow may do at most, whatever its role says",
            policy=document(most(environment), *self._own_roles()),
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

    def _own_roles(self) -> list[Mapping[str, Any]]:
        """Return what a workflow needs of IAM: roles and policies of this platform, and nobody else's.

        A role that it makes or gives rights to has the platform's boundary, so that it never makes one that may do more
        than itself; and the identities of CI and of the emergency are closed to it, or it could lift its own boundary.
        """
        path = f"{self.environment.prefix}-"
        roles, policies = (self.arn("iam", f"{kind}/{path}*", "") for kind in ("role", "policy"))
        boundaries = [self.arn("iam", f"policy/{path}{name}-boundary", "") for name in ("platform", "workload")]
        bounded = {"StringEquals": {"iam:PermissionsBoundary": boundaries}}
        profiles = self.arn("iam", f"instance-profile/{path}*", "")
        holding = [f"iam:{what}InstanceProfile" for what in (
            "Create", "Delete", "AddRoleTo", "RemoveRoleFrom", "Tag", "Untag",
        )]  # fmt: skip
        closed = [self.arn("iam", f"role/{path}{name}", "") for name in ("github-*", "break-glass")]
        closed += [self.arn("iam", f"policy/{path}*-boundary", "")]
        changing = [
            "iam:DeleteRole", "iam:UpdateRole", "iam:UpdateRoleDescription", "iam:UpdateAssumeRolePolicy",
            "iam:TagRole", "iam:UntagRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:CreatePolicy",
            "iam:DeletePolicy", "iam:CreatePolicyVersion", "iam:DeletePolicyVersion", "iam:TagPolicy",
            "iam:UntagPolicy",
        ]  # fmt: skip
        return [
            allow(["iam:Get*", "iam:List*"], "*"),
            allow(GIVING, roles, bounded),
            allow(changing, [roles, policies]),
            {"Effect": "Deny", "Action": [*GIVING, *changing, "iam:DeleteRolePermissionsBoundary"], "Resource": closed},
            allow(holding, profiles),
            allow(["iam:PassRole"], roles, {"StringEquals": {"iam:PassedToService": list(PASSED_TO)}}),
            allow(["iam:CreateServiceLinkedRole"], self.arn("iam", "role/aws-service-role/*", "")),
        ]

    def _break_glass(self) -> aws.iam.Role:
        """Make the one administrator of the cluster: for people in an emergency, for an hour, loudly.

        People come by IAM Identity Center, which asks for the second factor itself: a session of it does not say so.
        Who may come is therefore who has the permission set, whose role carries its name.
        """
        account, permission_set = self.environment.account_id, self.environment.emergency_permission_set
        people = f"arn:aws:iam::{account}:role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_{permission_set}_*"
        role = aws.iam.Role(
            "break-glass",
            name=self.named("break-glass"),
            description="Administers the cluster in an emergency and at its first installation",
            assume_role_policy=document(
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
                    "Action": "sts:AssumeRole",
                    "Condition": {"ArnLike": {"aws:PrincipalArn": people}},
                }
            ),
            max_session_duration=3600,
            opts=self.own(),
        )
        aws.iam.RolePolicy(
            "break-glass",
            role=role.name,
            policy=document(
                allow(["eks:DescribeCluster"], self.arn("eks", f"cluster/{self.environment.prefix}")),
                allow(["rds-db:connect"], self.arn("rds-db", f"dbuser:*/{ADMINISTRATOR}")),
            ),
            opts=self.own(),
        )
        return role

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
        """Close what an account leaves open; what it has once, whoever stands in finds closed."""
        aws.ebs.EncryptionByDefault("account", enabled=True, opts=self.own())
        aws.ebs.DefaultKmsKey("account", key_arn=self.keys.data.arn, opts=self.own())
        if self.environment.stands_in:
            return
        aws.s3.AccountPublicAccessBlock(
            "account",
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self.own(),
        )
