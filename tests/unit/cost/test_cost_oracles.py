"""What each environment costs, added up by hand: quantities and prices are written out, none is read from the data.

A row is one charge as a reader would work it out. Its lines are found by the resource's key and by what is charged;
every line that costs anything belongs to exactly one row.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

import pytest

from cluster.reports.cost import Line
from tests.support.aws_graphs import stack_reported

H = 730
"""Hours of a month."""
MONTH = 365 / 12
"""Days of a month."""
OFFICE = 50 / 168
"""The part of a week in which development runs."""


@dataclass(frozen=True)
class Row:
    charge: str
    amount: float
    """US dollars a month."""
    resource: str
    what: str = "*"

    def has(self, line: Line) -> bool:
        return fnmatchcase(line.resource, self.resource) and fnmatchcase(line.what, self.what)


DEV = (
    Row("control plane", H * 0.10, "eks.Cluster/*", "control plane"),  # 73.00
    Row("20 custom metrics", 20 * 0.30, "eks.Cluster/*", "custom metrics"),  # 6.00
    Row("2 t4g.medium, office hours", 2 * OFFICE * H * 0.0336, "ec2.Instance/node-system"),  # 14.60
    Row("0.5 t4g.large for web, Spot", 0.5 * OFFICE * H * 0.0672 * 0.4, "ec2.Instance/node-web"),  # 2.92
    Row("0.5 t4g.large for workers, Spot", 0.5 * OFFICE * H * 0.0672 * 0.4, "ec2.Instance/node-workers"),  # 2.92
    Row("disks of nodes", (2 * 44 + 0.5 * 40 + 0.5 * 40) * OFFICE * 0.08, "ebs.Volume/node-*"),  # 3.05
    Row("disk of the metrics", 50 * 0.08, "ebs.Volume/prometheus"),  # 4.00
    Row("8 repositories of 5 GB", 8 * 5 * 0.10, "ecr.Repository/*"),  # 4.00
    Row("one NAT", H * 0.045, "ec2.NatGateway/*", "hours"),  # 32.85
    Row("30 GB through NAT", 30 * 0.045, "ec2.NatGateway/*", "data processed"),  # 1.35
    Row("its address", H * 0.005, "ec2.Eip/*"),  # 3.65
    Row("20 GB between zones", 20 * 0.02, "ec2.Vpc/*"),  # 0.40
    Row("3 GB to the internet", 3 * 0.09, "ec2.InternetGateway/*"),  # 0.27
    Row("load balancer", H * 0.0225, "lb.LoadBalancer/*", "hours"),  # 16.43
    Row("0.2 units of it", 0.2 * H * 0.008, "lb.LoadBalancer/*", "capacity units"),  # 1.17
    Row("its 3 addresses", 3 * H * 0.005, "lb.LoadBalancer/*", "public addresses"),  # 10.95
    Row("CloudFront: 2 GB, 0.3 million requests", 2 * 0.085 + 30 * 0.01, "cloudfront.Distribution/*"),  # 0.47
    Row("its function, 0.1 million times", 0.1 * 0.10, "cloudfront.Function/*"),  # 0.01
    Row("8 additional metrics of it", 8 * 0.30, "cloudfront.MonitoringSubscription/*"),  # 2.40
    Row("zone and 0.05 million queries", 0.50 + 0.05 * 0.40, "route53.Zone/*"),  # 0.52
    Row("0.3 ACU", 0.3 * H * 0.12, "rds.ClusterInstance/*"),  # 26.28
    Row("10 GB, 2 million I/O, the secret", 10 * 0.10 + 2 * 0.20 + 0.40, "rds.Cluster/*"),  # 1.80
    Row("cache.t4g.micro", H * 0.0128, "elasticache.ReplicationGroup/*"),  # 9.34
    Row("0.45 million requests to queues", (0.3 + 0.15) * 0.40, "sqs.Queue/*"),  # 0.18
    Row("3.6 GB in buckets", (1 + 2 + 0.1 + 0.5) * 0.023, "s3.Bucket/*", "storage"),  # 0.08
    Row("86 thousand writes", (5 + 5 + 26 + 50) * 0.005, "s3.Bucket/*", "writing requests"),  # 0.43
    Row("25 thousand reads", (3 + 20 + 1 + 1) * 0.0004, "s3.Bucket/*", "reading requests"),  # 0.01
    Row("5.15 GB of logs", (2 + 0.1 + 0.05 + 0.3 + 0.5 + 2 + 0.2) * 0.50, "cloudwatch.LogGroup/*", "taken in"),  # 2.58
    Row(
        "kept 7 and 90 days",
        ((2 + 0.05 + 0.3 + 0.2) * 7 + (0.1 + 0.5 + 2) * 90) / MONTH * 0.03,
        "cloudwatch.LogGroup/*",
        "kept",
    ),  # 0.25
    Row("5 GB searched", 5 * 0.005, "cloudwatch.LogGroup/*", "searched"),  # 0.03
    Row("13 alarms and 4 of two metrics", (13 + 4 * 2) * 0.10, "cloudwatch.MetricAlarm/*"),  # 2.10
    Row("2 composite alarms", 2 * 0.50, "cloudwatch.CompositeAlarm/*"),  # 1.00
    Row("dashboard", 3.00, "cloudwatch.Dashboard/*"),  # 3.00
    Row("100 notifications by mail", 0.0001 * 0.50 + 0.001 * 2, "sns.*"),  # 0.00
    Row("3 keys and 10 thousand requests each", 3 * (1 + 1 * 0.03), "kms.Key/*"),  # 3.09
    Row("a secret and 800 calls", 0.40 + 0.08 * 0.05, "secretsmanager.Secret/*"),  # 0.40
)

STAGING = (
    Row("control plane", H * 0.10, "eks.Cluster/*", "control plane"),  # 73.00
    Row("40 custom metrics", 40 * 0.30, "eks.Cluster/*", "custom metrics"),  # 12.00
    Row("2 t4g.large", 2 * H * 0.0672, "ec2.Instance/node-system"),  # 98.11
    Row("one m7g.large for web", H * 0.0816, "ec2.Instance/node-web"),  # 59.57
    Row("one m7g.large for workers, Spot", H * 0.0816 * 0.4, "ec2.Instance/node-workers"),  # 23.83
    Row("disks", (2 * 44 + 40 + 40 + 50) * 0.08, "ebs.Volume/*"),  # 17.44
    Row("8 repositories of 5 GB", 8 * 5 * 0.10, "ecr.Repository/*"),  # 4.00
    Row("one NAT", H * 0.045, "ec2.NatGateway/*", "hours"),  # 32.85
    Row("50 GB through NAT", 50 * 0.045, "ec2.NatGateway/*", "data processed"),  # 2.25
    Row("its address", H * 0.005, "ec2.Eip/*"),  # 3.65
    Row("50 GB between zones", 50 * 0.02, "ec2.Vpc/*"),  # 1.00
    Row("5 GB to the internet", 5 * 0.09, "ec2.InternetGateway/*"),  # 0.45
    Row("load balancer", H * 0.0225, "lb.LoadBalancer/*", "hours"),  # 16.43
    Row("0.5 units of it", 0.5 * H * 0.008, "lb.LoadBalancer/*", "capacity units"),  # 2.92
    Row("its 3 addresses", 3 * H * 0.005, "lb.LoadBalancer/*", "public addresses"),  # 10.95
    Row("CloudFront: 7 GB, a million requests", 7 * 0.085 + 100 * 0.01, "cloudfront.Distribution/*"),  # 1.60
    Row("its function, 0.3 million times", 0.3 * 0.10, "cloudfront.Function/*"),  # 0.03
    Row("8 additional metrics of it", 8 * 0.30, "cloudfront.MonitoringSubscription/*"),  # 2.40
    Row("firewall of CloudFront: 5 rules, a million requests", 5 + 5 * 1 + 1 * 0.60, "wafv2.WebAcl/cdn"),  # 10.60
    Row("of the load balancer: 4 rules, 0.3 million", 5 + 4 * 1 + 0.3 * 0.60, "wafv2.WebAcl/balancer"),  # 9.18
    Row("zone and 0.1 million queries", 0.50 + 0.1 * 0.40, "route53.Zone/*"),  # 0.54
    Row("health check with HTTPS", 0.50 + 1, "route53.HealthCheck/*"),  # 1.50
    Row("0.7 ACU", 0.7 * H * 0.12, "rds.ClusterInstance/*"),  # 61.32
    Row(
        "20 GB, 6 days of 0.2 GB, 10 million I/O, the secret",
        20 * 0.10 + 6 * 0.2 * 0.021 + 10 * 0.20 + 0.40,
        "rds.Cluster/*",
    ),  # 4.43
    Row("7 snapshots of 20 GB, after 7 free ones", 7 * 20 * 0.021, "backup.Plan/*"),  # 2.94
    Row("cache.t4g.small", H * 0.0256, "elasticache.ReplicationGroup/*"),  # 18.69
    Row("0.75 million requests to queues", (0.6 + 0.15) * 0.40, "sqs.Queue/*"),  # 0.30
    Row("7.1 GB in buckets", (1 + 5 + 0.1 + 1) * 0.023, "s3.Bucket/*", "storage"),  # 0.16
    Row("101 thousand writes", (5 + 20 + 26 + 50) * 0.005, "s3.Bucket/*", "writing requests"),  # 0.51
    Row("112 thousand reads", (10 + 100 + 1 + 1) * 0.0004, "s3.Bucket/*", "reading requests"),  # 0.04
    Row(
        "13.35 GB of logs",
        (5 + 0.2 + 0.15 + 0.5 + 0.8 + 4 + 0.5 + 1.2 + 0.4 + 0.6) * 0.50,
        "cloudwatch.LogGroup/*",
        "taken in",
    ),  # 6.68
    Row(
        "kept 14, 30 and 180 days",
        ((0.15 + 0.5 + 0.5 + 1.2 + 0.4 + 0.6) * 14 + 5 * 30 + (0.2 + 0.8 + 4) * 180) / MONTH * 0.03,
        "cloudwatch.LogGroup/*",
        "kept",
    ),  # 1.08
    Row("20 GB searched", 20 * 0.005, "cloudwatch.LogGroup/*", "searched"),  # 0.10
    Row("14 alarms and 4 of two metrics", (14 + 4 * 2) * 0.10, "cloudwatch.MetricAlarm/*"),  # 2.20
    Row("2 composite alarms", 2 * 0.50, "cloudwatch.CompositeAlarm/*"),  # 1.00
    Row("dashboard", 3.00, "cloudwatch.Dashboard/*"),  # 3.00
    Row("100 notifications by mail", 0.0001 * 0.50 + 0.001 * 2, "sns.*"),  # 0.00
    Row("4 keys and 30 thousand requests each", 4 * (1 + 3 * 0.03), "kms.Key/*"),  # 4.36
    Row("a secret and 800 calls", 0.40 + 0.08 * 0.05, "secretsmanager.Secret/*"),  # 0.40
)

PROD = (
    Row("control plane", H * 0.10, "eks.Cluster/*", "control plane"),  # 73.00
    Row("60 custom metrics", 60 * 0.30, "eks.Cluster/*", "custom metrics"),  # 18.00
    Row("2 m7g.large for the system", 2 * H * 0.0816, "ec2.Instance/node-system"),  # 119.14
    Row("4 m7g.large for web", 4 * H * 0.0816, "ec2.Instance/node-web"),  # 238.27
    Row("4 m7g.large for workers, Spot", 4 * H * 0.0816 * 0.4, "ec2.Instance/node-workers"),  # 95.31
    Row("disks", (2 * 44 + 4 * 40 + 4 * 40 + 50) * 0.08, "ebs.Volume/*"),  # 36.64
    Row("8 repositories of 5 GB", 8 * 5 * 0.10, "ecr.Repository/*"),  # 4.00
    Row("the same elsewhere, 16 GB sent", 8 * 5 * 0.10 + 8 * 2 * 0.02, "ecr.ReplicationConfiguration/*"),  # 4.32
    Row("3 NAT", 3 * H * 0.045, "ec2.NatGateway/*", "hours"),  # 98.55
    Row("210 GB through NAT", 210 * 0.045, "ec2.NatGateway/*", "data processed"),  # 9.45
    Row("their addresses", 3 * H * 0.005, "ec2.Eip/*"),  # 10.95
    Row("8 end points in 3 zones", 8 * 3 * H * 0.01, "ec2.VpcEndpoint/*", "zone hours"),  # 175.20
    Row("150 GB through them", 150 * 0.01, "ec2.VpcEndpoint/*", "data processed"),  # 1.50
    Row("300 GB between zones", 300 * 0.02, "ec2.Vpc/*"),  # 6.00
    Row("30 GB to the internet", 30 * 0.09, "ec2.InternetGateway/*"),  # 2.70
    Row("load balancer", H * 0.0225, "lb.LoadBalancer/*", "hours"),  # 16.43
    Row("2 units of it", 2 * H * 0.008, "lb.LoadBalancer/*", "capacity units"),  # 11.68
    Row("its 3 addresses", 3 * H * 0.005, "lb.LoadBalancer/*", "public addresses"),  # 10.95
    Row("CloudFront: 200 GB, 30 million requests", 200 * 0.085 + 3000 * 0.01, "cloudfront.Distribution/*"),  # 47.00
    Row("its function, 10 million times", 10 * 0.10, "cloudfront.Function/*"),  # 1.00
    Row("8 additional metrics of it", 8 * 0.30, "cloudfront.MonitoringSubscription/*"),  # 2.40
    Row("firewall of CloudFront: 5 rules, 30 million requests", 5 + 5 * 1 + 30 * 0.60, "wafv2.WebAcl/cdn"),  # 28.00
    Row("of the load balancer: 4 rules, 10 million", 5 + 4 * 1 + 10 * 0.60, "wafv2.WebAcl/balancer"),  # 15.00
    Row("zone and a million queries", 0.50 + 1 * 0.40, "route53.Zone/*"),  # 0.90
    Row("health check with HTTPS", 0.50 + 1, "route53.HealthCheck/*"),  # 1.50
    Row("2 db.r7g.large", 2 * H * 0.276, "rds.ClusterInstance/*"),  # 402.96
    Row(
        "100 GB, 13 days of 1 GB, 60 million I/O",
        100 * 0.10 + 13 * 1 * 0.021 + 60 * 0.20,
        "rds.Cluster/hub",
    ),  # 22.27
    Row(
        "the secondary: the same storage, 1 GB a day sent",
        100 * 0.10 + 13 * 1 * 0.021 + MONTH * 1 * 0.02,
        "rds.Cluster/hub-secondary",
    ),  # 10.88
    Row("21 snapshots of 100 GB, after 14 free ones", 21 * 100 * 0.021, "backup.Plan/*", "snapshots *"),  # 44.10
    Row("35 copies of 100 GB", 35 * 100 * 0.021, "backup.Plan/*", "copies *"),  # 73.50
    Row("100 GB sent every day", MONTH * 100 * 0.02, "backup.Plan/*", "data to *"),  # 60.83
    Row("14 copies of 100 GB in the isolated account", 14 * 100 * 0.021, "sfn.StateMachine/*"),  # 29.40
    Row("2 cache.t4g.medium", 2 * H * 0.052, "elasticache.ReplicationGroup/*", "node hours"),  # 75.92
    Row("6 snapshots of 1 GB beyond the newest", 6 * 1 * 0.085, "elasticache.ReplicationGroup/*", "snapshots"),  # 0.51
    Row("6.2 million requests to queues", (6 + 0.2) * 0.40, "sqs.Queue/*"),  # 2.48
    Row("112 GB in buckets", (2 + 100 + 5 + 5) * 0.023, "s3.Bucket/*", "storage"),  # 2.58
    Row("331 thousand writes", (5 + 200 + 26 + 100) * 0.005, "s3.Bucket/*", "writing requests"),  # 1.66
    Row("2.31 million reads", (300 + 2000 + 5 + 5) * 0.0004, "s3.Bucket/*", "reading requests"),  # 0.92
    Row(
        "124.5 GB of logs",
        (20 + 1 + 5 + 15 + 1.5 + 12 + 4 + 36 + 12 + 18) * 0.50,
        "cloudwatch.LogGroup/*",
        "taken in",
    ),  # 62.25
    Row(
        "kept 30, 90 and 365 days",
        ((5 + 15 + 4 + 36 + 12 + 18) * 30 + 20 * 90 + (1 + 1.5 + 12) * 365) / MONTH * 0.03,
        "cloudwatch.LogGroup/*",
        "kept",
    ),  # 9.66
    Row("100 GB searched", 100 * 0.005, "cloudwatch.LogGroup/*", "searched"),  # 0.50
    Row("17 alarms and 4 of two metrics", (17 + 4 * 2) * 0.10, "cloudwatch.MetricAlarm/*"),  # 2.50
    Row("2 composite alarms", 2 * 0.50, "cloudwatch.CompositeAlarm/*"),  # 1.00
    Row("dashboard", 3.00, "cloudwatch.Dashboard/*"),  # 3.00
    Row("200 notifications of each topic to the pager", 2 * (0.0002 * 0.50 + 0.0002 * 0.60), "sns.*"),  # 0.00
    Row("5 keys and 150 thousand requests each", 5 * (1 + 15 * 0.03), "kms.Key/*"),  # 7.25
    Row("a secret and 1000 calls", 0.40 + 0.1 * 0.05, "secretsmanager.Secret/*"),  # 0.41
    Row("GuardDuty: a million events, 15 GB", 1 * 4 + 15 * 1, "guardduty.Detector/*"),  # 19.00
    Row("allowance: two plans of GuardDuty", 60 * 2 / 3, "guardduty.DetectorFeature/*"),  # 40.00
    Row("allowance: Inspector", 60 / 3, "inspector2.Enabler/*"),  # 20.00
    Row("20 thousand checks", 20_000 * 0.001, "securityhub.*"),  # 20.00
    Row("2500 items, recorded once a day", 2500 * 0.012, "cfg.Recorder/*"),  # 30.00
)

ISOLATED = (
    Row("its key", 1, "kms.Key/*", "key"),  # 1.00
    Row("150 thousand requests to it", 15 * 0.03, "kms.Key/*", "requests"),  # 0.45
)
"""What it holds is paid for by who sends it: 14 copies, in PROD."""

RECOVERED = (
    Row("control plane", H * 0.10, "eks.Cluster/*", "control plane"),  # 73.00
    Row("60 custom metrics", 60 * 0.30, "eks.Cluster/*", "custom metrics"),  # 18.00
    Row("2 m7g.large for the system", 2 * H * 0.0816, "ec2.Instance/node-system"),  # 119.14
    Row("4 m7g.large for web", 4 * H * 0.0816, "ec2.Instance/node-web"),  # 238.27
    Row("4 m7g.large for workers, Spot", 4 * H * 0.0816 * 0.4, "ec2.Instance/node-workers"),  # 95.31
    Row("disks", (2 * 44 + 4 * 40 + 4 * 40 + 50) * 0.08, "ebs.Volume/*"),  # 36.64
    Row("3 NAT", 3 * H * 0.045, "ec2.NatGateway/*", "hours"),  # 98.55
    Row("210 GB through NAT", 210 * 0.045, "ec2.NatGateway/*", "data processed"),  # 9.45
    Row("their addresses", 3 * H * 0.005, "ec2.Eip/*"),  # 10.95
    Row("8 end points in 3 zones", 8 * 3 * H * 0.01, "ec2.VpcEndpoint/*", "zone hours"),  # 175.20
    Row("150 GB through them", 150 * 0.01, "ec2.VpcEndpoint/*", "data processed"),  # 1.50
    Row("300 GB between zones", 300 * 0.02, "ec2.Vpc/*"),  # 6.00
    Row("30 GB to the internet", 30 * 0.09, "ec2.InternetGateway/*"),  # 2.70
    Row("load balancer", H * 0.0225, "lb.LoadBalancer/*", "hours"),  # 16.43
    Row("2 units of it", 2 * H * 0.008, "lb.LoadBalancer/*", "capacity units"),  # 11.68
    Row("its 3 addresses", 3 * H * 0.005, "lb.LoadBalancer/*", "public addresses"),  # 10.95
    Row("CloudFront: 200 GB, 30 million requests", 200 * 0.085 + 3000 * 0.01, "cloudfront.Distribution/*"),  # 47.00
    Row("its function, 10 million times", 10 * 0.10, "cloudfront.Function/*"),  # 1.00
    Row("8 additional metrics of it", 8 * 0.30, "cloudfront.MonitoringSubscription/*"),  # 2.40
    Row("firewall of CloudFront: 5 rules, 30 million requests", 5 + 5 * 1 + 30 * 0.60, "wafv2.WebAcl/cdn"),  # 28.00
    Row("of the load balancer: 4 rules, 10 million", 5 + 4 * 1 + 10 * 0.60, "wafv2.WebAcl/balancer"),  # 15.00
    Row("zone and a million queries", 0.50 + 1 * 0.40, "route53.Zone/*"),  # 0.90
    Row("health check with HTTPS", 0.50 + 1, "route53.HealthCheck/*"),  # 1.50
    Row("2 db.r7g.large", 2 * H * 0.276, "rds.ClusterInstance/*"),  # 402.96
    Row(
        "100 GB, 13 days of 1 GB, 60 million I/O; it follows nobody any more",
        100 * 0.10 + 13 * 1 * 0.021 + 60 * 0.20,
        "rds.Cluster/hub",
    ),  # 22.27
    Row("21 snapshots of 100 GB, after 14 free ones", 21 * 100 * 0.021, "backup.Plan/*"),  # 44.10
    Row("2 cache.t4g.medium", 2 * H * 0.052, "elasticache.ReplicationGroup/*", "node hours"),  # 75.92
    Row("6 snapshots of 1 GB beyond the newest", 6 * 1 * 0.085, "elasticache.ReplicationGroup/*", "snapshots"),  # 0.51
    Row("6.2 million requests to queues", (6 + 0.2) * 0.40, "sqs.Queue/*"),  # 2.48
    Row("112 GB in buckets", (2 + 100 + 5 + 5) * 0.023, "s3.Bucket/*", "storage"),  # 2.58
    Row("331 thousand writes", (5 + 200 + 26 + 100) * 0.005, "s3.Bucket/*", "writing requests"),  # 1.66
    Row("2.31 million reads", (300 + 2000 + 5 + 5) * 0.0004, "s3.Bucket/*", "reading requests"),  # 0.92
    Row(
        "106.5 GB of logs; CloudFront's go on to the group that is there",
        (20 + 1 + 5 + 15 + 1.5 + 12 + 4 + 36 + 12) * 0.50,
        "cloudwatch.LogGroup/*",
        "taken in",
    ),  # 53.25
    Row(
        "kept 30, 90 and 365 days",
        ((5 + 15 + 4 + 36 + 12) * 30 + 20 * 90 + (1 + 1.5 + 12) * 365) / MONTH * 0.03,
        "cloudwatch.LogGroup/*",
        "kept",
    ),  # 9.13
    Row("100 GB searched", 100 * 0.005, "cloudwatch.LogGroup/*", "searched"),  # 0.50
    Row("16 alarms and 4 of two metrics", (16 + 4 * 2) * 0.10, "cloudwatch.MetricAlarm/*"),  # 2.40
    Row("2 composite alarms", 2 * 0.50, "cloudwatch.CompositeAlarm/*"),  # 1.00
    Row("dashboard", 3.00, "cloudwatch.Dashboard/*"),  # 3.00
    Row("200 notifications of each topic to the pager", 2 * (0.0002 * 0.50 + 0.0002 * 0.60), "sns.*"),  # 0.00
    Row("5 keys and 150 thousand requests each", 5 * (1 + 15 * 0.03), "kms.Key/*"),  # 7.25
    Row("a secret and 1000 calls", 0.40 + 0.1 * 0.05, "secretsmanager.Secret/*"),  # 0.41
    Row("GuardDuty: a million events, 15 GB", 1 * 4 + 15 * 1, "guardduty.Detector/*"),  # 19.00
    Row("allowance: two plans of GuardDuty", 60 * 2 / 3, "guardduty.DetectorFeature/*"),  # 40.00
    Row("allowance: Inspector", 60 / 3, "inspector2.Enabler/*"),  # 20.00
    Row("20 thousand checks", 20_000 * 0.001, "securityhub.*"),  # 20.00
    Row("2500 items, recorded once a day", 2500 * 0.012, "cfg.Recorder/*"),  # 30.00
)
"""Beside it goes on what is left of PROD: images, copies, and what the isolated account is sent."""

ORACLES = {
    "dev": (DEV, 231.52),
    "staging": (STAGING, 491.50),
    "prod": (PROD, 1971.46),
    "isolated": (ISOLATED, 1.45),
    "prod-recovered": (RECOVERED, 1778.89),
}


@pytest.mark.parametrize("name", ORACLES)
def test_every_line_belongs_to_one_row_of_the_sum_made_by_hand(name: str) -> None:
    rows, _ = ORACLES[name]
    strays = {
        line.key: [row.charge for row in rows if row.has(line)]
        for line in stack_reported(name).cost.lines
        if line.amount.expected and sum(row.has(line) for row in rows) != 1
    }
    assert strays == {}


@pytest.mark.parametrize(
    ("name", "row"),
    [pytest.param(name, row, id=f"{name}: {row.charge}") for name in ORACLES for row in ORACLES[name][0]],
)
def test_a_row_costs_what_was_worked_out_by_hand(name: str, row: Row) -> None:
    found = sum(line.amount.expected for line in stack_reported(name).cost.lines if row.has(line))
    assert found == pytest.approx(row.amount, abs=1e-6)


@pytest.mark.parametrize("name", ORACLES)
def test_the_rows_add_up_to_the_total(name: str) -> None:
    rows, whole = ORACLES[name]
    assert sum(row.amount for row in rows) == pytest.approx(whole, abs=0.005)
    assert stack_reported(name).cost.total.expected == pytest.approx(whole, abs=0.005)
