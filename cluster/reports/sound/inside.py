"""Whether what is in the cluster finds what it names, and may do what it is there for."""

from __future__ import annotations

from cluster.controls.facts import Facts
from cluster.controls.manifests import POD_TEMPLATES
from cluster.reports.sound.model import Fault, Faults

ACCOUNT = "kubernetes:core/v1:ServiceAccount"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"


def accounts(facts: Facts) -> Faults:
    """Pods name service accounts that are there."""
    known = {(one.get("metadata.namespace"), one.get("metadata.name")) for one in facts.of(ACCOUNT)}
    for token, path in POD_TEMPLATES.items():
        for one in facts.of(token):
            name = one.get(f"{path}.serviceAccountName", "default")
            if name != "default" and (one.get("metadata.namespace"), name) not in known:
                yield Fault(one.key, f"starts no pod: there is no service account {name}")


def restricted(facts: Facts) -> Faults:
    """Pods in a namespace of the restricted standard say that they keep to it."""
    strict = {
        one.get("metadata.name")
        for one in facts.of("kubernetes:core/v1:Namespace")
        if (one.get("metadata.labels") or {}).get("pod-security.kubernetes.io/enforce") == "restricted"
    }
    for token, path in POD_TEMPLATES.items():
        for one in facts.of(token):
            pod = one.get(path) or {}
            kept = bool((pod.get("securityContext") or {}).get("runAsNonRoot")) and all(
                (each.get("securityContext") or {}).get("allowPrivilegeEscalation") is False
                for each in pod.get("containers") or ()
            )
            if one.get("metadata.namespace") in strict and not kept:
                yield Fault(one.key, "starts no pod: its namespace takes restricted ones only")


def closed(facts: Facts) -> Faults:
    """A namespace of the platform that is closed by default has a policy that opens what it needs.

    A tenant's has those of its chart.
    """
    policies: dict[str, int] = {}
    for one in facts.of(POLICY):
        opens = bool(one.get("spec.egress"))
        policies[one.get("metadata.namespace")] = policies.get(one.get("metadata.namespace"), 0) + opens
    for namespace, opening in policies.items():
        if not opening and not str(namespace).startswith("hub-"):
            yield Fault(
                f"kubernetes.NetworkPolicy/{namespace}.default-deny", "shuts its own controllers off from every API"
            )


def storage(facts: Facts) -> Faults:
    """Claims name a class that is there."""
    known = {one.get("metadata.name") for one in facts.of("kubernetes:storage.k8s.io/v1:StorageClass")}
    for claim in facts.of("kubernetes:core/v1:PersistentVolumeClaim"):
        if claim.get("spec.storageClassName") not in known:
            yield Fault(claim.key, f"stays pending: there is no class {claim.get('spec.storageClassName')}")


def tokens(facts: Facts) -> Faults:
    """A rule of the load balancer is bound to a route; one that no route names does nothing."""
    named = {
        (one.get("metadata.namespace"), (each.get("extensionRef") or {}).get("name"))
        for one in facts.of("kubernetes:gateway.networking.k8s.io/v1:HTTPRoute")
        for rule in one.get("spec.rules") or ()
        for each in rule.get("filters") or ()
    }
    for one in facts.of("kubernetes:gateway.k8s.aws/v1beta1:ListenerRuleConfiguration"):
        if (one.get("metadata.namespace"), one.get("metadata.name")) not in named:
            yield Fault(one.key, "does nothing: no route names it")


CHECKS = (accounts, restricted, closed, storage, tokens)
