"""What is recorded and who is told: logs with an end, alarms with a runbook, one dashboard.

Metrics and logs of pods come through the OpenTelemetry collector, which GitOps installs; here is where they arrive.
Every alarm goes to one topic, the topic to the pager where the environment has one and to a mailbox otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, get_args

import pulumi
import pulumi_aws as aws

from cluster.catalogue import GLOBAL_REGION
from cluster.compute import Compute, Interruptions
from cluster.concern import Concern, Setting, Text, allow_service, document, secret_setting
from cluster.data import Data
from cluster.edge import Edge
from cluster.keys import Keys
from cluster.runbooks import ALARMS, BURNS, DATABASE_LAG, INTERRUPTIONS_DEAD, SLO_BURN, Alarm, Burn
from cluster.sizes import most_connections
from cluster.specification import DataClass

ALWAYS_H = 168
BUSY = 0.8
"""The part of what there can be from which somebody is told."""


@dataclass(frozen=True)
class Watched:
    """What the alarms look at."""

    data: Data
    compute: Compute
    edge: Edge
    interruptions: Interruptions | None


class Observability(Concern):
    """Logs, alarms and the dashboard."""

    def __init__(self, setting: Setting, keys: Keys, watched: Watched) -> None:
        super().__init__(setting, "observability", "observability")
        self.keys = keys
        self.watched = watched
        self.topics = {self.environment.region: self._topic("alarms", self.environment.region)}
        if self.environment.region != GLOBAL_REGION:
            self.topics[GLOBAL_REGION] = self._topic("alarms-global", GLOBAL_REGION, keys.edge)
        if keys.recovery is not None and self.environment.database.global_secondary:
            away = self.environment.recovery_region  # an alarm reaches a topic of its own Region only
            self.topics.setdefault(away, self._topic("alarms-recovery", away, keys.recovery))
        self.topic = self.topics[self.environment.region]
        self._log_groups()
        self.alarms = self._alarms()
        self._objective()
        self._health_check()
        if self.environment.observability.grafana:
            self._grafana()
        self._dashboard()
        self.register_outputs({})

    def _topic(self, name: str, region: str, key: aws.kms.Key | None = None) -> aws.sns.Topic:
        key = key or self.keys.logs
        topic = aws.sns.Topic(name, name=self.named(name), kms_master_key_id=key.id, region=region, opts=self.own())
        account = {"StringEquals": {"aws:SourceAccount": self.environment.account_id}}
        publish = ["sns:Publish"]
        aws.sns.TopicPolicy(
            name,
            arn=topic.arn,
            # EventBridge gives SNS nothing that a condition could ask for: with one, what it tells is dropped.
            policy=document(
                allow_service("cloudwatch.amazonaws.com", publish, topic.arn, account),
                allow_service("events.amazonaws.com", publish, topic.arn),
            ),
            region=region,
            opts=self.own(),
        )
        pager = self.environment.observability.pager
        aws.sns.TopicSubscription(
            f"{name}-{'pager' if pager else 'mail'}",
            topic=topic.arn,
            protocol="https" if pager else "email",
            endpoint=secret_setting("pagerEndpoint") if pager else self.environment.alert_email,
            endpoint_auto_confirms=pager or None,
            region=region,
            opts=self.own(),
        )
        return topic

    def _log_groups(self) -> None:
        retention = self.environment.observability.retention
        names = {"operational": "services", "audit": "audit", "personal": "requests"}
        for data_class in get_args(DataClass):
            aws.cloudwatch.LogGroup(
                names[data_class],
                name=f"/{self.environment.prefix}/{names[data_class]}",
                retention_in_days=getattr(retention, data_class),
                kms_key_id=self.keys.logs.arn,
                tags=self.data_tags(data_class),
                opts=self.own(),
            )

    def _alarms(self) -> list[aws.cloudwatch.MetricAlarm]:
        made = [self._alarm(name, self._sized(one), where) for one in ALARMS for name, where in self._watched(one)]
        secondary = self.watched.data.secondary
        if secondary is not None:
            region = self.environment.recovery_region
            where: dict[str, Text] = {"DBClusterIdentifier": secondary.cluster_identifier}
            self._alarm(DATABASE_LAG.name, DATABASE_LAG, where, region)
        if self.watched.interruptions is not None:
            dead = next(alarm for alarm in ALARMS if alarm.name == "queue-dead")
            name = self.watched.interruptions.queue.dead.name
            dead = replace(dead, name=INTERRUPTIONS_DEAD, says="Karpenter did not understand a notice")
            made.append(self._alarm(dead.name, dead, {"QueueName": name}))
        return made

    def _sized(self, alarm: Alarm) -> Alarm:
        """Return an alarm as it is here: a threshold by the database's size, silence by whether nodes always run."""
        if alarm.metric == "node_ready" and self.environment.finance.hours_per_week < ALWAYS_H:
            return replace(alarm, missing="notBreaching")
        if alarm.metric != "DatabaseConnections":
            return alarm
        return replace(alarm, threshold=float(round(BUSY * most_connections(self.environment.database))))

    def _watched(self, alarm: Alarm) -> Iterator[tuple[str, dict[str, Text]]]:
        """Yield the alarms of a row with their dimensions; ElastiCache has metrics of nodes alone."""
        if alarm.namespace != "AWS/ElastiCache":
            yield alarm.name, self._dimensions(alarm)
            return
        for number in range(1, 2 + self.environment.cache.replicas):
            node = pulumi.Output.concat(self.watched.data.cache.replication_group_id, f"-{number:03}")
            yield f"{alarm.name}-{number:03}", {"CacheClusterId": node}

    def _alarm(
        self, name: str, alarm: Alarm, dimensions: dict[str, Text], region: str = ""
    ) -> aws.cloudwatch.MetricAlarm:
        region = region or self._region(alarm)
        plain = alarm.statistic in {"Average", "Maximum", "Minimum", "Sum"}
        topic = self.topics[region].arn
        return aws.cloudwatch.MetricAlarm(
            name,
            name=self.named(name),
            alarm_description=f"{alarm.says}. Runbook: {self.runbook(alarm.name)}",
            namespace=alarm.namespace,
            metric_name=alarm.metric,
            dimensions=dimensions,
            statistic=alarm.statistic if plain else None,
            extended_statistic=None if plain else alarm.statistic,
            comparison_operator="LessThanThreshold" if alarm.below else "GreaterThanThreshold",
            threshold=alarm.threshold,
            period=alarm.period_s,
            evaluation_periods=alarm.periods,
            datapoints_to_alarm=max(1, alarm.periods - 2),
            treat_missing_data=alarm.missing,
            alarm_actions=[topic],
            ok_actions=[topic],
            region=region,
            tags={"alarm-tier": alarm.tier},
            opts=self.own(),
        )

    def _region(self, alarm: Alarm) -> str:
        """Return where a metric is: CloudFront's in one Region only, whatever the environment's is."""
        return GLOBAL_REGION if alarm.namespace == "AWS/CloudFront" else self.environment.region

    def _dimensions(self, alarm: Alarm) -> dict[str, Text]:
        data = self.watched.data
        database: dict[str, Text] = {}
        if data.cluster is not None:
            database = {"DBClusterIdentifier": data.cluster.cluster_identifier}
        if data.instance is not None:
            database = {"DBInstanceIdentifier": data.instance.identifier}
        queue = data.jobs.dead if alarm.name == "queue-dead" else data.jobs.queue
        known: dict[str, dict[str, Text]] = {
            "AWS/CloudFront": {"DistributionId": self.watched.edge.distribution.id, "Region": "Global"},
            "AWS/RDS": database,
            "AWS/SQS": {"QueueName": queue.name},
            "AWS/EKS": {"ClusterName": self.watched.compute.cluster_name},
            "ContainerInsights": {"ClusterName": self.watched.compute.cluster_name},
            "AutoMatrix": {"service": "hub"},
        }
        return {**known[alarm.namespace], **alarm.dimensions}

    def _objective(self) -> None:
        """Watch how fast the error budget is used up: both windows of a pair must agree, a blip wakes nobody."""
        for burn in BURNS:
            windows = [self._burn(burn, seconds) for seconds in (burn.long_s, burn.short_s)]
            names = [window.name for window in windows]
            aws.cloudwatch.CompositeAlarm(
                f"slo-{burn.name}",
                alarm_name=self.named(f"slo-{burn.name}"),
                alarm_description=(
                    f"The error budget burns {burn.factor:g} times too fast. Runbook: {self.runbook(SLO_BURN)}"
                ),
                alarm_rule=pulumi.Output.concat('ALARM("', names[0], '") AND ALARM("', names[1], '")'),
                alarm_actions=[self.topic.arn],
                ok_actions=[self.topic.arn],
                opts=self.own(),
            )

    def _burn(self, burn: Burn, seconds: int) -> aws.cloudwatch.MetricAlarm:
        budget = 1 - self.environment.observability.objective_percent / 100
        name = f"slo-{burn.name}-{seconds // 60}m"

        def counted(identity: str, metric: str) -> aws.cloudwatch.MetricAlarmMetricQueryArgsDict:
            return {
                "id": identity,
                "metric": {
                    "namespace": "AutoMatrix",
                    "metric_name": metric,
                    "dimensions": {"service": "hub"},
                    "period": seconds,
                    "stat": "Sum",
                },
            }

        return aws.cloudwatch.MetricAlarm(
            name,
            name=self.named(name),
            alarm_description=f"Errors in {seconds // 60} minutes. Runbook: {self.runbook(SLO_BURN)}",
            comparison_operator="GreaterThanThreshold",
            threshold=round(burn.factor * budget, 6),
            evaluation_periods=1,
            treat_missing_data="notBreaching",
            metric_queries=[
                {"id": "rate", "expression": "errors / requests", "label": "error rate", "return_data": True},
                counted("errors", "requests_failed"),
                counted("requests", "requests_total"),
            ],
            opts=self.own(),
        )

    def _health_check(self) -> None:
        """Ask from outside, where customers are."""
        if self.environment.name == "dev":
            return
        check = aws.route53.HealthCheck(
            "api",
            type="HTTPS",
            fqdn=self.environment.edge.domain,
            resource_path="/api/health",
            port=443,
            request_interval=30,
            failure_threshold=3,
            opts=self.own(),
        )
        alarm = Alarm(
            "api-unreachable", "edge", "The API does not answer from outside", "AWS/Route53", "HealthCheckStatus",
            "Minimum", 1, periods=2, below=True, missing="breaching",
        )  # fmt: skip
        aws.cloudwatch.MetricAlarm(
            alarm.name,
            name=self.named(alarm.name),
            alarm_description=f"{alarm.says}. Runbook: {self.runbook(alarm.name)}",
            namespace=alarm.namespace,
            metric_name=alarm.metric,
            dimensions={"HealthCheckId": check.id},
            statistic=alarm.statistic,
            comparison_operator="LessThanThreshold",
            threshold=alarm.threshold,
            period=alarm.period_s,
            evaluation_periods=alarm.periods,
            treat_missing_data=alarm.missing,
            alarm_actions=[self.topics[GLOBAL_REGION].arn],
            region=GLOBAL_REGION,
            tags={"alarm-tier": alarm.tier},
            opts=self.own(),
        )

    def _grafana(self) -> None:
        workspace = aws.amp.Workspace("main", alias=self.named("metrics"), opts=self.own())
        aws.grafana.Workspace(
            "main",
            name=self.named("grafana"),
            account_access_type="CURRENT_ACCOUNT",
            authentication_providers=["AWS_SSO"],
            permission_type="SERVICE_MANAGED",
            data_sources=["PROMETHEUS", "CLOUDWATCH"],
            opts=self.own(workspace),
        )

    def _dashboard(self) -> None:
        shown = [(alarm, name, where) for alarm in ALARMS for name, where in self._watched(alarm)]

        def body(known: list[Any]) -> str:
            arns, places = known[: len(self.alarms)], known[len(self.alarms) :]
            widgets = [
                {
                    "type": "alarm",
                    "x": 0,
                    "y": 0,
                    "width": 24,
                    "height": 6,
                    "properties": {"title": "Alarms", "alarms": arns},
                },
                *(
                    {
                        "type": "metric",
                        "x": 8 * (index % 3),
                        "y": 6 + 6 * (index // 3),
                        "width": 8,
                        "height": 6,
                        "properties": {
                            "title": f"{alarm.says} ({name})",
                            "region": self._region(alarm),
                            "metrics": [[alarm.namespace, alarm.metric, *(part for one in where for part in one)]],
                            "stat": alarm.statistic,
                            "period": alarm.period_s,
                        },
                    }
                    for index, ((alarm, name, _), where) in enumerate(zip(shown, places, strict=True))
                ),
            ]
            return json.dumps({"widgets": widgets}, sort_keys=True)

        places = [pulumi.Output.all(*(pulumi.Output.all(*pair) for pair in where.items())) for _, _, where in shown]
        arns = pulumi.Output.all(*(alarm.arn for alarm in self.alarms), *places)
        aws.cloudwatch.Dashboard(
            "main", dashboard_name=self.named("platform"), dashboard_body=arns.apply(body), opts=self.own()
        )
