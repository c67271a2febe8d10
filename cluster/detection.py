"""Who watches the account: the trail always, the paid services where the environment asks for them."""

from __future__ import annotations

import json

import pulumi
import pulumi_aws as aws

from cluster.buckets import BucketSpec, bucket_and_policy
from cluster.concern import Concern, Setting, allow, document, trust
from cluster.keys import Keys
from cluster.runbooks import THREAT_FOUND

THREAT_PLANS = ("EKS_AUDIT_LOGS", "RUNTIME_MONITORING", "RDS_LOGIN_EVENTS", "S3_DATA_EVENTS")
STANDARD = "aws-foundational-security-best-practices/v/1.0.0"


class Detection(Concern):
    """The watchers of the account."""

    def __init__(self, setting: Setting, keys: Keys, topic: aws.sns.Topic) -> None:
        super().__init__(setting, "detection", "security")
        spec = self.environment.detection
        self.trail_name = self.named("trail")
        self.archive, self.archive_policy = self._archive()
        self._trail(keys)
        aws.accessanalyzer.Analyzer("account", analyzer_name=self.named("account"), type="ACCOUNT", opts=self.own())
        if spec.configuration_history:
            self._configuration_history()
        if spec.threats:
            self._threats(topic)
        if spec.posture:
            account = aws.securityhub.Account("account", enable_default_standards=False, opts=self.own())
            standard = f"arn:aws:securityhub:{self.environment.region}::standards/{STANDARD}"
            aws.securityhub.StandardsSubscription("fsbp", standards_arn=standard, opts=self.own(account))
        if spec.vulnerabilities:
            aws.inspector2.Enabler(
                "images",
                account_ids=[self.environment.account_id],
                resource_types=["ECR", "EC2"],
                opts=self.own(),
            )
        self.register_outputs({})

    def _archive(self) -> tuple[aws.s3.Bucket, aws.s3.BucketPolicy]:
        """Make the bucket of records, with who writes there: the trail, Config, and the pilot light's flow logs."""
        account = self.environment.account_id
        writers = []
        services = ["cloudtrail"]
        services += ["config"] if self.environment.detection.configuration_history else []
        services += ["delivery.logs"] if self.environment.recovery.pilot_light else []
        for service in services:
            condition = {"StringEquals": {"aws:SourceAccount": account}}
            principal = {"Service": f"{service}.amazonaws.com"}
            writers += [
                {
                    "Sid": f"{service.replace('.', '')}Acl",
                    "Effect": "Allow",
                    "Principal": principal,
                    "Action": ["s3:GetBucketAcl", "s3:ListBucket"],
                    "Resource": "{bucket}",
                    "Condition": condition,
                },
                {
                    "Sid": f"{service.replace('.', '')}Write",
                    "Effect": "Allow",
                    "Principal": principal,
                    "Action": "s3:PutObject",
                    "Resource": f"{{bucket}}/AWSLogs/{account}/*",
                    "Condition": condition,
                },
            ]
        days = self.environment.observability.retention.audit
        return bucket_and_policy(self, BucketSpec("audit", "audit", expire_days=days, statements=tuple(writers)))

    def _trail(self, keys: Keys) -> None:
        group = aws.cloudwatch.LogGroup(
            "trail",
            name=f"/{self.environment.prefix}/trail",
            retention_in_days=self.environment.observability.retention.audit,
            kms_key_id=keys.logs.arn,
            tags=self.data_tags("audit"),
            opts=self.own(),
        )
        role = aws.iam.Role(
            "trail",
            name=self.trail_name,
            assume_role_policy=trust("cloudtrail.amazonaws.com", account=self.environment.account_id),
            opts=self.own(),
        )
        streams = pulumi.Output.concat(group.arn, ":*")
        writing = aws.iam.RolePolicy(
            "trail",
            role=role.name,
            policy=document(allow(["logs:CreateLogStream", "logs:PutLogEvents"], streams)),
            opts=self.own(),
        )
        aws.cloudtrail.Trail(
            "account",
            name=self.trail_name,
            s3_bucket_name=self.archive.id,
            kms_key_id=keys.logs.arn,
            cloud_watch_logs_group_arn=streams,
            cloud_watch_logs_role_arn=role.arn,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            tags=self.data_tags("audit"),
            opts=self.own(self.archive_policy, writing),
        )

    def _configuration_history(self) -> None:
        role = self.arn("iam", "role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig", "")
        linked = []
        if not self.environment.stands_in:
            service = "config.amazonaws.com"
            linked = [aws.iam.ServiceLinkedRole("config", aws_service_name=service, opts=self.own())]
        recorder = aws.cfg.Recorder(
            "account",
            name=self.named("config"),
            role_arn=role,
            recording_group={"all_supported": True, "include_global_resource_types": True},
            recording_mode={"recording_frequency": "DAILY"},
            opts=self.own(*linked),
        )
        channel = aws.cfg.DeliveryChannel(
            "account",
            name=self.named("config"),
            s3_bucket_name=self.archive.id,
            opts=self.own(recorder, self.archive_policy),
        )
        aws.cfg.RecorderStatus("account", name=recorder.name, is_enabled=True, opts=self.own(channel))

    def _threats(self, topic: aws.sns.Topic) -> None:
        detector = aws.guardduty.Detector(
            "account", enable=True, finding_publishing_frequency="FIFTEEN_MINUTES", opts=self.own()
        )
        for plan in THREAT_PLANS:
            aws.guardduty.DetectorFeature(
                plan.lower().replace("_", "-"),
                detector_id=detector.id,
                name=plan,
                status="ENABLED",
                additional_configurations=[{"name": "EKS_ADDON_MANAGEMENT", "status": "ENABLED"}]
                if plan == "RUNTIME_MONITORING"
                else None,
                opts=self.own(),
            )
        rule = aws.cloudwatch.EventRule(
            THREAT_FOUND,
            name=self.named(THREAT_FOUND),
            description=f"A threat of medium severity or more. Runbook: {self.runbook(THREAT_FOUND)}",
            event_pattern=json.dumps(
                {
                    "source": ["aws.guardduty"],
                    "detail-type": ["GuardDuty Finding"],
                    "detail": {"severity": [{"numeric": [">=", 4]}]},
                }
            ),
            opts=self.own(),
        )
        aws.cloudwatch.EventTarget(THREAT_FOUND, rule=rule.name, arn=topic.arn, opts=self.own())
