"""What networks let through: rules of security groups, routes of subnets, decisions of network ACLs.

In:  a graph.
Out: who may come in by which ports, and where a subnet's traffic may go. Controls and the report on reach read the same
     facts, so that they never disagree about one rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_network

from cluster.graph.model import Graph, Json, Resource

WORLD_4 = "0.0.0.0/0"
WORLD_6 = "::/0"
ANY_PORT = (0, 65535)
_NO_PORTS = ("-1", "all")


@dataclass(frozen=True)
class Ingress:
    """Who may come in through a security group."""

    group: Resource
    source: Resource
    """The resource that says so: the group itself or a rule."""
    path: str
    """Where in the source."""
    first: int
    last: int
    protocol: str
    ranges: tuple[str, ...]
    """CIDR blocks, IPv4 and IPv6."""
    others: tuple[str, ...] = ()
    """References to groups and prefix lists."""

    @property
    def from_world(self) -> tuple[str, ...]:
        """The ranges that mean everybody."""
        return tuple(one for one in self.ranges if one in (WORLD_4, WORLD_6))

    def admits(self, port: int) -> bool:
        """Whether a TCP port is among what it opens."""
        return self.protocol in (*_NO_PORTS, "tcp", "6") and self.first <= port <= self.last


@dataclass(frozen=True)
class Route:
    """Where a subnet sends what is meant for a range."""

    source: Resource
    path: str
    destination: str
    via: str
    """The value of the input that names the gateway."""
    kind: str
    """Name of that input: `gatewayId`, `natGatewayId` …"""


_RULE_TYPES = (
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "aws:ec2/securityGroupRule:SecurityGroupRule",
)
_HOPS = ("gatewayId", "natGatewayId", "egressOnlyGatewayId", "transitGatewayId", "vpcPeeringConnectionId")


class Networks:
    """The networks of a graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    @cached_property
    def ingress(self) -> tuple[Ingress, ...]:
        """Every rule that lets somebody in."""
        groups = self.graph.of_type("aws:ec2/securityGroup:SecurityGroup")
        found = [
            _ingress(group, group, f"ingress.{at}", rule)
            for group in groups
            for at, rule in enumerate(group.get("ingress") or ())
        ]
        for rule in self.graph.of_type(*_RULE_TYPES):
            target = self.graph.target(rule.get("securityGroupId"))
            if target is not None and rule.get("type", "ingress") == "ingress":
                found.append(_ingress(target, rule, "", dict(rule.inputs)))
        return tuple(found)

    @cached_property
    def _tables(self) -> dict[str, list[Resource]]:
        tables: dict[str, list[Resource]] = {}
        for one in self.graph.of_type("aws:ec2/routeTableAssociation:RouteTableAssociation"):
            subnet, table = self.graph.target(one.get("subnetId")), self.graph.target(one.get("routeTableId"))
            if subnet is not None and table is not None:
                tables.setdefault(subnet.key, []).append(table)
        return tables

    @cached_property
    def _routes(self) -> dict[str, list[Route]]:
        routes: dict[str, list[Route]] = {}
        for table in self.graph.of_type("aws:ec2/routeTable:RouteTable"):
            for at, row in enumerate(table.get("routes") or ()):
                routes.setdefault(table.key, []).extend(_routes(table, f"routes.{at}.", row))
        for one in self.graph.of_type("aws:ec2/route:Route"):
            target = self.graph.target(one.get("routeTableId"))
            if target is not None:
                routes.setdefault(target.key, []).extend(_routes(one, "", dict(one.inputs)))
        return routes

    def routes(self, subnet: Resource) -> list[Route]:
        """Return the routes of a subnet, the local one left out."""
        return [route for table in self._tables.get(subnet.key, ()) for route in self._routes.get(table.key, ())]

    def open_routes(self, subnet: Resource) -> list[Route]:
        """Return the routes of a subnet that lead to an internet gateway."""
        kind = "aws:ec2/internetGateway:InternetGateway"
        return [
            route
            for route in self.routes(subnet)
            if route.kind == "gatewayId" and any(one.type == kind for one in self.graph.targets(route.via))
        ]

    @cached_property
    def acls(self) -> dict[str, list[Resource]]:
        """The network ACLs of each subnet, by the subnet's key."""
        found: dict[str, list[Resource]] = {}
        for acl in self.graph.of_type("aws:ec2/networkAcl:NetworkAcl"):
            for subnet in self.graph.targets(acl.get("subnetIds")):
                found.setdefault(subnet.key, []).append(acl)
        for one in self.graph.of_type("aws:ec2/networkAclAssociation:NetworkAclAssociation"):
            place, named = self.graph.target(one.get("subnetId")), self.graph.target(one.get("networkAclId"))
            if place is not None and named is not None:
                found.setdefault(place.key, []).append(named)
        return found

    def acl_rules(self, acl: Resource, *, egress: bool = False) -> list[tuple[Resource, str, dict[str, Json]]]:
        """Return the rules of a network ACL in the order in which they decide, with where each stands."""
        way = "egress" if egress else "ingress"
        found = [(acl, f"{way}.{at}", dict(rule)) for at, rule in enumerate(acl.get(way) or ())]
        for one in self.graph.of_type("aws:ec2/networkAclRule:NetworkAclRule"):
            if self.graph.target(one.get("networkAclId")) == acl and bool(one.get("egress")) == egress:
                row = {**one.inputs, "action": one.get("ruleAction"), "ruleNo": one.get("ruleNumber")}
                found.append((one, "", row))
        return sorted(found, key=lambda row: int(row[2].get("ruleNo") or 0))

    def acl_admits(self, acl: Resource, peer: str, port: int, *, egress: bool = False) -> tuple[Resource, str] | None:
        """Return the rule that lets a TCP port through for a whole range, None where it is refused."""
        for source, path, rule in self.acl_rules(acl, egress=egress):
            if covers(rule.get("cidrBlock") or rule.get("ipv6CidrBlock"), peer) and _on_port(rule, port):
                return (source, path) if rule.get("action") == "allow" else None
        return None


