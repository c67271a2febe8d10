"""The view of reach: which workload can reach which store, or the internet, and what exactly lets it.

In:  a graph.
Out: a `Path` for each workload and target, with a verdict of five layers: route, network ACL, security group, the
     namespace's network policy, role. A path is open when all of them are; `difference` says what a change opens or
     closes.

Workloads are the service accounts that have a role. All pods of a cluster share the security group of its nodes, so
that for stores the role decides. Of network policies those of a whole namespace count; charts close more. Of AWS's
managed policies only those that allow nearly everything are known; statements that deny are not counted as closing, and
conditions not at all. A store's own policy counts, and so does that of an end point. Of the load balancer it says
whether it reaches the pods.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Literal

from cluster.controls.facts import Decisions, Facts
from cluster.controls.identity import ALL_KEYS
from cluster.controls.network_facts import WORLD_4, covers
from cluster.controls.outward import lets_out
from cluster.controls.policies import Statement, statements
from cluster.graph.model import Graph, Resource, references

LayerName = Literal["route", "acl", "group", "policy", "role"]
INTERNET, PODS = "internet", "pods"
ANSWER_PORT = 49152
"""One of the ports that Linux takes for its end of a connection."""
HTTPS = 443


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of store."""

    type: str
    actions: tuple[str, ...]
    """What a role needs, any of them, to get at the data."""
    name: str
    """The input that is its name in ARNs."""
    groups: str = ""
    """The input with its security groups; empty for what is reached by an API of AWS."""
    subnets: str = ""
    service: str = ""


KINDS = (
    Kind(
        "aws:rds/cluster:Cluster", ("rds-db:connect",), "clusterIdentifier", "vpcSecurityGroupIds", "dbSubnetGroupName"
    ),
    Kind("aws:rds/instance:Instance", ("rds-db:connect",), "identifier", "vpcSecurityGroupIds", "dbSubnetGroupName"),
    Kind(
        "aws:elasticache/replicationGroup:ReplicationGroup",
        ("elasticache:Connect",),
        "replicationGroupId",
        "securityGroupIds",
        "subnetGroupName",
    ),
    Kind("aws:sqs/queue:Queue", ("sqs:SendMessage", "sqs:ReceiveMessage"), "name", service="sqs"),
    Kind("aws:s3/bucket:Bucket", ("s3:GetObject", "s3:PutObject"), "bucket", service="s3"),
    Kind("aws:secretsmanager/secret:Secret", ("secretsmanager:GetSecretValue",), "name", service="secretsmanager"),
)


POLICIES: dict[str, tuple[tuple[str, str], ...]] = {
    "aws:s3/bucket:Bucket": (("s3/bucketPolicy:BucketPolicy", "bucket"),),
    "aws:sqs/queue:Queue": (("sqs/queuePolicy:QueuePolicy", "queueUrl"),),
    "aws:secretsmanager/secret:Secret": (("secretsmanager/secretPolicy:SecretPolicy", "secretArn"),),
}
"""Where a store says itself who may come."""


@dataclass(frozen=True, slots=True)
class Layer:
    """What one layer says of a path."""

    name: LayerName
    open: bool
    by: str
    """The resource that lets it through, or what is missing."""


@dataclass(frozen=True, slots=True)
class Path:
    """Whether a workload can reach a target."""

    workload: str
    """`<namespace>/<service account>`."""
    target: str
    """Key of the store, or `internet`."""
    layers: tuple[Layer, ...]

    @property
    def open(self) -> bool:
        """Whether every layer lets it through."""
        return all(one.open for one in self.layers)

    @property
    def closed_by(self) -> str:
        """The first layer that does not."""
        return next((one.name for one in self.layers if not one.open), "")


def reach(graph: Graph) -> tuple[Path, ...]:
    """Return every path, sorted by workload and target."""
    view = _View(graph)
    return tuple(sorted(view.paths(), key=lambda one: (one.workload, one.target)))


def difference(before: Sequence[Path], after: Sequence[Path]) -> tuple[tuple[str, str, bool], ...]:
    """Return the paths that a change opens (True) or closes (False): workload, target."""
    was, now = ({(one.workload, one.target) for one in paths if one.open} for paths in (before, after))
    return tuple(sorted((*pair, pair in now) for pair in was ^ now))


def text(paths: Sequence[Path]) -> str:
    """Return a table: `yes`, or the first layer that refuses."""
    targets = sorted({one.target for one in paths})
    found = {(one.workload, one.target): "yes" if one.open else one.closed_by for one in paths}
    lines = ["; ".join(f"{at} {target}" for at, target in enumerate(targets, 1))]
    workloads = sorted({one.workload for one in paths})
    width = max((len(one) for one in workloads), default=0)
    lines.append(" ".join([" " * width, *(f"{at:>5}" for at, _ in enumerate(targets, 1))]))
    lines += [
        " ".join([f"{one:<{width}}", *(f"{found.get((one, target), '-'):>5}" for target in targets)])
        for one in workloads
    ]
    return "\n".join(lines) + "\n"


