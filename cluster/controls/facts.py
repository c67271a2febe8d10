"""What checks ask of a graph again and again: found once, kept for all of them.

In:  a graph, and what the organisation has decided (`Decisions`), the date among it.
Out: resources by type, what belongs to what, and the identities' policies. Networks are in `network_facts.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from cluster.catalogue import GLOBAL_REGION
from cluster.controls.network_facts import Networks
from cluster.controls.policies import Statement, statements
from cluster.graph.model import Graph, Json, Resource
from cluster.specification import Environment

DOCUMENTS = (("aws:iam/policy:Policy", "policy"), ("aws:iam/rolePolicy:RolePolicy", "policy"))
FEDERATED = "sts:AssumeRoleWithWebIdentity"


@dataclass(frozen=True)
class Decisions:
    """What no graph can say, because somebody has decided it."""

    today: date
    regions: frozenset[str] = frozenset({"us-east-1", "us-west-2"})
    """Where anything may be: the Region of the environments and that of their copies."""
    repository: str = "automatrix/platform"
    """Whose workflows may deploy."""
    warn_days: int = 60
    """How long before a version's end one is warned: time to promote the upgrade through all environments."""
    backup_days: int = 14
    node_policies: frozenset[str] = frozenset(
        {
            "AmazonEC2ContainerRegistryPullOnly",
            "AmazonEC2ContainerRegistryReadOnly",
            "AmazonEKSWorkerNodePolicy",
            "AmazonEKSWorkerNodeMinimalPolicy",
            "AmazonSSMManagedInstanceCore",
        }
    )
    """What a node's role may hold: to join, to pull, to be reached by Session Manager."""

    @classmethod
    def undated(cls) -> Decisions:
        """Return the decisions for questions to which the day makes no difference."""
        return cls(date.min)


def decided(environment: Environment, today: date) -> Decisions:
    """Return the decisions for an environment: only its Regions, and only its repository's workflows."""
    regions = frozenset({environment.region, environment.recovery_region, GLOBAL_REGION})
    return Decisions(today, regions=regions, repository=environment.repository)


class Facts:
    """A graph with its questions answered."""

    def __init__(self, graph: Graph, decisions: Decisions) -> None:
        self.graph = graph
        self.decisions = decisions
        self._types: dict[str, tuple[Resource, ...]] = {}
        self._attached: dict[tuple[str, str], dict[str, list[Resource]]] = {}

    def of(self, *tokens: str) -> tuple[Resource, ...]:
        """Return the resources of some types; `aws:` may be left out (`ec2/vpc:Vpc`)."""
        found: list[Resource] = []
        for token in tokens:
            full = token if token.startswith(("kubernetes:", "pulumi:")) else f"aws:{token}"
            if full not in self._types:
                self._types[full] = tuple(one for one in self.graph if one.type == full)
            found += self._types[full]
        return tuple(found)

    def attached(self, resource: Resource, token: str, path: str) -> list[Resource]:
        """Return what of a type names a resource in the input at `path`: the policies of a bucket, the users of a key.

        An ARN or URL that the program puts together counts, where the resource's own name stands in it.
        """
        if (token, path) not in self._attached:
            index = self._attached[token, path] = {}
            for one in self.of(token):
                for target in self.graph.targets(one.get(path)):
                    index.setdefault(target.key, []).append(one)
        return self._attached[token, path].get(resource.key, [])

    def refers(self, value: Json, token: str) -> bool:
        """Whether a value is a reference to a resource of that type."""
        target = self.graph.target(value)
        return target is not None and target.type == f"aws:{token}"

    def named_in(self, value: Json, token: str, name: str) -> Resource | None:
        """Return the resource of a type that a value refers to, or whose name stands in it (in an ARN, say)."""
        targets = {one.key for one in self.graph.targets(value)}
        for one in self.of(token):
            if one.key in targets or (isinstance(value, str) and str(one.get(name, "?")) in value):
                return one
        return None

    @cached_property
    def accounts(self) -> tuple[str, ...]:
        """The accounts that the program may touch."""
        providers = self.of("pulumi:providers:aws")
        return tuple(sorted({str(one) for each in providers for one in each.document("allowedAccountIds") or ()}))

    @cached_property
    def networks(self) -> Networks:
        """What the VPCs let through."""
        return Networks(self.graph)

    @cached_property
    def boundaries(self) -> frozenset[str]:
        """Keys of the policies that only limit what others grant: boundaries that are attached to nobody."""
        roles = self.of("iam/role:Role")
        used = {one.key for role in roles for one in self.graph.targets(role.get("permissionsBoundary"))}
        granted = {
            one.key
            for attachment in self.of("iam/rolePolicyAttachment:RolePolicyAttachment")
            for one in self.graph.targets(attachment.get("policyArn"))
        }
        return frozenset(used - granted)

    def grants(self) -> Iterator[tuple[Resource, str, Statement]]:
        """Yield every statement that allows an identity something, with its resource and where the document stands."""
        for token, path in DOCUMENTS:
            for one in self.graph.of_type(token):
                if one.key not in self.boundaries:
                    yield from ((one, path, found) for found in statements(one, path) if found.allows)
        for role in self.of("iam/role:Role"):
            for index, _ in enumerate(role.get("inlinePolicies") or ()):
                path = f"inlinePolicies.{index}.policy"
                yield from ((role, path, found) for found in statements(role, path) if found.allows)

    def managed_policies(self, role: Resource) -> list[tuple[Resource, str, str]]:
        """Return the managed policies of a role: where it says so, the property, and the policy's ARN or reference."""
        found = [
            (role, f"managedPolicyArns.{at}", str(arn)) for at, arn in enumerate(role.get("managedPolicyArns") or ())
        ]
        attachments = self.attached(role, "iam/rolePolicyAttachment:RolePolicyAttachment", "role")
        return [*found, *((one, "policyArn", str(one.get("policyArn"))) for one in attachments)]

    @cached_property
    def workflow_roles(self) -> tuple[Resource, ...]:
        """The roles that somebody takes on by a token from outside: those of CI."""
        return tuple(
            role
            for role in self.of("iam/role:Role")
            if any(one.allows and one.covers(FEDERATED) for one in statements(role, "assumeRolePolicy"))
        )

    @cached_property
    def node_roles(self) -> tuple[Resource, ...]:
        """The roles that machines take on."""
        places = (
            ("aws:eks/nodeGroup:NodeGroup", "nodeRoleArn"),
            ("kubernetes:karpenter.k8s.aws/v1:EC2NodeClass", "spec.role"),
        )
        found = (
            role
            for token, path in places
            for one in self.graph.of_type(token)
            for role in self.graph.targets(one.get(path))
        )
        return tuple({role.key: role for role in found if role.type == "aws:iam/role:Role"}.values())
