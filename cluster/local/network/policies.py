"""NetworkPolicies as one nftables ruleset: pure, the same objects give the same text.

A pod that a policy selects gets a chain per direction: what a rule allows returns, the rest is dropped. Both
ends are checked, each on its own node. Connections that stand are let go on. The node itself always
reaches its pods (probes), a pod always reaches itself. IPv4, as the local cluster is: blocks of the other family
are left out, for no packet here is of it. The kernel takes a ruleset as a whole or not at all, so nothing that one
policy says may get into it unread: rules that cannot be read allow nothing, and no other policy is the worse for it.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Manifest = Mapping[str, Any]
Direction = Literal["ingress", "egress"]
_PROTOCOLS = ("TCP", "UDP", "SCTP")
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class Pod:
    """What policies see of a pod."""

    namespace: str
    name: str
    node: str
    address: str
    labels: Mapping[str, str]
    ports: Mapping[tuple[str, str], int]
    """Container ports by (name, protocol)."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The objects that decide."""

    policies: Sequence[Manifest]
    pods: Sequence[Pod]
    namespaces: Mapping[str, Mapping[str, str]]
    """Labels by name."""


def see(policies: Sequence[Manifest], pods: Sequence[Manifest], namespaces: Sequence[Manifest]) -> Seen:
    """Take what matters off the API's objects; pods without an address of their own are left out."""
    named = {one["metadata"]["name"]: one["metadata"].get("labels") or {} for one in namespaces}
    return Seen(policies, [pod for one in pods if (pod := _pod(one))], named)


def ruleset(seen: Seen, node: str) -> str:
    """The whole table for the pods of `node`, replacing the one before in one step."""
    chains: list[str] = []
    verdicts: dict[Direction, dict[str, list[str]]] = {"ingress": {}, "egress": {}}
    for pod in seen.pods:
        for direction in ("ingress", "egress") if pod.node == node else ():
            selecting = [one for one in seen.policies if _is_for(one, pod, direction)]
            if selecting:
                name = f"{direction}_{_digest(f'{pod.namespace}/{pod.name}')}"
                verdicts[direction].setdefault(pod.address, []).append(name)
                chains.append(_chain(name, direction, pod, seen, selecting))
    shared = [_all_of(direction, *one) for direction, found in verdicts.items() for one in found.items()]
    elements = {direction: _elements(found, direction) for direction, found in verdicts.items()}
    return _TABLE.format(**elements, chains="".join(chains + shared))


_TABLE = """table inet automatrix_policies
delete table inet automatrix_policies
table inet automatrix_policies {{
  map ingress {{ type ipv4_addr : verdict; {ingress} }}
  map egress {{ type ipv4_addr : verdict; {egress} }}
{chains}  chain forward {{
    type filter hook forward priority filter;
    ct state established,related accept
    ip saddr vmap @egress
    ip daddr vmap @ingress
  }}
  chain input {{
    type filter hook input priority filter;
    ct state established,related accept
    ip saddr vmap @egress
  }}
}}
"""


def _all_of(direction: str, address: str, names: Sequence[str]) -> str:
    """What an address that two pods are shown with (one of them was restarted) must pass: the chains of both."""
    if len(names) == 1:
        return ""
    body = "".join(f"    jump {name}\n" for name in names)
    return f"  chain {_entry(direction, address, names)} {{ # {address}\n{body}  }}\n"


