"""The stores: PostgreSQL, the cache, the queue, and the buckets of the hub.

None of them is reachable but from the cluster, none has a password that somebody knows: services log in with IAM, the
administrator's password is made, kept and rotated by AWS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from cluster.buckets import BucketSpec, bucket
from cluster.cache import cache
from cluster.catalogue import DATABASE_PORT
from cluster.concern import Concern, Setting, secret_setting
from cluster.identity import ADMINISTRATOR
from cluster.keys import Keys
from cluster.network import Network
from cluster.queues import work_queue
from cluster.specification import Database

PARAMETERS = {
    "rds.force_ssl": "1",
    "log_min_duration_statement": "500",
    "log_connections": "1",
    "log_disconnections": "1",
    "rds.log_retention_period": "4320",
}

BACKUP_WINDOW, MAINTENANCE_WINDOW = "22:00-23:00", "sun:04:30-sun:05:30"
"""UTC. AWS Backup, which begins between 2 and 3, takes nothing in the hour before one of them, nor in it."""


@dataclass(frozen=True)
class ReplicaPlace:
    """Where the database that follows stands in the recovery Region."""

    subnets: aws.rds.SubnetGroup
    group: aws.ec2.SecurityGroup


class Data(Concern):
    """The stores of the environment."""

    def __init__(self, setting: Setting, network: Network, keys: Keys, replica: ReplicaPlace | None) -> None:
        super().__init__(setting, "data", "data")
        self.network = network
        self.keys = keys
        self.database_group = network.group("database", "PostgreSQL", self)
        self.cache_group = network.group("cache", "Valkey", self)
        self.instance: aws.rds.Instance | None = None
        self.secondary: aws.rds.Cluster | None = None
        self.secondary_parameters: aws.rds.ClusterParameterGroup | None = None
        self.secondary_logs: aws.cloudwatch.LogGroup | None = None
        self.cluster: aws.rds.Cluster | None = None
        self.subnets = aws.rds.SubnetGroup(
            "database",
            name=self.named("database"),
            subnet_ids=network.subnet_ids("isolated"),
            opts=self.own(),
        )
        if self.environment.database.engine == "rds":
            self.instance = self._instance()
        else:
            self.cluster = self._aurora(replica)
        made = cache(self, network, keys.data, self.cache_group)
        self.cache, self.cache_user = made.group, made.user
        self.jobs = work_queue(self, "jobs", keys.data, visibility_seconds=900)
        retention = self.environment.observability.retention
        reading = {
            "Sid": "CloudFront",
            "Effect": "Allow",
            "Principal": {"Service": "cloudfront.amazonaws.com"},
            "Action": "s3:GetObject",
            "Resource": "{bucket}/*",
            "Condition": {"ArnLike": {"aws:SourceArn": self.arn("cloudfront", "distribution/*", "")}},
        }
        self.assets = bucket(self, BucketSpec("assets", "operational", statements=(reading,)))
        self.uploads = bucket(self, BucketSpec("uploads", "personal", key=keys.data, backup=True))
        self.access_logs = bucket(
            self,
            BucketSpec(
                "access-logs",
                "personal",
                expire_days=retention.personal,
                statements=(
                    {
                        "Sid": "LoadBalancerLogs",
                        "Effect": "Allow",
                        "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
                        "Action": "s3:PutObject",
                        "Resource": f"{{bucket}}/alb/AWSLogs/{self.environment.account_id}/*",
                    },
                ),
            ),
        )
        self.register_outputs({})

    @property
    def resource_id(self) -> pulumi.Output[str]:
        """What IAM calls the database."""
        if self.instance is not None:
            return self.instance.resource_id
        assert self.cluster is not None  # noqa: S101 — one of the two is made
        return self.cluster.cluster_resource_id

    @property
    def database_arn(self) -> pulumi.Output[str]:
        """The database's ARN, whichever engine it is."""
        if self.instance is not None:
            return self.instance.arn
        assert self.cluster is not None  # noqa: S101 — one of the two is made
        return self.cluster.arn

    def _aurora(self, replica: ReplicaPlace | None) -> aws.rds.Cluster:
        spec, name = self.environment.database, self.named("hub")
        major = spec.version.partition(".")[0]
        logs = self._database_logs(f"/aws/rds/cluster/{name}/postgresql")
        parameters = self._parameters("hub", name, major)
        whole = None
        if spec.global_secondary:
            whole = aws.rds.GlobalCluster(
                "hub",
                global_cluster_identifier=name,
                engine="aurora-postgresql",
                engine_version=spec.version,
                storage_encrypted=True,
                deletion_protection=spec.deletion_protection,
                opts=self.own(),
            )
        cluster = aws.rds.Cluster(
            "hub",
            cluster_identifier=name,
            global_cluster_identifier=whole.id if whole else None,
            engine="aurora-postgresql",
            engine_mode="provisioned",
            engine_version=spec.version,
            **self._administrator(),
            port=DATABASE_PORT,
            iam_database_authentication_enabled=True,
            db_subnet_group_name=self.subnets.name,
            vpc_security_group_ids=[self.database_group.id],
            db_cluster_parameter_group_name=parameters.name,
            storage_encrypted=True,
            kms_key_id=self.keys.data.arn,
            backup_retention_period=spec.backup_days,
            preferred_backup_window=BACKUP_WINDOW,
            preferred_maintenance_window=MAINTENANCE_WINDOW,
            copy_tags_to_snapshot=True,
            deletion_protection=spec.deletion_protection,
            skip_final_snapshot=not spec.deletion_protection,
            final_snapshot_identifier=f"{name}-final" if spec.deletion_protection else None,
            enabled_cloudwatch_logs_exports=["postgresql"] if spec.export_logs else [],
            serverlessv2_scaling_configuration=_scaling(spec),
            tags=self.data_tags("personal", backup="true"),
            opts=self.own(
                *([logs] if logs else []),
                protect=spec.deletion_protection,
                # Whoever stands in was a follower, and stays in the whole: the way back is a planned switch.
                ignore=("globalClusterIdentifier", "replicationSourceIdentifier") if self.environment.stands_in else (),
            ),
        )
        instances = self._aurora_instances(cluster, major)
        if whole is not None and replica is not None:
            self.secondary = self._secondary(instances, whole, replica, major)
        return cluster

    def _administrator(self) -> dict[str, Any]:
        """Return who administers the database, and with what.

        AWS keeps no password for a member of a global database: there it is the stack's, and worthless from the moment
        at which the administrator is told to come by IAM (docs/deployment.md). Whoever stands in takes over the
        database with its administrator.
        """
        if self.environment.stands_in:
            return {}
        first = {"database_name": "hub", "master_username": ADMINISTRATOR}
        if self.environment.database.global_secondary:
            return {**first, "master_password": secret_setting("databasePassword")}
        return {
            **first,
            "manage_master_user_password": True,
            "master_user_secret_kms_key_id": self.keys.data.key_id,
        }

    def _parameters(
        self, name: str, physical: str, major: str, region: str | None = None
    ) -> aws.rds.ClusterParameterGroup:
        return aws.rds.ClusterParameterGroup(
            name,
            name=physical,
            family=f"aurora-postgresql{major}",
            parameters=[{"name": key, "value": value} for key, value in PARAMETERS.items()],
            region=region,
            opts=self.own(),
        )

    def _aurora_instances(self, cluster: aws.rds.Cluster, major: str) -> list[aws.rds.ClusterInstance]:
        spec = self.environment.database
        group = aws.rds.ParameterGroup(
            "hub", name=self.named("hub-instance"), family=f"aurora-postgresql{major}", opts=self.own()
        )
        zones = self.environment.zones
        return [
            aws.rds.ClusterInstance(
                f"hub-{index}",
                identifier=f"{self.named('hub')}-{index}",
                cluster_identifier=cluster.id,
                engine=aws.rds.EngineType.AURORA_POSTGRESQL,
                engine_version=spec.version,
                instance_class=spec.instance_type or "db.serverless",
                availability_zone=zones[index % len(zones)],
                db_parameter_group_name=group.name,
                db_subnet_group_name=self.subnets.name,
                publicly_accessible=False,
                auto_minor_version_upgrade=True,
                copy_tags_to_snapshot=True,
                promotion_tier=index,
                performance_insights_enabled=True,
                performance_insights_kms_key_id=self.keys.data.arn,
                tags=self.data_tags("personal"),
                opts=self.own(),
            )
            for index in range(1 + spec.readers)
        ]

    def _secondary(
        self,
        first: list[aws.rds.ClusterInstance],
        whole: aws.rds.GlobalCluster,
        place: ReplicaPlace,
        major: str,
    ) -> aws.rds.Cluster:
        """Follow in the recovery Region, without an instance: until it is needed, storage is all that is paid for.

        It has the name that the database has there, so that whoever stands in takes it over as it is. It waits for an
        instance of the first, which has nothing to send before; and whom it follows is left to AWS, since an update
        that takes it away parts the two.
        """
        spec, key, region = self.environment.database, self.keys.recovery, self.environment.recovery_region
        name = f"{self.environment.recovered().prefix}-hub"
        # What the first one refuses and tells, this one must too on the day it takes over.
        parameters = self._parameters("hub-secondary", name, major, region)
        logs = self._database_logs(f"/aws/rds/cluster/{name}/postgresql", "database-secondary", region)
        self.secondary_parameters, self.secondary_logs = parameters, logs
        return aws.rds.Cluster(
            "hub-secondary",
            cluster_identifier=name,
            global_cluster_identifier=whole.id,
            engine="aurora-postgresql",
            engine_version=spec.version,
            port=DATABASE_PORT,
            db_subnet_group_name=place.subnets.name,
            vpc_security_group_ids=[place.group.id],
            db_cluster_parameter_group_name=parameters.name,
            enabled_cloudwatch_logs_exports=["postgresql"] if spec.export_logs else [],
            iam_database_authentication_enabled=True,
            storage_encrypted=True,
            kms_key_id=key.arn if key else None,
            backup_retention_period=spec.backup_days,
            copy_tags_to_snapshot=True,
            deletion_protection=spec.deletion_protection,
            skip_final_snapshot=True,
            source_region=self.environment.region,
            region=region,
            tags=self.data_tags("personal"),
            opts=self.own(
                *first,
                *([logs] if logs else []),
                protect=spec.deletion_protection,
                ignore=("replicationSourceIdentifier",),
            ),
        )

    def _instance(self) -> aws.rds.Instance:
        spec, name = self.environment.database, self.named("hub")
        logs = self._database_logs(f"/aws/rds/instance/{name}/postgresql")
        parameters = aws.rds.ParameterGroup(
            "hub",
            name=name,
            family=f"postgres{spec.version.partition('.')[0]}",
            parameters=[{"name": key, "value": value} for key, value in PARAMETERS.items()],
            opts=self.own(),
        )
        return aws.rds.Instance(
            "hub",
            identifier=name,
            engine="postgres",
            engine_version=spec.version,
            instance_class=spec.instance_type or "",
            allocated_storage=max(20, spec.storage_gb),
            max_allocated_storage=max(20, spec.storage_gb) * 5,
            storage_type="gp3",
            storage_encrypted=True,
            kms_key_id=self.keys.data.arn,
            multi_az=spec.readers > 0,
            db_name="hub",
            port=DATABASE_PORT,
            username=ADMINISTRATOR,
            manage_master_user_password=True,
            master_user_secret_kms_key_id=self.keys.data.key_id,
            iam_database_authentication_enabled=True,
            db_subnet_group_name=self.subnets.name,
            vpc_security_group_ids=[self.database_group.id],
            parameter_group_name=parameters.name,
            publicly_accessible=False,
            auto_minor_version_upgrade=True,
            backup_retention_period=spec.backup_days,
            backup_window=BACKUP_WINDOW,
            maintenance_window=MAINTENANCE_WINDOW,
            copy_tags_to_snapshot=True,
            deletion_protection=spec.deletion_protection,
            skip_final_snapshot=not spec.deletion_protection,
            final_snapshot_identifier=f"{name}-final" if spec.deletion_protection else None,
            enabled_cloudwatch_logs_exports=["postgresql"] if spec.export_logs else [],
            performance_insights_enabled=True,
            performance_insights_kms_key_id=self.keys.data.arn,
            tags=self.data_tags("personal", backup="true"),
            opts=self.own(*([logs] if logs else []), protect=spec.deletion_protection),
        )

    def _database_logs(
        self, physical: str, name: str = "database", region: str | None = None
    ) -> aws.cloudwatch.LogGroup | None:
        """Make the log group before the database does, which would keep it for ever."""
        if not self.environment.database.export_logs:
            return None
        return aws.cloudwatch.LogGroup(
            name,
            name=physical,
            retention_in_days=self.environment.observability.retention.personal,
            kms_key_id=(self.keys.recovery if region and self.keys.recovery else self.keys.logs).arn,
            region=region,
            tags=self.data_tags("personal"),
            opts=self.own(),
        )


def _scaling(spec: Database) -> aws.rds.ClusterServerlessv2ScalingConfigurationArgsDict | None:
    if spec.engine != "aurora-serverless":
        return None
    return {
        "min_capacity": spec.min_acu,
        "max_capacity": spec.max_acu,
        "seconds_until_auto_pause": 600 if spec.min_acu == 0 else None,
    }
