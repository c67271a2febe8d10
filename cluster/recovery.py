"""What is left when all else is gone: backups nobody can delete, copies elsewhere, and a network to start again in.

The database's own backups answer a bad write; the vault answers a lost account or Region. AWS Backup copies Aurora
either across Regions or across accounts, never both in one step: the copy for the isolated account starts from the one
in the recovery Region, and `isolated.py` starts it.
"""

from __future__ import annotations

import json

import pulumi_aws as aws

from cluster.concern import Concern, Setting, trust
from cluster.isolated import COPY_FAILED, HANDOVER_FAILED, Handover
from cluster.keys import Keys
from cluster.runbooks import BACKUP_FAILED

BACKUP_PATTERN = {
    "source": ["aws.backup", "aws.states"],
    "detail-type": [*COPY_FAILED["detail-type"], *HANDOVER_FAILED["detail-type"]],
    "detail": {"$or": [COPY_FAILED["detail"], HANDOVER_FAILED["detail"]]},
}
"""What fails here, and what the recovery Region sends."""
SERVICE_POLICY = "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyFor"


class PilotLight(Concern):
    """What stands in the recovery Region: a network without a way out, into which the cluster can be created."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting, "pilot-light", "data")
        region = self.environment.recovery_region
        spec = self.environment.network
        vpc = aws.ec2.Vpc(
            "recovery",
            cidr_block=str(spec.recovery_cidr),
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags={"Name": self.named("recovery")},
            region=region,
            opts=self.own(),
        )
        aws.ec2.DefaultSecurityGroup("recovery", vpc_id=vpc.id, ingress=[], egress=[], region=region, opts=self.own())
        ranges = list(spec.recovery_cidr.subnets(new_prefix=24))[208:]
        subnets = [
            aws.ec2.Subnet(
                f"recovery-isolated-{suffix}",
                vpc_id=vpc.id,
                cidr_block=str(ranges[index]),
                availability_zone=f"{region}{suffix}",
                map_public_ip_on_launch=False,
                tags={"Name": self.named(f"recovery-isolated-{suffix}"), "network-tier": "isolated"},
                region=region,
                opts=self.own(),
            )
            for index, suffix in enumerate(spec.zones)
        ]
        aws.ec2.NetworkAcl(
            "recovery-isolated",
            vpc_id=vpc.id,
            subnet_ids=[subnet.id for subnet in subnets],
            tags={"Name": self.named("recovery-isolated")},
            region=region,
            opts=self.own(),
        )
        self._flow_logs(vpc)
        self.subnets = aws.rds.SubnetGroup(
            "recovery",
            name=self.named("recovery"),
            subnet_ids=[subnet.id for subnet in subnets],
            region=region,
            opts=self.own(),
        )
        self.register_outputs({})

    def _flow_logs(self, vpc: aws.ec2.Vpc) -> None:
        region = self.environment.recovery_region
        bucket = f"arn:aws:s3:::{self.named('audit')}-{self.environment.account_id}/recovery-flow-logs"
        aws.ec2.FlowLog(
            "recovery",
            vpc_id=vpc.id,
            traffic_type="REJECT",
            log_destination_type="s3",
            log_destination=bucket,
            region=region,
            tags=self.data_tags("personal"),
            opts=self.own(),
        )


class Recovery(Concern):
    """Backups and their copies."""

    def __init__(self, setting: Setting, keys: Keys, topic: aws.sns.Topic) -> None:
        super().__init__(setting, "recovery", "data")
        self.keys = keys
        self.role = self._role()
        self.vault = self._vault("main", keys.backup, None)
        self.copies: list[aws.backup.Vault] = []
        if self.environment.recovery.copy_to_recovery_region:
            self.copies.append(self._vault("recovery", keys.recovery, self.environment.recovery_region))
        self._plan()
        if self.environment.recovery.restore_testing:
            self._restore_testing()
        self._failures(topic)
        self.register_outputs({})

    def _role(self) -> aws.iam.Role:
        role = aws.iam.Role(
            "backup", name=self.named("backup"), assume_role_policy=trust("backup.amazonaws.com"), opts=self.own()
        )
        for purpose in ("Backup", "Restores"):
            aws.iam.RolePolicyAttachment(
                f"backup-{purpose.lower()}", role=role.name, policy_arn=f"{SERVICE_POLICY}{purpose}", opts=self.own()
            )
        return role

    def _vault(self, name: str, key: aws.kms.Key | None, region: str | None) -> aws.backup.Vault:
        spec = self.environment.recovery
        vault = aws.backup.Vault(
            name,
            name=self.named(name),
            kms_key_arn=key.arn if key else None,
            region=region,
            tags=self.data_tags("personal"),
            opts=self.own(protect=spec.vault_lock),
        )
        if spec.vault_lock:
            aws.backup.VaultLockConfiguration(
                name,
                backup_vault_name=vault.name,
                min_retention_days=7,
                max_retention_days=max(365, spec.backup_days),
                changeable_for_days=3,
                region=region,
                opts=self.own(),
            )
        return vault

    def _plan(self) -> None:
        spec = self.environment.recovery
        copies: list[aws.backup.PlanRuleCopyActionArgsDict] = [
            {"destination_vault_arn": vault.arn, "lifecycle": {"delete_after": spec.backup_days}}
            for vault in self.copies
        ]
        plan = aws.backup.Plan(
            "daily",
            name=self.named("daily"),
            rules=[
                {
                    "rule_name": "daily",
                    "target_vault_name": self.vault.name,
                    "schedule": "cron(0 2 * * ? *)",
                    "start_window": 60,
                    "completion_window": 240,
                    "lifecycle": {"delete_after": spec.backup_days},
                    "copy_actions": copies,
                }
            ],
            opts=self.own(),
        )
        aws.backup.Selection(
            "tagged",
            name=self.named("tagged"),
            plan_id=plan.id,
            iam_role_arn=self.role.arn,
            selection_tags=[{"type": "STRINGEQUALS", "key": "backup", "value": "true"}],
            opts=self.own(),
        )
        if spec.copy_to_account and self.copies:
            Handover(self.setting, self.copies[0], self.role)

    def _restore_testing(self) -> None:
        plan = aws.backup.RestoreTestingPlan(
            "weekly",
            name=self.named("weekly").replace("-", "_"),
            schedule_expression="cron(0 6 ? * SUN *)",
            recovery_point_selection={
                "algorithm": "LATEST_WITHIN_WINDOW",
                "include_vaults": [self.vault.arn],
                "recovery_point_types": ["SNAPSHOT", "CONTINUOUS"],
                "selection_window_days": 7,
            },
            opts=self.own(),
        )
        aws.backup.RestoreTestingSelection(
            "database",
            name="database",
            restore_testing_plan_name=plan.name,
            protected_resource_type="Aurora",
            iam_role_arn=self.role.arn,
            protected_resource_conditions={
                "string_equals": [{"key": "aws:ResourceTag/backup", "value": "true"}],
            },
            opts=self.own(),
        )

    def _failures(self, topic: aws.sns.Topic) -> None:
        rule = aws.cloudwatch.EventRule(
            BACKUP_FAILED,
            name=self.named(BACKUP_FAILED),
            description=f"A backup, copy or restore did not complete. Runbook: {self.runbook(BACKUP_FAILED)}",
            event_pattern=json.dumps(BACKUP_PATTERN),
            opts=self.own(),
        )
        aws.cloudwatch.EventTarget(BACKUP_FAILED, rule=rule.name, arn=topic.arn, opts=self.own())
