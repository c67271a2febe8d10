"""How something is declared: what every part of this package shares."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.graph.model import Graph, Json, Reference, Resource
from cluster.specification import Environment

GITOPS = "gitops"
CLUSTER = "eks.Cluster/cluster-eksCluster"

WITHOUT_TAGS = ("aws:route53/record:Record", "aws:wafv2/webAclAssociation:WebAclAssociation")
"""AWS types among the declared ones that have no tags."""


class Declaring:
    """An environment and its graph, to which something is added."""

    def __init__(self, environment: Environment, graph: Graph) -> None:
        self._environment = environment
        self._graph = graph
        self._namespace = f"hub-{environment.name}"

    def _ref(self, key: str, attribute: str) -> str:
        if key not in self._graph:
            raise KeyError(f"{key} is declared to be used, and the program does not make it")
        return str(Reference(key, attribute))

    def _resource(
        self, token: str, name: str, inputs: Mapping[str, Json], by: str, after: tuple[str, ...] = ()
    ) -> Resource:
        path = f"automatrix:index:Compute$pulumi:declared:{by}${token}"
        return Resource(
            urn=f"urn:pulumi:{self._environment.stack}::automatrix::{path}::{name}",
            type=token,
            name=name,
            inputs=inputs,
            after=after,
            component="automatrix.Compute/compute",
            declared_by=by,
            taggable=token.startswith("aws:") and token not in WITHOUT_TAGS,
        )

    def _object(self, api: str, kind: str, place: tuple[str, str], body: Mapping[str, Json]) -> Resource:
        """Return a Kubernetes object: `place` is its namespace and name."""
        namespace, name = place
        metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **body.get("metadata", {})}
        version = api if "/" in api else f"core/{api}"
        content = {"apiVersion": api, "kind": kind, **body, "metadata": metadata}
        label = f"{namespace}.{name}" if namespace else name
        return self._resource(f"kubernetes:{version}:{kind}", label, content, GITOPS, (CLUSTER,))

    def _tags(self) -> dict[str, str]:
        environment = self._environment
        return {
            "env": environment.name,
            "service": "automatrix",
            "owner": environment.owner,
            "cost-center": environment.cost_center,
            "tier": "compute",
            "data-class": "operational",
            "retention": f"{environment.observability.retention.operational}d",
            f"kubernetes.io/cluster/{environment.prefix}": "owned",
        }