def covers(outer: Json, inner: str) -> bool:
    """Whether a CIDR block holds the whole of another; blocks of different families never do."""
    if not isinstance(outer, str):
        return False
    left, right = ip_network(outer), ip_network(inner)
    return left.version == right.version and right.subnet_of(left)  # type: ignore[arg-type]


def _on_port(rule: dict[str, Json], port: int) -> bool:
    protocol = str(rule.get("protocol"))
    if protocol in _NO_PORTS:
        return True
    return protocol in ("tcp", "6") and int(rule.get("fromPort") or 0) <= port <= int(rule.get("toPort") or 0)


def _ingress(group: Resource, source: Resource, path: str, row: dict[str, Json]) -> Ingress:
    protocol = str(row.get("ipProtocol") or row.get("protocol") or "-1")
    first, last = row.get("fromPort"), row.get("toPort")
    everything = protocol in _NO_PORTS
    single = [row[name] for name in ("cidrIpv4", "cidrIpv6") if row.get(name)]
    lists = [one for name in ("cidrBlocks", "ipv6CidrBlocks") for one in row.get(name) or ()]
    others = [
        row[name] for name in ("referencedSecurityGroupId", "sourceSecurityGroupId", "prefixListId") if row.get(name)
    ]
    others += [one for name in ("securityGroups", "prefixListIds") for one in row.get(name) or ()]
    return Ingress(
        group=group,
        source=source,
        path=path,
        first=ANY_PORT[0] if everything else int(first or 0),
        last=ANY_PORT[1] if everything else int(last if last is not None else first or 0),
        protocol=protocol,
        ranges=(*single, *lists),
        others=tuple(others),
    )


def _routes(source: Resource, prefix: str, row: dict[str, Json]) -> Iterator[Route]:
    names = ("destinationCidrBlock", "destinationIpv6CidrBlock", "cidrBlock", "ipv6CidrBlock")
    destination = next((str(row[name]) for name in names if row.get(name)), "")
    for kind in _HOPS:
        if row.get(kind):
            yield Route(source, f"{prefix}{kind}", destination, str(row[kind]), kind)
