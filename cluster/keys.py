"""The keys that everything is encrypted with: one per kind of secret, so that each can be withdrawn alone.

`cluster` for Kubernetes secrets, `data` for stores and volumes, `logs` for logs and the trail, `backup` for copies; in
the recovery Region one for what is copied there. They rotate every year and outlive their deletion by 30 days.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi_aws as aws

from cluster.concern import Concern, Setting, allow, allow_service, document

DELETION_DAYS = 30


class Keys(Concern):
    """The customer managed keys of the account."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting, "keys", "security")
        environment = self.environment
        using = ["kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey"]
        logs = allow_service(
            f"logs.{environment.region}.amazonaws.com",
            ["kms:Encrypt", "kms:ReEncryptTo", *using],
            "*",
            {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": self.arn("logs", "*")}},
        )
        trail = allow_service(
            "cloudtrail.amazonaws.com", using, "*", {"StringEquals": {"aws:SourceAccount": environment.account_id}}
        )
        senders = [
            allow_service(
                f"{name}.amazonaws.com", using, "*", {"StringEquals": {"aws:SourceAccount": environment.account_id}}
            )
            for name in ("events", "cloudwatch", "sns")
        ]
        self.cluster = self._key("cluster", "Kubernetes secrets")
        self.data = self._key("data", "stores, queues and volumes", *senders)
        self.logs = self._key("logs", "logs, alarms and the trail", logs, trail, *senders)
        self.backup = self._key("backup", "backups") if environment.recovery.backup else None
        away = environment.recovery.copy_to_recovery_region or environment.recovery.pilot_light
        self.recovery = (
            self._key(
                "recovery",
                "copies and alarms in the recovery Region",
                *self._isolated(),
                *senders,
                region=environment.recovery_region,
            )
            if away
            else None
        )
        self.register_outputs({})

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

    def _key(self, name: str, purpose: str, *statements: Mapping[str, Any], region: str | None = None) -> aws.kms.Key:
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
            opts=self.own(protect=self.environment.is_production),
        )
        aws.kms.Alias(name, name=f"alias/{self.named(name)}", target_key_id=key.key_id, region=region, opts=self.own())
        return key
