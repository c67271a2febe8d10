"""Whether what is in the cluster finds what it names, and may do what it is there for."""

from __future__ import annotations

from cluster.controls.facts import Facts
from cluster.controls.manifests import POD_TEMPLATES
from cluster.controls.network_facts import WORLD_4
from cluster.controls.outward import POLICY, closing, lets_out
from cluster.graph.model import Resource
from cluster.reports.sound.model import Fault, Faults

ACCOUNT = "kubernetes:core/v1:ServiceAccount"
AGENT = ("169.254.170.23/32", 80)
"""Where the agent of Pod Identity answers."""
PROFILE = "aws:iam/instanceProfile:InstanceProfile"
RESERVED = ("kubernetes.io/cluster", "eks:eks-cluster-name", "karpenter.sh/", "karpenter.k8s.aws/")


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
    """A namespace that is closed by default has a policy that opens what its pods need: names, APIs, credentials."""
    roles = {
        one.get("namespace"): facts.graph.target(one.get("roleArn"))
        for one in facts.of("eks/podIdentityAssociation:PodIdentityAssociation")
    }
    for namespace in sorted({str(one.get("metadata.namespace")) for one in facts.of(POLICY)}):
        deny = f"kubernetes.NetworkPolicy/{namespace}.default-deny"
        if not lets_out(facts, namespace, WORLD_4, 443):
            yield Fault(deny, "shuts its own pods off from every API")
        if namespace in roles and not lets_out(facts, namespace, *AGENT):
            yield Fault(deny, "shuts its pods off from the agent that gives them the credentials of their role")
        if not any(53 in _ports(one) for one in closing(facts, namespace)) and closing(facts, namespace):
            yield Fault(deny, "lets nobody ask for a name")


def _ports(policy: Resource) -> set[int]:
    return {each.get("port") for rule in policy.get("spec.egress") or () for each in rule.get("ports") or ()}


def classes(facts: Facts) -> Faults:
    """Karpenter marks what is its own itself, and its API refuses a class that does; nor may it make profiles."""
    for one in facts.of("kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"):
        for tag in one.get("spec.tags") or {}:
            if tag.startswith(RESERVED):
                yield Fault(one.key, f"is refused: the tag {tag} is Karpenter's own")
        if not any(each.type == PROFILE for each in facts.graph.targets(one.get("spec.instanceProfile") or "")):
            yield Fault(one.key, "starts no node: its machines are given no role")


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


CHECKS = (accounts, restricted, closed, classes, storage, tokens)
