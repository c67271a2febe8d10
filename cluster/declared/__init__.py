"""What comes after `pulumi up`: what GitOps applies, and what controllers make of it.

In:  the environment and the captured graph.
Out: declared resources. Kubernetes objects have the manifest as their inputs. What a controller will make (a load
     balancer, nodes, volumes) has the inputs that the provider's type would have, as far as the manifest decides them,
     and `expected`: how much of it there is in an average hour, which is a forecast and no fact.

The reports would otherwise miss a third of the bill and the only public entrance.
"""

from __future__ import annotations

from collections.abc import Iterator

from cluster.declared.base import Declaring
from cluster.declared.entrance import Entrance
from cluster.declared.nodes import Nodes
from cluster.graph.model import Graph, Reference, Resource
from cluster.specification import Environment

NAMESPACES = ("automatrix-system", "automatrix-gateway", "automatrix-observability", "argocd", "external-secrets")


def declared(environment: Environment, graph: Graph) -> list[Resource]:
    """Return everything that is not registered by the program and yet will be there."""
    inside = _Inside(environment, graph)
    entrance = Entrance(environment, graph)
    nodes = Nodes(environment, graph)
    return [
        *inside.namespaces(),
        *inside.secrets(),
        *entrance.gateway(),
        *entrance.balancer(),
        *nodes.node_pools(),
        *nodes.nodes(),
        *nodes.volumes(),
        *nodes.schedule(),
    ]


class _Inside(Declaring):
    """What is in the cluster whatever runs there."""

    def namespaces(self) -> Iterator[Resource]:
        """What runs where, under which Pod Security Standard, and that nothing is reachable by default."""
        for name in (*NAMESPACES, self._namespace):
            labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
            yield self._object("v1", "Namespace", ("", name), {"metadata": {"labels": labels}})
            spec = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
            yield self._object("networking.k8s.io/v1", "NetworkPolicy", (name, "default-deny"), {"spec": spec})

    def secrets(self) -> Iterator[Resource]:
        """How secrets come from Secrets Manager into the cluster."""
        provider = {"aws": {"service": "SecretsManager", "region": self._environment.region}}
        yield self._object(
            "external-secrets.io/v1", "ClusterSecretStore", ("", "aws"), {"spec": {"provider": provider}}
        )
        for secret in self._graph.of_type("aws:secretsmanager/secret:Secret"):
            spec = {
                "refreshInterval": "1h",
                "secretStoreRef": {"kind": "ClusterSecretStore", "name": "aws"},
                "dataFrom": [{"extract": {"key": str(Reference(secret.key, "name"))}}],
            }
            yield self._object(
                "external-secrets.io/v1", "ExternalSecret", (self._namespace, secret.name), {"spec": spec}
            )
