"""The network in the picture: tiers by zone, the cluster with its nodes, databases and caches where they are."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from cluster.graph.model import Graph, Resource
from cluster.reports.diagram.model import Box, Kind

TIERS: tuple[tuple[Kind, str], ...] = (
    ("public", "Public subnets"),
    ("private", "Private subnets"),
    ("isolated", "Isolated subnets"),
)


def network(graph: Graph) -> Box:
    """Return the VPC that the cluster is in."""
    subnets = [one for one in graph.of_type("aws:ec2/subnet:Subnet") if not one.get("region")]
    vpc = next((one for one in graph.of_type("aws:ec2/vpc:Vpc") if not one.get("region")), None)
    if vpc is None:
        return Box("vpc", "No network", kind="network")
    zones = sorted({str(one.get("availabilityZone")) for one in subnets})
    inside = {"public": _public(graph, zones), "private": _private(graph), "isolated": _isolated(graph, zones)}
    tiers = []
    for kind, title in TIERS:
        own = [one for one in subnets if (one.get("tags") or {}).get("network-tier") == kind]
        shut = tuple(one.key for one in graph.of_type("aws:ec2/networkAcl:NetworkAcl") if one.name == kind)
        cells = Box(
            f"{kind}-zones", "", kind="group", across=True,
            children=tuple(_cell(kind, one) for one in sorted(own, key=lambda one: str(one.get("availabilityZone")))),
        )  # fmt: skip
        found = tuple(inside[kind])
        tiers.append(
            Box(kind, title + (", own network ACL" if shut else ""), kind=kind, keys=shut, children=(cells, *found))
        )
    return Box("vpc", f"VPC {vpc.get('cidrBlock')}", kind="network", keys=(vpc.key,), children=tuple(tiers))


def _cell(kind: str, subnet: Resource) -> Box:
    zone = str(subnet.get("availabilityZone"))
    return Box(f"{kind}-{zone}", zone, (str(subnet.get("cidrBlock")),), kind="group", keys=(subnet.key,))


def _by_zone(name: str, zones: list[str], boxes: dict[str, list[Box]]) -> Iterator[Box]:
    """Yield one row with what is in each zone under it."""
    if boxes:
        cells = tuple(Box(f"{name}-at-{zone}", "", kind="group", children=tuple(boxes.get(zone, ()))) for zone in zones)
        yield Box(f"{name}-row", "", kind="group", across=True, children=cells)


def _public(graph: Graph, zones: list[str]) -> Iterator[Box]:
    for one in graph.of_type("aws:lb/loadBalancer:LoadBalancer"):
        wall = graph.of_type("aws:wafv2/webAclAssociation:WebAclAssociation")
        says = "from CloudFront only" if _from_cloudfront(graph) else "from everywhere"
        lines = (f"{says}{', WAF' if wall else ''}, by {one.declared_by}",)
        yield Box("balancer", "Application Load Balancer", lines, keys=(one.key, *(each.key for each in wall)))
    ways: dict[str, list[Box]] = {}
    for one in graph.of_type("aws:ec2/natGateway:NatGateway"):
        subnet = graph.target(one.get("subnetId"))
        zone = str(subnet.get("availabilityZone")) if subnet else zones[0]
        ways.setdefault(zone, []).append(Box(f"nat-{one.name}", "NAT gateway", keys=(one.key,)))
    yield from _by_zone("nat", zones, ways)


def _from_cloudfront(graph: Graph) -> bool:
    rules = graph.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    mine = [one for one in rules if "load-balancer" in one.name]
    return bool(mine) and all(one.get("prefixListId") for one in mine)


def _private(graph: Graph) -> Iterator[Box]:
    yield from _endpoints(graph)
    for one in graph.of_type("aws:eks/cluster:Cluster"):
        nodes = tuple(_pool(each) for each in graph.of_type("aws:ec2/instance:Instance"))
        access = "private" if not one.get("vpcConfig.endpointPublicAccess") else "public"
        roles = graph.of_type("aws:eks/podIdentityAssociation:PodIdentityAssociation")
        lines = (f"{access} end point, {len(roles)} workloads with a role each (Pod Identity)",)
        title = f"EKS {one.get('version')} {one.get('name')}"
        row = Box("pools", "", kind="group", across=True, children=nodes)
        keys = (one.key, *(each.key for each in roles))
        yield Box("cluster", title, lines, kind="cluster", keys=keys, children=(row,))


def _endpoints(graph: Graph) -> Iterator[Box]:
    ends = graph.of_type("aws:ec2/vpcEndpoint:VpcEndpoint")
    if ends:
        names = ", ".join(one.name for one in ends)
        yield Box("endpoints", "VPC end points", tuple(wrap(names, 64)), keys=tuple(one.key for one in ends))


def _pool(node: Resource) -> Box:
    count = float(node.get("expected.count", 0))
    price = "Spot" if node.get("capacityType") == "SPOT" else "on demand"
    name = node.name.removeprefix("node-")
    lines = (f"{count:g} x {node.get('instanceType')}", f"{price}, by {node.declared_by}")
    return Box(f"pool-{name}", f"Nodes: {name}", lines, keys=(node.key,))


def _isolated(graph: Graph, zones: list[str]) -> Iterator[Box]:
    found: dict[str, list[Box]] = {}
    for at, one in enumerate(graph.of_type("aws:rds/clusterInstance:ClusterInstance")):
        size = str(one.get("instanceClass"))
        role = "writer" if at == 0 else "reader"
        box = Box(
            f"database-{at}", f"Aurora PostgreSQL {one.get('engineVersion')}", (f"{role}, {size}",), keys=(one.key,)
        )
        found.setdefault(str(one.get("availabilityZone")), []).append(box)
    for at, one in enumerate(graph.of_type("aws:rds/instance:Instance")):
        says = "with a standby" if one.get("multiAz") else "alone"
        box = Box(f"database-{at}", f"PostgreSQL {one.get('engineVersion')}", (says,), keys=(one.key,))
        found.setdefault(zones[0], []).append(box)
    yield from _by_zone("database", zones, found)
    for one in graph.of_type("aws:elasticache/replicationGroup:ReplicationGroup"):
        tls = ", TLS" if one.get("transitEncryptionEnabled") else ""
        lines = (f"{one.get('numCacheClusters')} x {one.get('nodeType')}{tls}",)
        yield Box("cache", f"ElastiCache Valkey {one.get('engineVersion')}", lines, keys=(one.key,))
