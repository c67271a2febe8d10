"""How long AWS, Kubernetes and people take to do something, in seconds: what no graph says.

In:  nothing. Out: `TIMES` by key. Each has its source; `assumed` ones stand until a drill has measured them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Time:
    """A duration with where it comes from."""

    seconds: float
    source: str
    assumed: bool = False


DEFAULT_HEALTH_INTERVAL_S = 30
DEFAULT_UNHEALTHY_COUNT = 2
"""Of an Application Load Balancer's target group, where it does not say otherwise (Elastic Load Balancing guide)."""

TIMES: dict[str, Time] = {
    "node-unready": Time(50, "Kubernetes node-monitor-grace-period, its default since 1.32"),
    "eviction": Time(300, "Kubernetes default toleration of unreachable nodes"),
    "node-start": Time(90, "Karpenter or a node group: instance, boot of Bottlerocket, images", assumed=True),
    "pod-start": Time(30, "start and readiness of a service of the hub", assumed=True),
    "aurora-failover": Time(60, "Aurora FAQ: with a replica typically within 30 s; doubled for clients to reconnect"),
    "aurora-recreate": Time(900, "Aurora FAQ: without a replica a new instance in under 15 minutes"),
    "rds-failover": Time(120, "RDS guide: Multi-AZ fail-over takes 60 to 120 s"),
    "cache-failover": Time(60, "ElastiCache promotes a replica in about a minute", assumed=True),
    "cache-refill": Time(600, "a new node, and answers computed again", assumed=True),
    "nat-by-hand": Time(1800, "somebody is told, makes another NAT gateway and moves the routes", assumed=True),
    "point-in-time": Time(300, "RDS and Aurora guide: the latest restorable time is up to 5 minutes back"),
    "decide": Time(900, "somebody is woken, understands and decides", assumed=True),
    "copy": Time(14400, "a copy of a backup into another Region or account, until it can be restored", assumed=True),
    "restore": Time(1800, "restore or clone from a backup, until it can be used", assumed=True),
    "switch": Time(900, "data is compared and taken back, services are pointed at it", assumed=True),
    "promote": Time(300, "the global cluster fails over and its new writer takes connections", assumed=True),
    "take-over": Time(900, "state is fetched from its replica, and what stands is imported", assumed=True),
    "add-instances": Time(900, "Aurora: a new instance in under 15 minutes"),
    "network": Time(600, "VPC, subnets, NAT gateways and end points by the program", assumed=True),
    "cluster": Time(900, "EKS control plane by the program", assumed=True),
    "nodes": Time(600, "node group, add-ons and Karpenter", assumed=True),
    "gitops": Time(600, "the engine applies everything that Git holds", assumed=True),
    "edge": Time(300, "records and the distribution's origin follow", assumed=True),
    "check": Time(900, "somebody makes sure that it works before customers are let in", assumed=True),
    "images": Time(1800, "CI builds and pushes every image anew", assumed=True),
    "account": Time(14400, "a new account: organisation, quotas, delegation of the domain", assumed=True),
}
