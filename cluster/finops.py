"""What it may cost and who is told; and what stops out of hours."""

from __future__ import annotations

import json
from typing import get_args

import pulumi_aws as aws

from cluster.compute import Compute
from cluster.concern import Concern, Setting, Text, allow, document, trust
from cluster.specification import Tier

TIMEZONE = "Europe/Berlin"
MORNING = "cron(0 8 ? * MON-FRI *)"
EVENING = "cron(0 18 ? * MON-FRI *)"


class Finance(Concern):
    """Budgets, the anomaly monitor, and the schedule of what need not always run."""

    def __init__(self, setting: Setting, compute: Compute) -> None:
        super().__init__(setting, "finance", "security")
        spec = self.environment.finance
        self._budget("environment", sum(spec.monthly_budget.values()), None)
        for tier in get_args(Tier):
            self._budget(tier, spec.monthly_budget[tier], f"user:tier${tier}")
        self._anomalies()
        if spec.hours_per_week < 168 and self.environment.compute.mode == "karpenter":
            self._schedule(compute)
        self.register_outputs({})

    def _budget(self, name: str, limit: int, tag: str | None) -> None:
        mail = [self.environment.alert_email]
        aws.budgets.Budget(
            name,
            name=self.named(name),
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=str(limit),
            limit_unit="USD",
            cost_filters=[{"name": "TagKeyValue", "values": [tag]}] if tag else None,
            notifications=[
                {
                    "comparison_operator": "GREATER_THAN",
                    "threshold": threshold,
                    "threshold_type": "PERCENTAGE",
                    "notification_type": kind,
                    "subscriber_email_addresses": mail,
                }
                for kind, threshold in (("ACTUAL", 80), ("FORECASTED", 100))
            ],
            opts=self.own(),
        )

    def _anomalies(self) -> None:
        monitor: Text = self.environment.finance.anomaly_monitor or self._monitor()
        aws.costexplorer.AnomalySubscription(
            "services",
            name=self.named("services"),
            frequency="DAILY",
            monitor_arn_lists=[monitor],
            subscribers=[{"type": "EMAIL", "address": self.environment.alert_email}],
            threshold_expression={
                "dimension": {
                    "key": "ANOMALY_TOTAL_IMPACT_ABSOLUTE",
                    "match_options": ["GREATER_THAN_OR_EQUAL"],
                    "values": [str(self.environment.finance.anomaly_threshold)],
                }
            },
            opts=self.own(),
        )

    def _monitor(self) -> Text:
        return aws.costexplorer.AnomalyMonitor(
            "services",
            name=self.named("services"),
            monitor_type="DIMENSIONAL",
            monitor_dimension="SERVICE",
            opts=self.own(),
        ).arn

    def _schedule(self, compute: Compute) -> None:
        """Stop the system nodes out of hours; an hour before, a CronJob empties Karpenter's pools."""
        nodes = self.environment.compute.system
        role = aws.iam.Role(
            "schedule",
            name=self.named("schedule"),
            assume_role_policy=trust("scheduler.amazonaws.com", account=self.environment.account_id),
            opts=self.own(),
        )
        group = self.arn("eks", f"nodegroup/{self.environment.prefix}/system/*")
        aws.iam.RolePolicy(
            "schedule", role=role.name, policy=document(allow(["eks:UpdateNodegroupConfig"], group)), opts=self.own()
        )
        sizes = {"start": (MORNING, nodes.minimum, nodes.desired), "stop": (EVENING, 0, 0)}
        for name, (when, minimum, desired) in sizes.items():
            size = {"MinSize": minimum, "DesiredSize": desired, "MaxSize": nodes.maximum}
            call = {"ClusterName": self.environment.prefix, "NodegroupName": "system", "ScalingConfig": size}
            aws.scheduler.Schedule(
                name,
                name=self.named(name),
                schedule_expression=when,
                schedule_expression_timezone=TIMEZONE,
                flexible_time_window={"mode": "OFF"},
                target={
                    "arn": "arn:aws:scheduler:::aws-sdk:eks:updateNodegroupConfig",
                    "role_arn": role.arn,
                    "input": json.dumps(call),
                },
                opts=self.own(compute),
            )
