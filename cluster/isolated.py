"""Copies that survive the account: in one of its own, where nobody who works on the platform has a role.

In:  what an environment says of recovery.
Out: in the environment's account a state machine that hands each new copy on (`Handover`), and in the isolated account
     the locked vault that takes it (`build_vault`, the stack `isolated`).

AWS Backup does not go on from a copy by itself, so that somebody has to start it. That is done once a day, by the
clock and not by events: a day on which nothing is there to be copied is then a failure that rings, and not silence.
The two accounts are two stacks, so that no role of the environment may change the vault.
"""

from __future__ import annotations

import json

import pulumi
import pulumi_aws as aws

from cluster.concern import Concern, Setting, Text, allow, document, trust
from cluster.keys import DELETION_DAYS
from cluster.specification import Environment

VAULT = "automatrix-isolated"
COPY_AT_HOUR = 12
"""UTC; daily backups begin at 2 and have five hours, their copies in the recovery Region four more."""
LOOKS_BACK_H = 26
"""A day, and what a clock or a slow copy may differ."""
SDK = "arn:aws:states:::aws-sdk:backup"
AGAIN = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 60, "MaxAttempts": 3, "BackoffRate": 2}]


class Handover(Concern):
    """Starts a copy into the isolated account for everything that has arrived in the recovery Region."""

    def __init__(self, setting: Setting, copies: aws.backup.Vault, backup_role: aws.iam.Role) -> None:
        super().__init__(setting, "handover", "data")
        self.region = self.environment.recovery_region
        account, days = self.environment.recovery.copy_to_account, self.environment.recovery.isolated_days
        self.vault = f"arn:aws:backup:{self.region}:{account}:backup-vault:{VAULT}"
        aws.backup.VaultPolicy(
            "isolated-copy",
            backup_vault_name=copies.name,
            policy=document({**allow(["backup:CopyFromBackupVault"]), "Principal": {"AWS": _root(account)}}),
            region=self.region,
            opts=self.own(),
        )
        definition = pulumi.Output.json_dumps(steps(copies.name, self.vault, backup_role.arn, days))
        machine = aws.sfn.StateMachine(
            "isolated-copy",
            name=self.named("isolated-copy"),
            role_arn=self._copying(copies, backup_role).arn,
            definition=definition,
            region=self.region,
            opts=self.own(),
        )
        self._daily(machine)
        self._tell(machine)
        self.register_outputs({})

    def _role(self, name: str, service: str, *statements: dict[str, object]) -> aws.iam.Role:
        role = aws.iam.Role(
            name,
            name=self.named(name),
            assume_role_policy=trust(f"{service}.amazonaws.com", account=self.environment.account_id),
            opts=self.own(),
        )
        aws.iam.RolePolicy(name, role=role.name, policy=document(*statements), opts=self.own())
        return role

    def _copying(self, copies: aws.backup.Vault, backup_role: aws.iam.Role) -> aws.iam.Role:
        points = f"arn:aws:backup:{self.region}:{self.environment.account_id}:recovery-point:*"
        snapshots = f"arn:aws:rds:{self.region}:{self.environment.account_id}:cluster-snapshot:awsbackup:*"
        passed = {"StringEquals": {"iam:PassedToService": "backup.amazonaws.com"}}
        return self._role(
            "isolated-copy",
            "states",
            allow(["backup:ListRecoveryPointsByBackupVault"], copies.arn),
            allow(["backup:StartCopyJob"], [points, snapshots, self.vault]),
            allow(["iam:PassRole"], backup_role.arn, passed),
        )

    def _daily(self, machine: aws.sfn.StateMachine) -> None:
        role = self._role("isolated-start", "scheduler", allow(["states:StartExecution"], machine.arn))
        aws.scheduler.Schedule(
            "isolated-copy",
            name=self.named("isolated-copy"),
            schedule_expression=f"cron(0 {COPY_AT_HOUR} * * ? *)",
            schedule_expression_timezone="UTC",
            flexible_time_window={"mode": "OFF"},
            target={"arn": machine.arn, "role_arn": role.arn},
            region=self.region,
            opts=self.own(),
        )

    def _tell(self, machine: aws.sfn.StateMachine) -> None:
        """Send what fails in the recovery Region to the bus at home, where a rule tells somebody."""
        home = self.arn("events", "event-bus/default")
        role = self._role("isolated-tell", "events", allow(["events:PutEvents"], home))
        for name, pattern in (("copy-failed", COPY_FAILED), ("handover-failed", HANDOVER_FAILED)):
            rule = aws.cloudwatch.EventRule(
                name,
                name=self.named(name),
                description="Goes to the bus of the home Region, and from there to the topic of alarms",
                event_pattern=json.dumps(pattern),
                region=self.region,
                opts=self.own(machine),
            )
            aws.cloudwatch.EventTarget(
                name, rule=rule.name, arn=home, role_arn=role.arn, region=self.region, opts=self.own()
            )


