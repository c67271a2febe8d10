"""What the stores cost: Aurora, RDS, Valkey, queues, buckets."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.graph.model import Graph, Resource
from cluster.reports.cost.model import Line, Unpriced
from cluster.reports.cost.pricing import DAYS_PER_MONTH, Factor, Pricing, Rule
from cluster.usage import Quantity, Range

CLUSTER = "aws:rds/cluster:Cluster"
MEMBER = "aws:rds/clusterInstance:ClusterInstance"
SERVERLESS = "db.serverless"
IO_OPTIMIZED = "aurora-iopt1"
SECRET = "secretsmanager.secret.month"  # noqa: S105 — the key of a price


def aurora(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """Storage, I/O, backups beyond the free ones, and the administrator's secret; a secondary is sent what changes."""
    optimized = resource.get("storageType") == IO_OPTIMIZED
    kind = "io_optimized" if optimized else "standard"
    yield of.line(resource, "storage", f"aurora.storage.gb_month.{kind}", of.usage.database_gb)
    changed = of.usage.database_change_gb_per_day
    days = max(0, resource.get("backupRetentionPeriod", 1) - 1)
    kept = Quantity(changed.range * days, f"{days} days beyond the free one: {changed.why}")
    yield of.line(resource, "continuous backup", "aurora.backup.gb_month", kept)
    if resource.get("globalClusterIdentifier") and not resource.get("masterUsername"):
        sent = Quantity(changed.range * DAYS_PER_MONTH, changed.why)
        yield of.line(resource, "data to the recovery Region", "egress.cross_region.gb", sent)
        yield of.unpriced(resource, "replicated writes", "the data has no price of replicated write I/O")
        return
    if not optimized:
        yield of.line(resource, "I/O", "aurora.io.million", of.usage.database_io_million)
    if resource.get("manageMasterUserPassword"):
        yield of.line(resource, "the administrator's secret", SECRET, 1)


def members(graph: Graph, cluster: Resource | None) -> list[Resource]:
    """Return the instances of an Aurora cluster."""
    return [one for one in graph.of_type(MEMBER) if graph.target(one.get("clusterIdentifier")) == cluster]


def aurora_instance(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """Hours of its size; a serverless one costs what it takes, and the instances take equal parts."""
    cluster = of.graph.target(resource.get("clusterIdentifier"))
    optimized = cluster is not None and cluster.get("storageType") == IO_OPTIMIZED
    if resource.get("instanceClass") == SERVERLESS:
        peers = [one for one in members(of.graph, cluster) if one.get("instanceClass") == SERVERLESS]
        units = of.share(of.usage.acu, len(peers))
        key = f"aurora.acu_hour.{'io_optimized' if optimized else 'standard'}"
        yield of.line(resource, "capacity units", key, Quantity(units.range * of.hours, units.why))
    elif optimized:
        yield of.unpriced(resource, "hours", "the data has no price of instances with I/O-Optimized storage")
    else:
        yield of.line(resource, "hours", f"aurora.instance.{resource.get('instanceClass')}", of.hours)


def rds(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """Hours and storage, both twice with a standby; backups beyond the size of the storage."""
    twice = resource.get("multiAz", False)
    factor = of.prices.value("rds.multi_az_factor") if twice else 1.0
    by = Factor(Range.exactly(factor), "Multi-AZ: a standby in another zone") if twice else None
    yield of.line(resource, "hours", f"rds.instance.{resource.get('instanceClass')}", of.hours, by)
    size = float(resource.get("allocatedStorage", 0))
    yield of.line(resource, "storage", f"rds.storage.{resource.get('storageType')}.gb_month", size, by)
    changed, days = of.usage.database_change_gb_per_day, resource.get("backupRetentionPeriod", 0)
    full = of.usage.database_gb.range
    kept = [used + change * days - size for used, change in zip(_three(full), _three(changed.range), strict=True)]
    beyond = Range(*(max(0.0, one) for one in kept))
    why = f"{days} days of changes, beyond the size of the storage"
    yield of.line(resource, "backup", "rds.backup.gb_month", Quantity(beyond, why))
    if resource.get("manageMasterUserPassword"):
        yield of.line(resource, "the administrator's secret", SECRET, 1)


def _three(value: Range) -> tuple[float, float, float]:
    return value.low, value.expected, value.high


def cache(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """Hours of each node, and snapshots beyond the newest."""
    nodes = resource.get("numCacheClusters", 1)
    yield of.line(resource, "node hours", f"elasticache.valkey.{resource.get('nodeType')}", nodes * of.hours)
    beyond = max(0, resource.get("snapshotRetentionLimit", 0) - 1)
    kept = Quantity(of.usage.cache_gb.range * beyond, f"{beyond} snapshots beyond the newest: {of.usage.cache_gb.why}")
    yield of.line(resource, "snapshots", "elasticache.backup.gb_month", kept)


def queue(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """Requests."""
    kind = "fifo" if resource.get("fifoQueue") else "standard"
    yield of.line(resource, "requests", f"sqs.{kind}.million", of.usage.queue(resource.name))


def bucket(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """What is in it, and what is asked of it."""
    used = of.usage.bucket(resource.name)
    yield of.line(resource, "storage", "s3.standard.gb_month", used.gb)
    yield of.line(resource, "writing requests", "s3.put.1k", used.puts_k)
    yield of.line(resource, "reading requests", "s3.get.1k", used.gets_k)


RULES: dict[str, Rule] = {
    CLUSTER: aurora,
    MEMBER: aurora_instance,
    "aws:rds/instance:Instance": rds,
    "aws:elasticache/replicationGroup:ReplicationGroup": cache,
    "aws:sqs/queue:Queue": queue,
    "aws:s3/bucket:Bucket": bucket,
}
