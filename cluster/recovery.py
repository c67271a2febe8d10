"""What is left when all else is gone: backups nobody can delete, copies elsewhere, and a network to start again in.

The database's own backups answer a bad write; the vault answers a lost account or Region. AWS Backup copies Aurora
either across Regions or across accounts, never both in one step: the copy for the isolated account starts from the one
in the recovery Region, and `isolated.py` starts it.
"""

from __future__ import annotations

import json

import pulumi
import pulumi_aws as aws

from cluster.concern import Concern, Setting, trust
from cluster.data import Data, ReplicaPlace
from cluster.isolated import COPY_FAILED, HANDOVER_FAILED, Handover
from cluster.keys import Keys
from cluster.network import isolated_rules
from cluster.runbooks import BACKUP_FAILED

BACKUP_PATTERN = {
    "source": ["aws.backup", "aws.states"],
    "detail-type": [*COPY_FAILED["detail-type"], *HANDOVER_FAILED["detail-type"]],
    "detail": {"$or": [COPY_FAILED["detail"], HANDOVER_FAILED["detail"]]},
}
"""What fails here, and what the recovery Region sends."""
POLICIES = {
    "backup": "service-role/AWSBackupServiceRolePolicyForBackup",
    "restores": "service-role/AWSBackupServiceRolePolicyForRestores",
    "s3-backup": "AWSBackupServiceRolePolicyForS3Backup",
    "s3-restore": "AWSBackupServiceRolePolicyForS3Restore",
}
"""What AWS Backup may do; buckets have policies of their own."""


class PilotLight(Concern):
    """What stands in the recovery Region: the stores' part of the network, under the names that it has there."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting, "pilot-light", "edge")
        self.there = self.environment.recovered()
        self.region = self.there.region
        self.vpc = aws.ec2.Vpc(
            "recovery",
            cidr_block=str(self.there.network.cidr),
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags={"Name": self._there("main")},
            region=self.region,
            opts=self.own(),
        )
        aws.ec2.DefaultSecurityGroup(
            "recovery", vpc_id=self.vpc.id, ingress=[], egress=[], region=self.region, opts=self.own()
        )
        self.isolated = self._subnets()
        inward, outward = isolated_rules(self.there.network)
        self.acl = aws.ec2.NetworkAcl(
            "recovery-isolated",
            vpc_id=self.vpc.id,
            subnet_ids=[subnet.id for subnet in self.isolated.values()],
            ingress=inward,
            egress=outward,
            tags={"Name": self._there("isolated")},
            region=self.region,
            opts=self.own(),
        )
        self.replica = ReplicaPlace(
            aws.rds.SubnetGroup(
                "recovery",
                name=self._there("database"),
                subnet_ids=[subnet.id for subnet in self.isolated.values()],
                region=self.region,
                opts=self.own(),
            ),
            aws.ec2.SecurityGroup(
                "recovery-database",
                name=self._there("database"),
                description="PostgreSQL",
                vpc_id=self.vpc.id,
                revoke_rules_on_delete=True,
                tags={"Name": self._there("database")},
                region=self.region,
                opts=self.own(),
            ),
        )
        self.register_outputs({})

    def _there(self, name: str) -> str:
        return f"{self.there.prefix}-{name}"

    def _subnets(self) -> dict[str, aws.ec2.Subnet]:
        return {
            suffix: aws.ec2.Subnet(
                f"recovery-isolated-{suffix}",
                vpc_id=self.vpc.id,
                cidr_block=str(self.there.network.subnet("isolated", index)),
                availability_zone=f"{self.region}{suffix}",
                map_public_ip_on_launch=False,
                tags={"Name": self._there(f"isolated-{suffix}"), "network-tier": "isolated"},
                region=self.region,
                opts=self.own(),
            )
            for index, suffix in enumerate(self.there.network.zones)
        }

    def watch(self, archive: aws.s3.Bucket, policy: aws.s3.BucketPolicy) -> None:
        """Record what is refused there, in the bucket of records, once that lets it in."""
        aws.ec2.FlowLog(
            "recovery",
            vpc_id=self.vpc.id,
            traffic_type="REJECT",
            log_destination_type="s3",
            log_destination=archive.arn,
            region=self.region,
            tags=self.data_tags("personal"),
            opts=self.own(policy),
        )

    def standing(self, data: Data, keys: Keys) -> dict[str, pulumi.Output[str]]:
        """Return the ids of what whoever stands in takes over, by their keys there."""
        found: dict[str, aws.rds.Cluster | pulumi.CustomResource | None] = {
            "ec2.Vpc/main": self.vpc,
            "ec2.NetworkAcl/isolated": self.acl,
            "ec2.SecurityGroup/database": self.replica.group,
            "rds.SubnetGroup/database": self.replica.subnets,
            "rds.Cluster/hub": data.secondary,
            "rds.ClusterParameterGroup/hub": data.secondary_parameters,
            "cloudwatch.LogGroup/database": data.secondary_logs,
            "kms.Key/data": keys.recovery,
        }
        found |= {f"ec2.Subnet/isolated-{suffix}": subnet for suffix, subnet in self.isolated.items()}
        return {key: one.id for key, one in found.items() if one is not None}


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
        for name, policy in POLICIES.items():
            aws.iam.RolePolicyAttachment(
                f"backup-{name}", role=role.name, policy_arn=f"arn:aws:iam::aws:policy/{policy}", opts=self.own()
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
