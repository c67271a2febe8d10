"""The keys that everything is encrypted with: one per kind of secret, so that each can be withdrawn alone.

`cluster` for Kubernetes secrets, `data` for stores and volumes, `logs` for logs and the trail, `backup` for copies; in
the recovery Region one for what is copied there. They rotate every year and outlive their deletion by 30 days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from cluster.catalogue import GLOBAL_REGION
from cluster.concern import Concern, Setting, allow, allow_service, document

DELETION_DAYS = 30
LINKED_ROLES = {"autoscaling": "AutoScaling", "spot": "EC2Spot"}
"""Who starts machines in AWS's name: the node group's by Auto Scaling, Karpenter's Spot ones by EC2."""


class Keys(Concern):
    """The customer managed keys of the account."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting, "keys", "security")
        environment = self.environment
        using = ["kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey"]

        def logs(region: str) -> dict[str, Any]:
            return allow_service(
                f"logs.{region}.amazonaws.com",
                ["kms:Encrypt", "kms:ReEncryptTo", *using],
                "*",
                {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": self.arn("logs", "*", region)}},
            )

        trail = allow_service(
            "cloudtrail.amazonaws.com", using, "*", {"StringEquals": {"aws:SourceAccount": environment.account_id}}
        )
        # EventBridge says nothing of an account when it uses a key: a condition on it would shut it out.
        senders = [
            allow_service("events.amazonaws.com", using, "*"),
            *(
                allow_service(
                    f"{name}.amazonaws.com", using, "*", {"StringEquals": {"aws:SourceAccount": environment.account_id}}
                )
                for name in ("cloudwatch", "sns")
            ),
        ]
        self.cluster = self._key("cluster", "Kubernetes secrets")
        linked = self._linked_roles()
        self.data = self._key("data", "stores, queues and volumes", *senders, *self._nodes(), after=linked)
        self.logs = self._key("logs", "logs, alarms and the trail", logs(environment.region), trail, *senders)
        # A key serves its own Region, and the edge is in one of its own.
        self.edge = self.logs
        if environment.region != GLOBAL_REGION:
            about = "logs and alarms of the edge"
            self.edge = self._key("edge", about, logs(GLOBAL_REGION), *senders, region=GLOBAL_REGION)
        self.backup = self._key("backup", "backups") if environment.recovery.backup else None
        away = environment.recovery.copy_to_recovery_region or environment.recovery.pilot_light
        self.recovery = (
            self._key(
                "recovery",
                "copies, logs and alarms in the recovery Region",
                logs(environment.recovery_region),
                *self._isolated(),
                *senders,
                region=environment.recovery_region,
            )
            if away
            else None
        )
        self.register_outputs({})

    def _linked_roles(self) -> list[pulumi.Resource]:
        """Make the roles by which AWS starts machines: a key's policy may name only who exists.

        An account has them once, so that whoever stands in finds them.
        """
        if self.environment.stands_in:
            return []
        services = {"autoscaling": "autoscaling.amazonaws.com", "spot": "spot.amazonaws.com"}
        return [
            aws.iam.ServiceLinkedRole(name, aws_service_name=service, opts=self.own())
            for name, service in services.items()
        ]

    def _nodes(self) -> list[Mapping[str, Any]]:
        """Return what lets AWS encrypt the disks of machines that it starts for a group or as Spot."""
        path = self.arn("iam", "role/aws-service-role", "")
        roles = [f"{path}/{service}.amazonaws.com/AWSServiceRoleFor{name}" for service, name in LINKED_ROLES.items()]
        using = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
        for_disks = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
        return [
            {**allow(using), "Principal": {"AWS": roles}},
            {**allow(["kms:CreateGrant"], "*", for_disks), "Principal": {"AWS": roles}},
        ]

    def _isolated(self) -> list[Mapping[str, Any]]:
        """Return what lets the isolated account read copies: a snapshot goes there under the key it has here."""
        account = self.environment.recovery.copy_to_account
        if not account:
            return []
        whose = {"Principal": {"AWS": f"arn:aws:iam::{account}:root"}}
        for_backup = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
        return [
            {**allow(["kms:DescribeKey", "kms:Decrypt", "kms:ReEncryptFrom"]), **whose},
            {**allow(["kms:CreateGrant"], "*", for_backup), **whose},
        ]

    def _key(
        self,
        name: str,
        purpose: str,
        *statements: Mapping[str, Any],
        region: str | None = None,
        after: Sequence[pulumi.Resource] = (),
    ) -> aws.kms.Key:
        root = {
            "Sid": "Account",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{self.environment.account_id}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
        key = aws.kms.Key(
            name,
            description=f"{self.environment.prefix}: {purpose}",
            enable_key_rotation=True,
            deletion_window_in_days=DELETION_DAYS,
            policy=document(root, *statements),
            region=region,
            opts=self.own(*after, protect=self.environment.is_production),
        )
        aws.kms.Alias(name, name=f"alias/{self.named(name)}", target_key_id=key.key_id, region=region, opts=self.own())
        return key
