"""What breaks database, cache, queues, buckets and images."""

from __future__ import annotations

from tests.support.mutations.case import DATABASE, alter, edit, fails, lose, ref, statement

ANYBODY = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}

STORES = (
    fails(
        "database-not-public",
        "an address on the internet",
        alter("rds.ClusterInstance/hub-1", "publiclyAccessible", True),
    ),
    fails("database-encrypted", "plain text", alter(DATABASE, "storageEncrypted", False)),
    fails("database-encrypted", "a key of AWS", alter(DATABASE, "kmsKeyId", None)),
    fails("database-deletion-protection", "deleted by one call", alter(DATABASE, "deletionProtection", False)),
    fails(
        "database-multi-az", "both in one zone", alter("rds.ClusterInstance/hub-1", "availabilityZone", "us-east-1a")
    ),
    fails("database-backup-retention", "a week", alter(DATABASE, "backupRetentionPeriod", 7)),
    fails("database-iam-auth", "passwords only", alter(DATABASE, "iamDatabaseAuthenticationEnabled", None)),
    fails("database-log-export", "no log", alter(DATABASE, "enabledCloudwatchLogsExports", [])),
    fails("database-force-tls", "clear text", alter("rds.ClusterParameterGroup/hub", "parameters.0.value", "0")),
    fails(
        "database-force-tls",
        "AWS's parameters",
        alter("rds.Cluster/hub-secondary", "dbClusterParameterGroupName", None),
    ),
    fails("database-minor-upgrades", "no fixes", alter("rds.ClusterInstance/hub-0", "autoMinorVersionUpgrade", False)),
    fails("database-custom-port-and-admin", "the usual port", alter(DATABASE, "port", 5432)),
    fails("database-custom-port-and-admin", "the usual name", alter(DATABASE, "masterUsername", "postgres")),
    fails("database-tags-to-snapshots", "copies of nobody", alter(DATABASE, "copyTagsToSnapshot", False)),
    fails(
        "cache-encrypted",
        "clear text on the way",
        alter("elasticache.ReplicationGroup/cache", "transitEncryptionEnabled", False),
    ),
    fails(
        "cache-encrypted",
        "clear text at rest",
        alter("elasticache.ReplicationGroup/cache", "atRestEncryptionEnabled", None),
    ),
    fails(
        "cache-failover-and-backup",
        "no fail-over",
        alter("elasticache.ReplicationGroup/cache", "automaticFailoverEnabled", False),
    ),
    fails(
        "cache-failover-and-backup",
        "no backup",
        alter("elasticache.ReplicationGroup/cache", "snapshotRetentionLimit", 0),
    ),
    fails("queue-encrypted-not-public", "plain text", alter("sqs.Queue/jobs", "kmsMasterKeyId", None)),
    fails(
        "queue-encrypted-not-public",
        "anybody may send",
        edit("sqs.QueuePolicy/jobs", "policy", lambda one: one["Statement"].append(ANYBODY)),
    ),
    fails(
        "dead-letter-queue-with-alarm",
        "messages that come back for ever",
        alter("sqs.Queue/jobs", "redrivePolicy", None),
    ),
    fails(
        "dead-letter-queue-with-alarm",
        "nobody looks",
        alter("cloudwatch.MetricAlarm/queue-dead", "dimensions.QueueName", ref("sqs.Queue/jobs", "name")),
    ),
    fails(
        "buckets-private-tls-lifecycle",
        "a bucket that may become public",
        alter("s3.BucketPublicAccessBlock/uploads", "restrictPublicBuckets", False),
    ),
    fails(
        "buckets-private-tls-lifecycle",
        "requests without TLS",
        edit("s3.BucketPolicy/uploads", "policy", statement(0, "Condition", {})),
    ),
    fails("buckets-private-tls-lifecycle", "objects for ever", lose("s3.BucketLifecycleConfiguration/uploads")),
    fails(
        "image-repositories-hardened", "tags that move", alter("ecr.Repository/hub", "imageTagMutability", "MUTABLE")
    ),
    fails(
        "image-repositories-hardened",
        "no scan",
        alter("ecr.Repository/hub", "imageScanningConfiguration.scanOnPush", False),
    ),
    fails("image-repositories-hardened", "images for ever", lose("ecr.LifecyclePolicy/hub")),
)
