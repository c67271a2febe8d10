"""What breaks records, alarms, copies, places, tags and budgets."""

from __future__ import annotations

from tests.support.mutations.case import alter, edit, every, fails, lose, ref

TRAIL = "cloudtrail.Trail/account"

DETECTION = (
    fails("audit-trail", "one Region only", alter(TRAIL, "isMultiRegionTrail", False)),
    fails("audit-trail", "logs that can be changed", alter(TRAIL, "enableLogFileValidation", None)),
    fails("audit-trail", "no key of ours", alter(TRAIL, "kmsKeyId", None)),
    fails("audit-trail", "no log group", alter(TRAIL, "cloudWatchLogsGroupArn", None)),
    fails("audit-trail", "no trail", lose(TRAIL)),
    fails("config-recorder", "a recorder that is off", alter("cfg.RecorderStatus/account", "isEnabled", False)),
    fails(
        "config-recorder", "a role of its own", alter("cfg.Recorder/account", "roleArn", ref("iam.Role/trail", "arn"))
    ),
    fails("config-recorder", "nothing delivered", lose("cfg.DeliveryChannel/account")),
    fails(
        "guardduty-enabled",
        "no eye on the database",
        alter("guardduty.DetectorFeature/rds-login-events", "status", "DISABLED"),
    ),
    fails(
        "guardduty-enabled",
        "no agent on nodes",
        alter("guardduty.DetectorFeature/runtime-monitoring", "additionalConfigurations.0.status", "DISABLED"),
    ),
    fails("guardduty-enabled", "off", alter("guardduty.Detector/account", "enable", False)),
    fails("inspector-image-scanning", "machines only", alter("inspector2.Enabler/images", "resourceTypes", ["EC2"])),
    fails(
        "log-retention-by-data-class",
        "a week where its class has 90 days",
        alter("cloudwatch.LogGroup/services", "retentionInDays", 7),
    ),
    fails("log-retention-by-data-class", "for ever", alter("cloudwatch.LogGroup/services", "retentionInDays", None)),
    fails(
        "log-retention-by-data-class",
        "a class that nobody knows",
        alter("cloudwatch.LogGroup/services", "tags.data-class", "whatever"),
    ),
    fails(
        "log-retention-by-data-class",
        "another end than its class",
        every(
            alter("cloudwatch.LogGroup/trail", "retentionInDays", 400),
            alter("cloudwatch.LogGroup/trail", "tags.retention", "400d"),
        ),
    ),
    fails(
        "alarm-to-pager-per-tier",
        "mail instead of the pager",
        alter("sns.TopicSubscription/alarms-pager", "protocol", "email"),
    ),
    fails(
        "alarm-to-pager-per-tier",
        "a pager that nobody has set",
        alter("sns.TopicSubscription/alarms-pager", "endpoint", "https://pager.example/unset/enqueue"),
    ),
    fails(
        "alarm-to-pager-per-tier",
        "a tier without alarms",
        every(
            *(
                alter(f"cloudwatch.MetricAlarm/{name}", "actionsEnabled", False)
                for name in ("cache-cpu-001", "cache-cpu-002", "cache-memory-001", "cache-memory-002")
            )
        ),
    ),
    fails(
        "alarm-to-pager-per-tier",
        "a tier without runbooks",
        every(
            *(
                alter(f"cloudwatch.MetricAlarm/{name}", "alarmDescription", "help")
                for name in ("cache-cpu-001", "cache-cpu-002", "cache-memory-001", "cache-memory-002")
            )
        ),
    ),
    fails("backups-encrypted", "a key of AWS", alter("backup.Vault/main", "kmsKeyArn", None)),
    fails(
        "vault-lock-copy-and-restore-test",
        "a vault that can be emptied",
        lose("backup.VaultLockConfiguration/recovery"),
    ),
    fails("vault-lock-copy-and-restore-test", "one Region only", alter("backup.Plan/daily", "rules.0.copyActions", [])),
    fails(
        "vault-lock-copy-and-restore-test",
        "copies beside the originals",
        alter("backup.Plan/daily", "rules.0.copyActions.0.destinationVaultArn", ref("backup.Vault/main", "arn")),
    ),
    fails("vault-lock-copy-and-restore-test", "never restored", lose("backup.RestoreTestingSelection/database")),
    fails("vault-lock-copy-and-restore-test", "nothing selected", lose("backup.Selection/tagged")),
    fails("allowed-regions-only", "a bucket elsewhere", alter("s3.Bucket/uploads", "region", "ap-south-1")),
    fails(
        "allowed-regions-only",
        "images copied elsewhere",
        alter(
            "ecr.ReplicationConfiguration/recovery",
            "replicationConfiguration.rules.0.destinations.0.region",
            "ap-south-1",
        ),
    ),
    fails("allowed-regions-only", "a whole tier elsewhere", alter("pulumi.aws/edge", "region", "ap-south-1")),
    fails(
        "ownership-and-data-tags",
        "a provider without an owner",
        edit("pulumi.aws/edge", "defaultTags", lambda one: one["tags"].pop("owner")),
    ),
    fails(
        "ownership-and-data-tags", "nodes without a data class", alter("ec2.Instance/node-web", "tags.data-class", None)
    ),
    fails(
        "budget-and-anomaly-monitor",
        "told too late",
        alter("budgets.Budget/environment", "notifications.0.threshold", 95),
    ),
    fails(
        "budget-and-anomaly-monitor",
        "no forecast",
        alter("budgets.Budget/environment", "notifications.1.notificationType", "ACTUAL"),
    ),
    fails(
        "budget-and-anomaly-monitor",
        "nobody hears of anomalies",
        alter("costexplorer.AnomalySubscription/services", "subscribers", []),
    ),
    fails(
        "budget-and-anomaly-monitor",
        "a budget of a tier that nothing has",
        alter("budgets.Budget/data", "costFilters.0.values", ["user:tier$stores"]),
    ),
    fails("budget-and-anomaly-monitor", "no budget for the whole", lose("budgets.Budget/environment")),
)