def _entry(direction: str, address: str, names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{direction}_all_{_digest(address)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _chain(name: str, direction: Direction, pod: Pod, seen: Seen, policies: Sequence[Manifest]) -> str:
    other = "saddr" if direction == "ingress" else "daddr"
    lines = [f"ip {other} {pod.address} return"]
    for policy in policies:
        try:
            for rule in policy["spec"].get(direction) or ():
                lines += _allow(rule, direction, policy["metadata"]["namespace"], pod, seen)
        except _UNREADABLE as error:
            lines.append(f"# {policy['metadata']['name']} cannot be read: {type(error).__name__}")
    body = "".join(f"    {line}\n" for line in [*dict.fromkeys(lines), "drop"])
    return f"  chain {name} {{ # {pod.namespace}/{pod.name}\n{body}  }}\n"


def _allow(rule: Manifest, direction: Direction, namespace: str, pod: Pod, seen: Seen) -> Iterator[str]:
    """The lines of one rule: its peers times its ports."""
    other = "saddr" if direction == "ingress" else "daddr"
    key = "from" if direction == "ingress" else "to"
    ports = rule.get("ports") or ()
    if not rule.get(key):
        targets = [pod] if direction == "ingress" else seen.pods
        for match, _ in _ports(ports, targets):
            yield f"{match}return"
        return
    for peer in rule[key]:
        if "ipBlock" in peer:
            block = _block(other, peer["ipBlock"])
            for match, _ in () if block is None else _ports(ports, [pod] if direction == "ingress" else ()):
                yield f"{block}{match}return"
            continue
        peers = [one for one in seen.pods if _is_peer(one, peer, namespace, seen)]
        for match, holders in _ports(ports, [pod] if direction == "ingress" else peers):
            addresses = {one.address for one in (peers if direction == "ingress" or holders is None else holders)}
            if addresses:
                yield f"ip {other} {{ {', '.join(sorted(addresses))} }} {match}return"


def _ports(ports: Iterable[Manifest], targets: Sequence[Pod]) -> Iterator[tuple[str, list[Pod] | None]]:
    """Each port as a match, with the target pods it is meant for where a name stands for different numbers."""
    some = False
    for port in ports:
        some = True
        protocol = port.get("protocol") or "TCP"
        if protocol not in _PROTOCOLS:
            raise ValueError(f"{protocol!r} is no protocol")
        number = port.get("port")
        if number is None:
            yield f"meta l4proto {protocol.lower()} ", None
        elif isinstance(number, str):
            yield from _named(number, protocol, targets)
        else:
            last = port.get("endPort")
            yield f"{protocol.lower()} dport {int(number)}{f'-{int(last)}' if last else ''} ", None
    if not some:
        yield "", None


def _named(name: str, protocol: str, targets: Sequence[Pod]) -> Iterator[tuple[str, list[Pod]]]:
    numbers: dict[int, list[Pod]] = {}
    for pod in targets:
        number = pod.ports.get((name, protocol))
        if number:
            numbers.setdefault(number, []).append(pod)
    for number, pods in sorted(numbers.items()):
        yield f"{protocol.lower()} dport {number} ", pods


def _is_peer(pod: Pod, peer: Manifest, namespace: str, seen: Seen) -> bool:
    spaces = peer.get("namespaceSelector")
    if spaces is None:
        if pod.namespace != namespace:
            return False
    elif not matches(spaces, seen.namespaces.get(pod.namespace, {})):
        return False
    return matches(peer.get("podSelector") or {}, pod.labels)


def matches(selector: Manifest, labels: Mapping[str, str]) -> bool:
    """Whether a label selector of the API selects these labels; an empty one selects all."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_expression(one, labels) for one in selector.get("matchExpressions") or ())


def _expression(expression: Manifest, labels: Mapping[str, str]) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values") or ()
    return {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }[expression["operator"]]


def _is_for(policy: Manifest, pod: Pod, direction: Direction) -> bool:
    """Whether a policy isolates a pod; one whose selector cannot be read could only isolate everybody, or nobody."""
    try:
        return _selects(policy, pod) and direction in _directions(policy)
    except _UNREADABLE:
        return False


def _selects(policy: Manifest, pod: Pod) -> bool:
    if policy["metadata"]["namespace"] != pod.namespace:
        return False
    return matches(policy["spec"].get("podSelector") or {}, pod.labels)


def _directions(policy: Manifest) -> set[str]:
    spec = policy["spec"]
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return {one.lower() for one in types}


def _block(other: str, block: Manifest) -> str | None:
    """The match of an ipBlock; None where it is of the other family. ValueError where it is no network."""
    found, left_out = _networks([block["cidr"]]), _networks(block.get("except") or ())
    exceptions = f"ip {other} != {{ {', '.join(map(str, left_out))} }} " if left_out else ""
    return f"ip {other} {found[0]} {exceptions}" if found else None


def _networks(cidrs: Iterable[str]) -> list[ipaddress.IPv4Network]:
    """The networks of the family that is served, without overlaps, which a set of nftables may not have."""
    found = [ipaddress.ip_network(cidr, strict=False) for cidr in cidrs]
    return list(ipaddress.collapse_addresses(one for one in found if isinstance(one, ipaddress.IPv4Network)))


def _elements(found: Mapping[str, Sequence[str]], direction: str) -> str:
    elements = [f"{address} : jump {_entry(direction, address, names)}" for address, names in found.items()]
    return f"elements = {{ {', '.join(elements)} }}" if elements else ""


def _pod(manifest: Manifest) -> Pod | None:
    spec, status, metadata = manifest["spec"], manifest.get("status") or {}, manifest["metadata"]
    addresses = [status.get("podIP", ""), *(one.get("ip", "") for one in status.get("podIPs") or ())]
    address = next((one for one in addresses if one and ":" not in one), "")
    if not address or spec.get("hostNetwork") or status.get("phase") in {"Succeeded", "Failed"}:
        return None
    containers = [*spec.get("containers", ()), *(spec.get("initContainers") or ())]
    ports = {
        (port["name"], port.get("protocol") or "TCP"): port["containerPort"]
        for container in containers
        for port in container.get("ports") or ()
        if "name" in port
    }
    node, labels = spec.get("nodeName", ""), metadata.get("labels") or {}
    return Pod(metadata["namespace"], metadata["name"], node, address, labels, ports)
