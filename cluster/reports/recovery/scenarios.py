"""The failures, and what each of them costs an environment.

In:  a graph.
Out: scenarios from the smallest to the largest. What is lost follows from copies and versions that the graph has, how
     long it takes from what stands by; nothing is promised that no resource keeps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from cluster.graph.model import Graph, Resource
from cluster.reports.recovery.drills import drills
from cluster.reports.recovery.estate import Estate
from cluster.reports.recovery.model import Loss, Scenario, Step
from cluster.reports.recovery.times import TIMES

REQUESTS, JOBS, DATABASE, FILES, CACHE = "requests", "jobs", "database", "files", "cache"
OUTWARD, PLATFORM = "way out", "platform"
RDS = "aws:rds/instance:Instance"
CONTROL_REGION = "us-east-1"
"""Where AWS changes what is global; what is there goes on elsewhere without it."""


def recovery(graph: Graph) -> tuple[Scenario, ...]:
    """Return every scenario."""
    estate = Estate(graph)
    if not estate.home:  # an account of copies is what others recover from
        return ()
    return (_pod(estate), _node(estate), _zone(estate), _bad_write(estate), _region(estate), _account(estate))


def _kept(estate: Estate, why: str) -> tuple[Loss, ...]:
    return tuple(Loss(one.key, 0, why) for one in estate.stores)


def _unnoticed(estate: Estate) -> Step:
    return Step(REQUESTS, "the load balancer leaves it out", estate.unnoticed_s, "lb.TargetGroup/web healthCheck")


def _jobs(estate: Estate) -> Iterator[Step]:
    if estate.job_s:
        yield Step(JOBS, "its jobs are given out again", estate.job_s, "sqs.Queue/jobs visibilityTimeoutSeconds")


def _pod(estate: Estate) -> Scenario:
    steps = (_unnoticed(estate), Step.of(REQUESTS, "another one starts", "pod-start"), *_jobs(estate))
    kept = _kept(estate, "pods keep nothing")
    return Scenario("pod", "a pod dies", kept, steps, drills(estate)["pod"])


def _node(estate: Estate) -> Scenario:
    alone = estate.nodes("web") < 2
    steps = [_unnoticed(estate)]
    if alone:
        steps += [
            Step.of(REQUESTS, "the node is given up", "node-unready"),
            Step.of(REQUESTS, "its pods are moved", "eviction", "fewer than two nodes of pool web on average"),
            Step.of(REQUESTS, "a new node starts", "node-start"),
            Step.of(REQUESTS, "pods start on it", "pod-start"),
        ]
    notice = estate.graph.of_type("aws:cloudwatch/eventRule:EventRule")
    warned = any(one.name == "spot-interruption" for one in notice)
    gaps = () if warned else ("nobody hears of Spot interruptions: pods have no two minutes to leave",)
    kept = _kept(estate, "nodes keep nothing")
    return Scenario("node", "a node dies", kept, (*steps, *_jobs(estate)), drills(estate)["node"], gaps)


def _zone(estate: Estate) -> Scenario:
    graph, database = estate.graph, estate.database
    steps = [_unnoticed(estate), *_jobs(estate)]
    if estate.nodes("web") < 2:
        steps.append(
            Step.of(REQUESTS, "a new node starts", "node-start", "fewer than two nodes of pool web on average")
        )
    losses = list(_kept(estate, "storage is in three zones"))
    if database is not None:
        steps.append(_database_moves(estate, database))
        if database.type == RDS and not database.get("multiAz"):
            losses[0] = Loss(database.key, TIMES["point-in-time"].seconds, "one zone only: point-in-time restore")
    for cache in graph.of_type("aws:elasticache/replicationGroup:ReplicationGroup"):
        ready = bool(cache.get("multiAzEnabled"))
        says = "a replica takes over" if ready else "it is made and filled again"
        steps.append(Step.of(CACHE, says, "cache-failover" if ready else "cache-refill", cache.key))
    ways = graph.of_type("aws:ec2/natGateway:NatGateway")
    if len(ways) == 1:
        steps.append(Step.of(OUTWARD, "another NAT gateway is made", "nat-by-hand", ways[0].key))
    volumes = [one for one in graph.of_type("aws:ebs/volume:Volume") if one.declared_by == "ebs-csi"]
    gaps = tuple(f"{one.key} is in one zone: its metrics are gone until the zone is back" for one in volumes)
    return Scenario("zone", "an Availability Zone is lost", tuple(losses), tuple(steps), drills(estate)["zone"], gaps)


def _database_moves(estate: Estate, database: Resource) -> Step:
    if database.type == RDS:
        if database.get("multiAz"):
            return Step.of(DATABASE, "the standby takes over", "rds-failover", database.key)
        return Step.of(DATABASE, "it is restored in another zone", "restore", database.key)
    zones = {one.get("availabilityZone") for one in estate.instances}
    if len(zones) > 1:
        return Step.of(DATABASE, "a reader takes over", "aurora-failover", f"{len(zones)} zones have an instance")
    return Step.of(DATABASE, "an instance is made in another zone", "aurora-recreate", "one instance")


def _bad_write(estate: Estate) -> Scenario:
    losses, gaps = [], []
    for one in estate.stores:
        if one.type == "aws:s3/bucket:Bucket":
            losses.append(Loss(one.key, 0 if estate.versioned(one) else estate.backup_s, "old versions are kept"))
            continue
        days = int(one.get("backupRetentionPeriod") or 0)
        lost = TIMES["point-in-time"].seconds if days else estate.backup_s
        losses.append(Loss(one.key, lost, f"point-in-time restore, back to {days} days" if days else "the last backup"))
        if days:
            gaps.append(f"noticed later than {days} days after, it is {_older(estate)}")
    steps = (
        Step.of(DATABASE, "somebody finds the moment before", "decide"),
        Step.of(DATABASE, "the database is restored beside", "restore"),
        *_instances_follow(estate),
        Step.of(DATABASE, "what was lost is taken back", "switch"),
    )
    says = "somebody or a fault writes or deletes the wrong data"
    return Scenario("bad write", says, tuple(losses), steps, drills(estate)["bad write"], tuple(gaps))


def _instances_follow(estate: Estate) -> list[Step]:
    """A restored cluster of Aurora has no instance yet."""
    if estate.database is None or estate.database.type == RDS:
        return []
    return [Step.of(DATABASE, "an instance is made in it", "add-instances", "a restored cluster has none")]


def _older(estate: Estate) -> str:
    if estate.backup_s is None:
        return "lost: there are no other backups"
    rule = estate.graph.of_type("aws:backup/plan:Plan")[0].get("rules.0.lifecycle.deleteAfter")
    return f"restored from a daily backup, back to {rule} days"


def _away(estate: Estate, one: Resource) -> Loss:
    if one == estate.database and estate.secondary is not None:
        return Loss(one.key, estate.lag_s, f"{estate.secondary.key} follows; usually 1 s, at this an alarm rings")
    if estate.copy_s is not None:
        return Loss(one.key, estate.copy_s, "copies of daily backups in the recovery Region")
    return Loss(one.key, None, "nothing of it is in another Region")


def _region(estate: Estate) -> Scenario:
    steps = [Step.of(PLATFORM, "somebody decides to leave the Region", "decide")]
    if estate.pilot is None:
        steps.append(Step.of(PLATFORM, "the network is made", "network", "no pilot light"))
    else:
        says = f"{estate.pilot.key} has the stores' subnets alone"
        steps.append(Step.of(PLATFORM, "what stands there is taken over", "take-over", estate.pilot.key))
        steps.append(Step.of(PLATFORM, "the rest of the network is made", "network", says))
    steps += _rebuilt("cluster", "nodes", "gitops", "edge", "check")
    losses = tuple(_away(estate, one) for one in estate.stores)
    if estate.secondary is not None:
        steps += [
            Step.of(DATABASE, "somebody decides to leave the Region", "decide"),
            Step.of(DATABASE, "an instance is made", "add-instances", f"{estate.secondary.key} has none"),
            Step.of(DATABASE, "the secondary takes over", "promote", estate.secondary.key),
        ]
    elif estate.copy_s is not None:
        steps += [Step.of(DATABASE, "somebody decides to leave the Region", "decide")]
        steps += [Step.of(DATABASE, "the copy is restored", "restore", "backup.Plan/daily copyActions")]
        steps += _instances_follow(estate)
    if estate.copy_s is not None and any(one != estate.database for one in estate.stores):
        steps += [
            Step.of(FILES, "somebody decides to leave the Region", "decide"),
            Step.of(FILES, "the copies of buckets are restored", "restore", "backup.Plan/daily copyActions"),
        ]
    images = estate.graph.of_type("aws:ecr/replicationConfiguration:ReplicationConfiguration")
    if not images:
        steps.append(Step.of(PLATFORM, "images are built again", "images", "no replication of the registry"))
    gaps = [f"{name}: records are in one Region only and lost with it" for name in estate.records]
    gaps += [f"{name}: static files are in one Region only; they are published again" for name in estate.published]
    if estate.graph.of_type("aws:sqs/queue:Queue"):
        gaps.append("jobs that wait in the queue are lost; the database says which were not done")
    if estate.home == CONTROL_REGION:
        gaps.append(
            f"IAM, Route 53 and CloudFront are changed in {CONTROL_REGION} alone: while it fails as a whole, roles, "
            "names and the distribution stay as they are, and the times of the platform do not hold"
        )
    drill = drills(estate)["region"]
    return Scenario("region", "the Region is lost", losses, tuple(steps), drill, tuple(gaps))


def _then(estate: Estate) -> list[Step]:
    return [replace(one, track=PLATFORM) for one in _instances_follow(estate)]


def _rebuilt(*times: str) -> list[Step]:
    says = {
        "cluster": "the cluster is made",
        "nodes": "nodes and add-ons start",
        "gitops": "Git is applied",
        "edge": "the edge follows",
        "check": "somebody looks",
    }
    return [Step.of(PLATFORM, says[time], time) for time in times]


def _account(estate: Estate) -> Scenario:
    covered = estate.isolated is not None and estate.copier is not None
    lost = estate.isolated_s if covered else None
    why = "copies in an account of its own" if covered else "every copy is in this account"
    gaps, defects = [], []
    if estate.isolated is not None and estate.copier is None:
        defects.append(f"{estate.isolated.key} lets another account copy, and nothing starts such a copy")
    locked = estate.graph.of_type("aws:backup/vaultLockConfiguration:VaultLockConfiguration")
    if locked:
        gaps.append(f"while the account itself can be reached, {locked[0].key} keeps backups from being deleted")
    steps = [
        Step.of(PLATFORM, "another account is made", "account"),
        Step.of(PLATFORM, "images are built again", "images"),
        Step.of(PLATFORM, "the network is made", "network"),
        *_rebuilt("cluster", "nodes", "gitops", "edge", "check"),
        *([Step.of(PLATFORM, "the isolated copy is restored", "restore"), *_then(estate)] if covered else []),
    ]
    losses = tuple(Loss(one.key, lost, why) for one in estate.stores)
    return Scenario(
        "account",
        "the account is lost or taken over",
        losses,
        tuple(steps),
        drills(estate)["account"],
        tuple(gaps),
        tuple(defects),
    )
