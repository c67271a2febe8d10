"""The alarms of the platform, by tier, each with the page that says what to do.

A row here is an alarm in the account and a page in docs/runbooks: neither is without the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

AlarmTier = Literal["edge", "compute", "database", "cache", "queue"]
RUNBOOKS = "docs/runbooks"


@dataclass(frozen=True)
class Alarm:
    """When somebody is told. The alarm fires when `statistic` over `period_s` passes `threshold` `periods` times."""

    name: str
    """Also the name of its runbook."""
    tier: AlarmTier
    says: str
    namespace: str
    metric: str
    statistic: str
    threshold: float
    dimensions: dict[str, str] = field(default_factory=dict)
    """Fixed dimensions; what only the program knows is added there."""
    period_s: int = 60
    periods: int = 5
    below: bool = False
    """Fires below the threshold instead of above."""
    missing: Literal["notBreaching", "breaching"] = "notBreaching"
    """What silence means: of what is counted when it happens, nothing; of what always has a value, failure."""


PLACEHOLDER = 0.0
"""For a threshold that follows from the size of what is watched: the program sets it."""
ALARMS = (
    Alarm("edge-errors", "edge", "CloudFront answers with 5xx", "AWS/CloudFront", "5xxErrorRate", "Average", 5),
    Alarm("edge-latency", "edge", "The API is slow at the origin", "AWS/CloudFront", "OriginLatency", "p99", 2000),
    Alarm(
        "nodes-not-ready",
        "compute",
        "Nodes are not ready",
        "ContainerInsights",
        "node_ready",
        "Minimum",
        1,
        below=True,
        missing="breaching",
    ),
    Alarm(
        "pods-pending",
        "compute",
        "Pods find no node",
        "AWS/EKS",
        "scheduler_pending_pods_UNSCHEDULABLE",
        "Minimum",
        0,
        periods=15,
    ),
    Alarm(
        "control-plane-errors", "compute", "The API server fails", "AWS/EKS", "apiserver_request_total_5XX", "Sum", 20
    ),
    Alarm(
        "database-cpu",
        "database",
        "PostgreSQL is out of processor",
        "AWS/RDS",
        "CPUUtilization",
        "Average",
        80,
        periods=10,
    ),
    Alarm(
        "database-connections",
        "database",
        "PostgreSQL runs out of connections",
        "AWS/RDS",
        "DatabaseConnections",
        "Maximum",
        PLACEHOLDER,
    ),
    Alarm(
        "database-memory",
        "database",
        "PostgreSQL runs out of memory",
        "AWS/RDS",
        "FreeableMemory",
        "Minimum",
        256e6,
        below=True,
    ),
    Alarm(
        "cache-memory",
        "cache",
        "The cache drops what is still used",
        "AWS/ElastiCache",
        "Evictions",
        "Sum",
        1000,
        periods=15,
    ),
    Alarm(
        "cache-cpu", "cache", "The cache is out of processor", "AWS/ElastiCache", "EngineCPUUtilization", "Average", 85
    ),
    Alarm(
        "queue-age",
        "queue",
        "Work waits too long",
        "AWS/SQS",
        "ApproximateAgeOfOldestMessage",
        "Maximum",
        900,
        periods=10,
    ),
    Alarm(
        "queue-dead",
        "queue",
        "Work was given up",
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
        "Maximum",
        0,
        periods=1,
    ),
)
DATABASE_LAG = Alarm(
    name="database-replica-lag",
    tier="database",
    says="The recovery Region falls behind",
    namespace="AWS/RDS",
    metric="AuroraGlobalDBReplicationLag",
    statistic="Maximum",
    threshold=60_000,
    missing="breaching",
)
"""Only where there is a secondary in the recovery Region, which alone has the metric; milliseconds. One that follows no
more has none: that is the worst of lags."""
SLO_BURN = "slo-burn"
"""Runbook of the alarms on how fast the error budget is used up."""
BACKUP_FAILED = "backup-failed"
THREAT_FOUND = "threat-found"
INTERRUPTIONS_DEAD = "interruptions-dead"
"""Runbooks of alarms that other concerns make."""


@dataclass(frozen=True)
class Burn:
    """A pair of windows: both must burn the error budget `factor` times too fast."""

    name: str
    factor: float
    long_s: int
    short_s: int


BURNS = (Burn("fast", 14.4, 3600, 300), Burn("slow", 6, 21600, 1800))
"""Two per cent of a month's budget in an hour; five in six hours (Google SRE workbook, chapter 5)."""
