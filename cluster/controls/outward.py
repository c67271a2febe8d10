"""What network policies let the pods of a namespace call.

In:  a graph's facts, a namespace, a range of addresses and a port. Out: the policy that lets them, or nothing.

Policies that choose some pods only are the charts' own and only let more in: they are not counted. What a rule lets to
other pods says nothing of addresses outside of the cluster.
"""

from __future__ import annotations

from cluster.controls.facts import Facts
from cluster.controls.network_facts import covers
from cluster.graph.model import Json, Resource

POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
NO_POLICY = "no network policy"


def closing(facts: Facts, namespace: str) -> list[Resource]:
    """Return the policies by which the pods of a namespace call nobody but whom one of them names."""
    return [
        one
        for one in facts.of(POLICY)
        if one.get("metadata.namespace") == namespace
        and "Egress" in (one.get("spec.policyTypes") or ())
        and not one.get("spec.podSelector")
    ]


def lets_out(facts: Facts, namespace: str, cidr: str, port: int) -> str:
    """Return the key of the policy that lets every pod of a namespace to all of a range; "" where none does."""
    policies = closing(facts, namespace)
    if not policies:
        return NO_POLICY
    for one in policies:
        if any(_names(rule, cidr) and _opens(rule, port) for rule in one.get("spec.egress") or ()):
            return one.key
    return ""


def _names(rule: dict[str, Json], cidr: str) -> bool:
    if not rule.get("to"):
        return True
    blocks = [each["ipBlock"] for each in rule["to"] if "ipBlock" in each]
    return any(covers(block.get("cidr"), cidr) and not block.get("except") for block in blocks)


def _opens(rule: dict[str, Json], port: int) -> bool:
    ports = rule.get("ports")
    return not ports or any(one.get("protocol", "TCP") == "TCP" and one.get("port") == port for one in ports)
