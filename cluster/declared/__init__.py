"""What comes after `pulumi up`: what GitOps applies, and what controllers make of it.

In:  the environment and the captured graph.
Out: declared resources. Kubernetes objects have the manifest as their inputs. What a controller will make (a load
     balancer, nodes, volumes) has the inputs that the provider's type would have, as far as the manifest decides them,
     and `expected`: how much of it there is in an average hour, which is a forecast and no fact.

The reports would otherwise miss a third of the bill and the only public entrance.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from cluster.catalogue import ADDONS_ACCOUNT
from cluster.declared.base import Declaring
from cluster.declared.entrance import Entrance
from cluster.declared.nodes import Nodes
from cluster.declared.telemetry import Telemetry
from cluster.declared.ways import WAYS, Ways
from cluster.graph.model import Graph, Reference, Resource
from cluster.specification import Environment

PUBLISHERS = ("aws-observability", "eks", "karpenter")
"""Publishers of public.ecr.aws whose images controllers run; everything else is copied to our registry first."""


def declared(environment: Environment, graph: Graph) -> list[Resource]:
    """Return everything that is not registered by the program and yet will be there."""
    inside = _Inside(environment, graph)
    entrance = Entrance(environment, graph)
    nodes = Nodes(environment, graph)
    return [
        *inside.namespaces(),
        *Ways(environment, graph).policies(),
        *inside.secrets(),
        *inside.registries(),
        *Telemetry(environment, graph).collector(),
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
        for name in (*WAYS, self._namespace):
            labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
            yield self._object("v1", "Namespace", ("", name), {"metadata": {"labels": labels}})
            spec = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
            yield self._object("networking.k8s.io/v1", "NetworkPolicy", (name, "default-deny"), {"spec": spec})

    def registries(self) -> Iterator[Resource]:
        """From where images may come: our registry, and those of AWS for add-ons and controllers."""
        region, account = self._environment.region, self._environment.account_id
        allowed = [f"{one}.dkr.ecr.{region}.amazonaws.com/" for one in (account, ADDONS_ACCOUNT)]
        allowed += [f"public.ecr.aws/{publisher}/" for publisher in PUBLISHERS]
        validations = [
            {
                "expression": f"!has(object.spec.{kind}) || "
                f"object.spec.{kind}.all(c, variables.allowed.exists(r, c.image.startsWith(r)))",
                "message": "images come from the registries of this account and of AWS",
            }
            for kind in ("containers", "initContainers", "ephemeralContainers")
        ]
        pods = {
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "operations": ["CREATE", "UPDATE"],
            "resources": ["pods", "pods/ephemeralcontainers"],
        }
        name, api = "approved-registries", "admissionregistration.k8s.io/v1"
        spec = {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [pods]},
            "variables": [{"name": "allowed", "expression": json.dumps(allowed)}],
            "validations": validations,
        }
        yield self._object(api, "ValidatingAdmissionPolicy", ("", name), {"spec": spec})
        binding = {"policyName": name, "validationActions": ["Deny", "Audit"]}
        yield self._object(api, "ValidatingAdmissionPolicyBinding", ("", name), {"spec": binding})

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
