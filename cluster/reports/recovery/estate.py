"""What of a graph decides how it recovers: found once, for all scenarios.

In:  a graph.
Out: the database with its instances and copies, buckets, backups, nodes, the way out.
"""

from __future__ import annotations

import json
from functools import cached_property

from cluster.graph.model import Graph, Resource
from cluster.reports.recovery.times import DEFAULT_HEALTH_INTERVAL_S, DEFAULT_UNHEALTHY_COUNT, TIMES

DAY_S = 86400


class Estate:
    """An environment, as far as it can fail."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    @cached_property
    def instances(self) -> tuple[Resource, ...]:
        """The instances of the Aurora cluster."""
        return self.graph.of_type("aws:rds/clusterInstance:ClusterInstance")

    @cached_property
    def database(self) -> Resource | None:
        """The database that is written to."""
        clusters = self.graph.of_type("aws:rds/cluster:Cluster")
        written = {
            one.key for instance in self.instances for one in self.graph.targets(instance.get("clusterIdentifier"))
        }
        first = [one for one in clusters if one.key in written]
        return next(iter((*first, *self.graph.of_type("aws:rds/instance:Instance"))), None)

    @cached_property
    def secondary(self) -> Resource | None:
        """The database that follows in another Region."""
        if self.database is None or not self.database.get("globalClusterIdentifier"):
            return None
        here = self.graph.region(self.database)
        for one in self.graph.of_type("aws:rds/cluster:Cluster"):
            if one.get("globalClusterIdentifier") and self.graph.region(one) != here:
                return one
        return None

    @property
    def lag_s(self) -> float:
        """Seconds that the secondary may be behind before somebody is told; a minute where nobody is."""
        for alarm in self.graph.of_type("aws:cloudwatch/metricAlarm:MetricAlarm"):
            if alarm.get("metricName") == "AuroraGlobalDBReplicationLag":
                return float(alarm.get("threshold", 60_000)) / 1000
        return 60.0

    @cached_property
    def stores(self) -> tuple[Resource, ...]:
        """What holds data that nobody can make again: the database, and the buckets that are backed up or should be."""
        buckets = self.graph.of_type("aws:s3/bucket:Bucket")
        kept = tuple(one for one in buckets if (one.get("tags") or {}).get("backup") == "true")
        return (*([self.database] if self.database else []), *kept)

    @property
    def records(self) -> tuple[str, ...]:
        """Names of the buckets with records of what happened, of which there is no copy."""
        kept = {one.key for one in self.stores}
        found = [one for one in self.graph.of_type("aws:s3/bucket:Bucket") if one.key not in kept]
        return tuple(one.name for one in found if one.name in ("audit", "access-logs"))

    @property
    def published(self) -> tuple[str, ...]:
        """Names of the buckets whose files somebody builds and publishes, and can again."""
        return tuple(one.name for one in self.graph.of_type("aws:s3/bucket:Bucket") if one.name == "assets")

    def versioned(self, bucket: Resource) -> bool:
        """Whether what is overwritten or deleted in a bucket can be had back."""
        return any(
            one.get("versioningConfiguration.status") == "Enabled"
            for one in self.graph.of_type("aws:s3/bucketVersioning:BucketVersioning")
            if bucket in self.graph.targets(one.get("bucket"))
        )

    @cached_property
    def backup_s(self) -> float | None:
        """Seconds between two backups and until the later one is complete; None: there are none."""
        return min((self._age(rule) for _, rule in self._rules()), default=None)

    @cached_property
    def copy_s(self) -> float | None:
        """The same for copies in another Region."""
        taken = TIMES["copy"].seconds
        found = [self._age(rule) + taken for region, rule in self._rules() for _ in self._away(rule, region)]
        return min(found, default=None)

    def _rules(self) -> list[tuple[str, dict[str, object]]]:
        if not self.graph.of_type("aws:backup/selection:Selection"):
            return []
        plans = self.graph.of_type("aws:backup/plan:Plan")
        return [(self.graph.region(plan), rule) for plan in plans for rule in plan.get("rules") or ()]

    def _age(self, rule: dict[str, object]) -> float:
        """Return the age of the newest backup just before the next is complete.

        It begins at any time of its start window, and from then on has its completion window.
        """
        windows = [float(str(rule.get(name, 0))) for name in ("startWindow", "completionWindow")]
        return _turn_s(rule) + 60 * sum(windows)

    def _away(self, rule: dict[str, object], region: str) -> list[str]:
        vaults = self.graph.targets(rule.get("copyActions") or ())
        return [self.graph.region(one) for one in vaults if self.graph.region(one) != region]

    @cached_property
    def isolated(self) -> Resource | None:
        """The policy that lets another account read a vault; None: there is no copy outside of this account."""
        return next(iter(self.graph.of_type("aws:backup/vaultPolicy:VaultPolicy")), None)

    @cached_property
    def copier(self) -> Resource | None:
        """What starts copies into another account: AWS Backup does not go on from a copy by itself."""
        for one in self.graph.of_type("aws:sfn/stateMachine:StateMachine", "aws:lambda/function:Function"):
            if "startcopyjob" in json.dumps(one.inputs).lower() and self._clock(one) is not None:
                return one
        return None

    def _clock(self, machine: Resource) -> Resource | None:
        """Return what starts a machine every day."""
        schedules = self.graph.of_type("aws:scheduler/schedule:Schedule")
        return next((one for one in schedules if machine in self.graph.targets(one.get("target.arn"))), None)

    @cached_property
    def isolated_s(self) -> float | None:
        """Seconds of data that the copies in the isolated account may lack; None: there are none.

        A day, from the backup's hour to the hour at which it is handed on, and until the copy of then is complete.
        """
        clock = self._clock(self.copier) if self.copier is not None else None
        found = [
            _turn_s(rule)
            + TIMES["copy"].seconds
            + 3600 * ((_hour(clock.get("scheduleExpression")) - _hour(rule.get("schedule"))) % 24)
            for _, rule in self._rules()
            if clock is not None and rule.get("copyActions")
        ]
        return min(found, default=None)

    def nodes(self, pool: str) -> float:
        """Return how many nodes of a pool run in an average hour."""
        found = self.graph.get(f"ec2.Instance/node-{pool}")
        return float(found.get("expected.count", 0)) if found else 0.0

    @cached_property
    def unnoticed_s(self) -> float:
        """Seconds until the load balancer sends no more requests to a pod that is gone."""
        group = next(iter(self.graph.of_type("aws:lb/targetGroup:TargetGroup")), None)
        check = group.get("healthCheck", {}) if group else {}
        interval = float(check.get("interval", DEFAULT_HEALTH_INTERVAL_S))
        return interval * float(check.get("unhealthyThreshold", DEFAULT_UNHEALTHY_COUNT))

    @cached_property
    def job_s(self) -> float:
        """Seconds after which a job that a dead worker had taken is given out again."""
        queues = [one for one in self.graph.of_type("aws:sqs/queue:Queue") if one.get("redrivePolicy")]
        work = [one for one in queues if one.name == "jobs"]
        return max((float(one.get("visibilityTimeoutSeconds", 30)) for one in work), default=0.0)

    @property
    def home(self) -> str:
        """The Region that the cluster is in."""
        return next((self.graph.region(one) for one in self.graph.of_type("aws:eks/cluster:Cluster")), "")

    @cached_property
    def pilot(self) -> Resource | None:
        """The network that stands in another Region."""
        networks = self.graph.of_type("aws:ec2/vpc:Vpc")
        home = {self.graph.region(one) for one in self.graph.of_type("aws:eks/cluster:Cluster")}
        return next((one for one in networks if self.graph.region(one) not in home), None)


def _turn_s(rule: dict[str, object]) -> float:
    """Return the seconds from one backup of a rule to the next."""
    weekly = str(rule.get("schedule", "")).split()[-2:-1] not in ([], ["?"], ["*"])
    return (7 if weekly else 1) * DAY_S


def _hour(cron: object) -> int:
    """Return the hour of a schedule like `cron(0 2 * * ? *)`."""
    return int(str(cron).split()[1])