COPY_FAILED = {
    "source": ["aws.backup"],
    "detail-type": ["Backup Job State Change", "Copy Job State Change", "Restore Job State Change"],
    "detail": {"state": ["FAILED", "ABORTED", "EXPIRED"]},
}
HANDOVER_FAILED = {
    "source": ["aws.states"],
    "detail-type": ["Step Functions Execution Status Change"],
    "detail": {"status": ["FAILED", "TIMED_OUT", "ABORTED"]},
}


def steps(copies: Text, vault: str, backup_role: Text, days: int) -> dict[str, object]:
    """Return the machine: find what is new, fail where nothing is, start a copy of each."""
    find = {
        "Type": "Task",
        "Resource": f"{SDK}:listRecoveryPointsByBackupVault",
        "Arguments": {
            "BackupVaultName": copies,
            "ByCreatedAfter": f"{{% $fromMillis($millis() - {LOOKS_BACK_H * 3_600_000}) %}}",
        },
        "Output": {"points": "{% [$states.result.RecoveryPoints[Status = 'COMPLETED'].RecoveryPointArn] %}"},
        "Retry": AGAIN,
        "Next": "Any",
    }
    start = {
        "Type": "Task",
        "Resource": f"{SDK}:startCopyJob",
        "Arguments": {
            "RecoveryPointArn": "{% $states.input %}",
            "SourceBackupVaultName": copies,
            "DestinationBackupVaultArn": vault,
            "IamRoleArn": backup_role,
            "Lifecycle": {"DeleteAfterDays": days},
        },
        "Retry": AGAIN,
        "End": True,
    }
    return {
        "QueryLanguage": "JSONata",
        "StartAt": "Find",
        "States": {
            "Find": find,
            "Any": {
                "Type": "Choice",
                "Choices": [{"Condition": "{% $count($states.input.points) > 0 %}", "Next": "Copy"}],
                "Default": "Nothing",
            },
            "Nothing": {"Type": "Fail", "Error": "NothingToCopy", "Cause": "no copy arrived within a day"},
            "Copy": {
                "Type": "Map",
                "Items": "{% $states.input.points %}",
                "MaxConcurrency": 2,
                "ItemProcessor": {"StartAt": "Start", "States": {"Start": start}},
                "End": True,
            },
        },
    }


def build_vault(environment: Environment) -> None:
    """Register what stands in the isolated account of an environment: a key and a vault that nobody empties."""
    IsolatedVault(Setting(environment.isolated()), environment.account_id)


class IsolatedVault(Concern):
    """The vault of the isolated account, which takes copies and gives nobody the right to delete one."""

    def __init__(self, setting: Setting, source: str) -> None:
        super().__init__(setting, "isolated", "data")
        days = self.environment.recovery.isolated_days
        key = aws.kms.Key(
            "isolated",
            description="copies of another account's backups",
            enable_key_rotation=True,
            deletion_window_in_days=DELETION_DAYS,
            opts=self.own(protect=True),
        )
        linked = aws.iam.ServiceLinkedRole("backup", aws_service_name="backup.amazonaws.com", opts=self.own())
        vault = aws.backup.Vault(
            "isolated",
            name=VAULT,
            kms_key_arn=key.arn,
            tags=self.data_tags("personal"),
            opts=self.own(linked, protect=True),
        )
        aws.backup.VaultLockConfiguration(
            "isolated",
            backup_vault_name=vault.name,
            min_retention_days=min(7, days),
            max_retention_days=365,
            changeable_for_days=3,
            opts=self.own(),
        )
        into = {**allow(["backup:CopyIntoBackupVault"]), "Principal": {"AWS": _root(source)}}
        aws.backup.VaultPolicy("isolated", backup_vault_name=vault.name, policy=document(into), opts=self.own())
        self.register_outputs({})


def _root(account: str) -> str:
    return f"arn:aws:iam::{account}:root"