def markdown(paths: Sequence[Path]) -> str:
    """Return the open paths as a table, with what lets each through."""
    lines = ["| workload | reaches | because of |", "| --- | --- | --- |"]
    lines += [
        f"| `{one.workload}` | `{one.target}` | {', '.join(f'{layer.name}: {layer.by}' for layer in one.layers)} |"
        for one in paths
        if one.open
    ]
    return "\n".join(lines) + "\n"


def to_json(paths: Sequence[Path]) -> str:
    """Return every path with its layers as JSON."""
    return json.dumps([{**asdict(one), "open": one.open} for one in paths], indent=1) + "\n"


class _View:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.facts = Facts(graph, Decisions.undated())
        self.networks = self.facts.networks
        groups = self.facts.of("eks/nodeGroup:NodeGroup")
        clusters = self.facts.of("eks/cluster:Cluster")
        places = [one.get("subnetIds") for one in groups] or [one.get("vpcConfig.subnetIds") for one in clusters]
        self.subnets = {one.key: one for place in places for one in graph.targets(place or [])}.values()
        self.cluster_groups = {f"${{{one.key}:vpcConfig.clusterSecurityGroupId}}" for one in clusters}

    def paths(self) -> Iterator[Path]:
        internet = self._internet()
        yield from self._balancers()
        stores = [
            (kind, store, self._inside(kind, store) if kind.groups else self._service(kind, store))
            for kind in KINDS
            for store in self.graph.of_type(kind.type)
        ]  # all pods are in the nodes' subnets and group: the network says the same to each
        for one in self.facts.of("eks/podIdentityAssociation:PodIdentityAssociation"):
            role = self.graph.target(one.get("roleArn"))
            workload = f"{one.get('namespace')}/{one.get('serviceAccount')}"
            if role is None:
                continue
            namespace = str(one.get("namespace"))
            yield Path(workload, INTERNET, (*internet, self._policy(namespace, [WORLD_4], HTTPS)))
            for kind, store, network in stores:
                places = [str(each.get("cidrBlock")) for each in self._places(kind, store)] or [WORLD_4]
                policy = self._policy(namespace, places, int(store.get("port") or HTTPS))
                yield Path(workload, store.key, (*network, policy, self._role(role, kind, store)))

    def _policy(self, namespace: str, places: Sequence[str], port: int) -> Layer:
        by = [lets_out(self.facts, namespace, place, port) for place in places]
        return Layer("policy", all(by), by[0] if all(by) else f"{namespace} lets nobody to port {port}")

    def _places(self, kind: Kind, store: Resource) -> tuple[Resource, ...]:
        holder = self.graph.target(store.get(kind.subnets)) if kind.subnets else None
        return self.graph.targets(holder.get("subnetIds")) if holder is not None else ()

    def _internet(self) -> tuple[Layer, ...]:
        ways = [route for one in self.subnets for route in self.networks.routes(one) if route.destination == WORLD_4]
        acls = [acl for one in self.subnets for acl in self.networks.acls.get(one.key, ())]
        shut = [acl.key for acl in acls if self.networks.acl_admits(acl, WORLD_4, HTTPS, egress=True) is None]
        return (
            Layer("route", bool(ways), ways[0].source.key if ways else "no default route"),
            Layer("acl", not shut, shut[0] if shut else ", ".join(sorted({acl.key for acl in acls}))),
        )

    def _service(self, kind: Kind, store: Resource) -> tuple[Layer, ...]:
        """An API of AWS: by an end point, as far as its policy lets; else by the way to the internet."""
        for endpoint in self.facts.of("ec2/vpcEndpoint:VpcEndpoint"):
            if str(endpoint.get("serviceName")).endswith(f".{kind.service}"):
                rules = list(statements(endpoint, "policy")) if endpoint.get("policy") else None
                lets = rules is None or any(
                    self._lets(one, action, kind, store) for one in rules for action in kind.actions
                )
                return (Layer("route", lets, endpoint.key if lets else f"{endpoint.key} by its policy"),)
        return self._internet()

    def _balancers(self) -> Iterator[Path]:
        """From the load balancer to the pods: what nobody could be served without."""
        for group in self.graph.of_type("aws:lb/targetGroup:TargetGroup"):
            port = int(group.get("port") or 0)
            for balancer in self.graph.of_type("aws:lb/loadBalancer:LoadBalancer"):
                layers = (
                    self._acls(self.graph.targets(balancer.get("subnets") or []), port, inward=True),
                    self._opened(balancer, port),
                )
                yield Path(balancer.key, PODS, layers)

    def _opened(self, balancer: Resource, port: int) -> Layer:
        own = {one.key for one in self.graph.targets(balancer.get("securityGroups") or [])}
        out = [
            rule
            for rule in self.graph.of_type("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
            if own & {one.key for one in self.graph.targets(rule.get("securityGroupId"))}
            and rule.get("referencedSecurityGroupId") in self.cluster_groups
            and int(rule.get("fromPort") or 0) <= port <= int(rule.get("toPort") or 0)
        ]
        if not out:
            return Layer("group", False, "no rule lets the load balancer out")
        for rule in self.graph.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"):
            there = rule.get("securityGroupId") in self.cluster_groups
            known = own & {one.key for one in self.graph.targets(rule.get("referencedSecurityGroupId"))}
            if there and known and int(rule.get("fromPort") or 0) <= port <= int(rule.get("toPort") or 0):
                return Layer("group", True, rule.key)
        return Layer("group", False, "no rule lets the load balancer in")

    def _inside(self, kind: Kind, store: Resource) -> tuple[Layer, ...]:
        port = int(store.get("port") or 0)
        subnets = self._places(kind, store)
        networks = {str(one.get("vpcId")) for one in (*subnets, *self.subnets)}
        near = len(networks) == 1 and bool(subnets)
        return (
            Layer("route", near, "the VPC's own" if near else "in another VPC"),
            self._acls(subnets, port),
            self._groups(kind, store, port),
        )

    def _acls(self, others: Sequence[Resource], port: int, *, inward: bool = False) -> Layer:
        """Both ways through the ACLs of both ends, between every subnet of nodes and every other."""
        nodes = tuple(self.subnets)
        for source in others if inward else nodes:
            for target in nodes if inward else others:
                here, there = str(source.get("cidrBlock")), str(target.get("cidrBlock"))
                for end, peer, out, into in ((source, there, port, ANSWER_PORT), (target, here, ANSWER_PORT, port)):
                    for acl in self.networks.acls.get(end.key, ()):
                        for wanted, egress in ((out, True), (into, False)):
                            if self.networks.acl_admits(acl, peer, wanted, egress=egress) is None:
                                return Layer("acl", False, f"{acl.key} refuses port {wanted}")
        return Layer("acl", True, "every one on the way")

    def _groups(self, kind: Kind, store: Resource, port: int) -> Layer:
        groups = {one.key for one in self.graph.targets(store.get(kind.groups) or [])}
        for rule in self.networks.ingress:
            known = self.cluster_groups & set(rule.others) or any(self._covers_nodes(one) for one in rule.ranges)
            if rule.group.key in groups and rule.admits(port) and known:
                return Layer("group", True, rule.source.key)
        return Layer("group", False, "no rule lets the nodes in")

    def _covers_nodes(self, outer: str) -> bool:
        return any(covers(outer, str(one.get("cidrBlock"))) for one in self.subnets)

    def _role(self, role: Resource, kind: Kind, store: Resource) -> Layer:
        boundary = self.graph.target(role.get("permissionsBoundary"))
        limits = list(statements(boundary, "policy")) if boundary is not None else None
        documents = self.facts.attached(role, "iam/rolePolicy:RolePolicy", "role")
        for source, _, policy in self.facts.managed_policies(role):
            if policy.rpartition("/")[2] in ALL_KEYS and limits is None:
                return Layer("role", True, source.key)
            documents = [*documents, *self.graph.targets(policy)]
        for one in documents:
            for statement in statements(one, "policy"):
                for action in kind.actions:
                    granted = self._lets(statement, action, kind, store)
                    bounded = limits is None or any(self._lets(limit, action, kind, store) for limit in limits)
                    if granted and bounded:
                        return Layer("role", True, one.key)
        return self._invited(role, kind, store, limits)

    def _invited(self, role: Resource, kind: Kind, store: Resource, limits: list[Statement] | None) -> Layer:
        """By the store's own policy, which needs no right of the role's; its boundary still holds."""
        for token, path in POLICIES.get(kind.type, ()):
            for one in self.facts.attached(store, token, path):
                for statement in statements(one, "policy"):
                    for action in kind.actions:
                        meant = statement.allows and statement.covers(action) and self._means(statement, role)
                        if meant and (limits is None or any(self._lets(each, action, kind, store) for each in limits)):
                            return Layer("role", True, one.key)
        return Layer("role", False, f"{role.key} has no {' or '.join(kind.actions)} there")

    def _means(self, statement: Statement, role: Resource) -> bool:
        """Whether a policy names a role: itself, or everybody. The account alone leaves it to the role's policies."""
        name = f":role/{role.get('name')}"
        return any(
            one == "*" or one.endswith(name) or any(each.key == role.key for each in references(one))
            for one in statement.principals
        )

    def _lets(self, statement: Statement, action: str, kind: Kind, store: Resource) -> bool:
        if not statement.allows or not statement.covers(action):
            return False
        name = str(self.graph.resolved(store.get(kind.name)))
        return any(_means(pattern, store, name) for pattern in statement.resources)


def _means(pattern: str, store: Resource, name: str) -> bool:
    """Whether the resource of a statement includes a store: by reference, or by a pattern of its name."""
    if pattern == "*" or any(one.key == store.key for one in references(pattern)):
        return True
    if references(pattern):
        return False
    tail = pattern.split(":", 5)[-1]
    # A secret's ARN ends in six letters that AWS adds; an object's begins with its bucket.
    return any(fnmatchcase(one, tail) for one in (name, f"{name}/x", f"secret:{name}-aaaaaa"))
