"""What pods are let do: all namespaces are closed by default, and somebody works in each of them.

In:  the environment. Out: a NetworkPolicy for each namespace beside the one that denies.

Everybody asks for names, calls the cluster's API and AWS's, both on 443, and asks the agent on the node for the
credentials of its role. Who is called by the API server, the load balancer or a scraper is let in on that port only.
Tenants reach the stores besides; who may call them is said by their charts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cluster.catalogue import CACHE_PORT, DATABASE_PORT, GATEWAY_PORT
from cluster.declared.base import Declaring
from cluster.graph.model import Json, Resource

AGENT, AGENT_PORT = "169.254.170.23/32", 80
"""Where the agent of Pod Identity answers on each node."""
TRACES, TRACES_PORTS = "automatrix-observability", (4317, 4318)
"""Where the collector takes traces, by gRPC and HTTP."""
METRICS_PORTS = (8080, 8082, 9090, 9100)
"""Where the platform and the services answer the scraper."""


@dataclass(frozen=True)
class Way:
    """What a namespace is let do beside asking for names and calling APIs."""

    inward: tuple[int, ...] = ()
    """Ports on which it is called from the VPC: by the API server's web hooks, or by the load balancer."""
    pods: bool = False
    """Whether it calls pods of every namespace: the gateway, and who scrapes."""


WAYS: dict[str, Way] = {
    "automatrix-system": Way(),
    "automatrix-gateway": Way(inward=(GATEWAY_PORT,), pods=True),
    "automatrix-observability": Way(pods=True),
    "argocd": Way(inward=(8080,)),
    "external-secrets": Way(inward=(10250,)),
}


class Ways(Declaring):
    """The policies that open what the platform needs."""

    def policies(self) -> Iterator[Resource]:
        """What each of the platform's namespaces may do."""
        for namespace, way in WAYS.items():
            inside = str(self._environment.network.cidr)
            inward = [{"from": [{"ipBlock": {"cidr": inside}}], "ports": _tcp(*way.inward)}] if way.inward else []
            scraper = {"namespaceSelector": {"matchLabels": {_NAME: "automatrix-observability"}}}
            inward.append({"from": [scraper], "ports": _tcp(*METRICS_PORTS)})
            if namespace == TRACES:
                inward.append({"from": [{"namespaceSelector": {}}], "ports": _tcp(*TRACES_PORTS)})
            outward = self._outward()
            if way.pods:
                outward.append({"to": [{"namespaceSelector": {}}]})
            spec = {
                "podSelector": {},
                "policyTypes": ["Ingress", "Egress"],
                "ingress": inward,
                "egress": outward,
            }
            yield self._object("networking.k8s.io/v1", "NetworkPolicy", (namespace, "platform"), {"spec": spec})
        yield self._tenant()

    def _outward(self) -> list[dict[str, Json]]:
        """What every namespace calls."""
        dns = {"namespaceSelector": {"matchLabels": {_NAME: "kube-system"}}}
        return [
            {"to": [dns], "ports": [{"protocol": kind, "port": 53} for kind in ("UDP", "TCP")]},
            {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": _tcp(443)},
            {"to": [{"ipBlock": {"cidr": AGENT}}], "ports": _tcp(AGENT_PORT)},
        ]

    def _tenant(self) -> Resource:
        """What the hub calls: the stores besides, and its own pods."""
        network = self._environment.network
        stores = [str(network.subnet("isolated", index)) for index in range(len(network.zones))]
        outward = [
            *self._outward(),
            {
                "to": [{"ipBlock": {"cidr": cidr}} for cidr in stores],
                "ports": _tcp(DATABASE_PORT, CACHE_PORT),
            },
            {"to": [{"podSelector": {}}]},
            {"to": [{"namespaceSelector": {"matchLabels": {_NAME: TRACES}}}], "ports": _tcp(*TRACES_PORTS)},
        ]
        spec = {"podSelector": {}, "policyTypes": ["Egress"], "egress": outward}
        return self._object("networking.k8s.io/v1", "NetworkPolicy", (self._namespace, "platform"), {"spec": spec})


_NAME = "kubernetes.io/metadata.name"


def _tcp(*ports: int) -> list[dict[str, Json]]:
    return [{"protocol": "TCP", "port": port} for port in ports]
