"""The record of the platform: the same pods on EKS, on ECS, and on what has no pods.

In:  the environments. Out: the page. The workload is what the graph has: processors and memory of the pools `web` and
     `workers` in an average hour, wherever they run.
"""

from __future__ import annotations

from collections.abc import Mapping

from cluster.graph.model import Resource
from cluster.prices import load
from cluster.reports.cost.model import total
from cluster.reports.cost.tables import money
from cluster.reports.table import Table, markdown_table
from cluster.reports.views import Subject

POOLS = ("web", "workers")
UNPRICED = "unpriced"


def page(subjects: Mapping[str, Subject], written: str) -> str:
    """Return the record."""
    prod = subjects["prod"]
    even = {one.name: one for one in prod.cost.break_evens}
    nodes = even["EKS with full nodes instead of ECS on Fargate"]
    share = even["Fargate instead of nodes"]
    more = _eks(prod) - _ecs(prod)
    return f"""\
# 0009: the platform runs on EKS, though ECS would cost less

Date: 2026-11-23. {written}

## Situation

A web API that answers {prod.cost.usage.requests_million.range.expected:g} million requests a month and workers that
take jobs of up to {_longest_job(prod) / 60:g} minutes from a queue, in three environments. Teams bring further services, and
the product is a GitOps platform with operators of its own.

US dollars a month for what runs the pods, {_size(prod)} in prod on average (web and workers):

{_table(subjects)}

By `{written_cost("prod")}`, prices of {prod.cost.cost.compiled}. Nodes are paid as they stand, Fargate for what is asked
for: it is counted for all of a node, so that it costs what this says only where nodes are full. A node of this size is
dearer than Fargate when less than {share.at:.0f} per cent of it is used. The fee of EKS is earned from {nodes.at:.1f} full nodes
of the web pool on; prod has {nodes.here:g}.

## Decision

EKS {prod.environment.compute.kubernetes_version} with Karpenter on arm64, Spot for workers; Auto Mode by a setting (`compute.mode`).
In prod it costs {money(more)} a month more than ECS on the same machines. That buys what the platform is made of: CRDs and operators,
one manifest from the laptop to prod, GitOps by an engine that runs in the cluster, NetworkPolicy, and no tie to one cloud.

## Others considered

- ECS on EC2: cheapest, no fee and no system nodes. No CRDs, so that databases, canaries and scaling would be services of
  their own; the local cluster would differ from prod; GitOps would be a pipeline that pushes.
- ECS on Fargate: nothing to patch. Dearer at this size ({money(_fargate(prod))}), no Spot price in the data, no daemons.
- App Runner: closed to new customers since April 2026. {UNPRICED}: the data has no price of it.
- Lambda: ends after 15 minutes, which is what one job may take here; no WebSockets that stay. {UNPRICED}: the data has no
  price of requests and GB-seconds.
- EKS Auto Mode: {money(even["EKS Auto Mode instead of Karpenter"].at)} a month more in prod, because its built-in pools are On-Demand.
  It pays when Karpenter and add-ons take somebody more than that in hours.

## Follows from it

Versions have to be raised twice a year ([expiry](../architecture/expiry.md)), or AWS does it on a day of its own; to put that off
would cost {money((load().value("eks.extended_support") - load().value("eks.cluster")) * load().hours_per_month)} a month for each cluster. Nodes, add-ons and policies are ours to run.
We would think again if nobody used an operator for half a year, or if a tenant asked for nothing but one small service.
"""


def written_cost(name: str) -> str:
    """Return the command that shows the lines."""
    return f".venv/bin/amx plan {name} --view cost"


def _table(subjects: Mapping[str, Subject]) -> str:
    rows = (
        ("EKS with Karpenter (this)", *(money(_eks(one)) for one in subjects.values())),
        ("EKS Auto Mode", *(money(_eks(one) + _auto(one)) for one in subjects.values())),
        ("ECS on EC2, the same nodes of the pools", *(money(_ecs(one)) for one in subjects.values())),
        ("ECS on Fargate, x86, On-Demand, all of a node", *(money(_fargate(one)) for one in subjects.values())),
        ("App Runner", *(UNPRICED for _ in subjects)),
        ("Lambda", *(UNPRICED for _ in subjects)),
    )
    return markdown_table(Table("What runs the pods", ("way", *(f"${name}" for name in subjects)), rows), 3)


def _eks(subject: Subject) -> float:
    """Control plane, all nodes and their disks."""
    return total(
        line
        for line in subject.cost.cost.lines
        if line.what == "control plane" or line.resource.startswith(("ec2.Instance/node-", "ebs.Volume/node-"))
    ).expected


def _auto(subject: Subject) -> float:
    return next(one.at for one in subject.cost.break_evens if one.name == "EKS Auto Mode instead of Karpenter")


def _ecs(subject: Subject) -> float:
    """The same without the fee and the system's nodes."""
    names = tuple(f"{kind}/node-{pool}" for pool in POOLS for kind in ("ec2.Instance", "ebs.Volume"))
    return total(line for line in subject.cost.cost.lines if line.resource in names).expected


def _pools(subject: Subject) -> list[tuple[Resource, float]]:
    """Return each pool with the hours that its nodes run in a month, all together."""
    hours = {line.resource: line.quantity.expected for line in subject.cost.cost.lines if line.what == "hours"}
    found = (subject.graph.get(f"ec2.Instance/node-{name}") for name in POOLS)
    return [(one, hours[one.key]) for one in found if one is not None]


def _fargate(subject: Subject) -> float:
    cpu, memory = load().value("fargate.vcpu"), load().value("fargate.gb")
    return sum(
        hours * float(one.get("expected.vcpu") * cpu + one.get("expected.memoryGib") * memory)
        for one, hours in _pools(subject)
    )


def _size(subject: Subject) -> str:
    pools = [(one, hours / load().hours_per_month) for one, hours in _pools(subject)]
    cores = sum(count * one.get("expected.vcpu") for one, count in pools)
    memory = sum(count * one.get("expected.memoryGib") for one, count in pools)
    return f"{cores:g} vCPU and {memory:g} GiB"


def _longest_job(subject: Subject) -> float:
    return float(subject.graph["sqs.Queue/jobs"].get("visibilityTimeoutSeconds"))
