"""What one node needs so that its pods and those of the other nodes reach each other, as text and commands.

Pure: nodes in; the CNI configuration, the routes and the masquerading out. Pods keep their own address inside
the pod subnet, so that policies can tell them apart; towards everything else they take the node's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

Node = Mapping[str, Any]


def cni_configuration(pod_cidr: str) -> str:
    """The node's CNI configuration: a pair of interfaces per pod, addresses from the node's part of the subnet."""
    pairs = {
        "type": "ptp",
        "ipMasq": False,
        "ipam": {
            "type": "host-local",
            "dataDir": "/run/cni-ipam",
            "ranges": [[{"subnet": pod_cidr}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return json.dumps({"cniVersion": "1.0.0", "name": "pods", "plugins": [pairs, ports]}, indent=1)


def own_cidr(nodes: Sequence[Node], name: str) -> str:
    """The part of the pod subnet that node `name` was given; "" as long as it has none."""
    for node in nodes:
        if node["metadata"]["name"] == name:
            return str(node["spec"].get("podCIDR", ""))
    return ""


def routes(nodes: Sequence[Node], name: str) -> list[tuple[str, str]]:
    """(pod subnet, address) of every node but `name`."""
    found = []
    for node in nodes:
        cidr, address = node["spec"].get("podCIDR", ""), _address(node)
        if node["metadata"]["name"] != name and cidr and address:
            found.append((cidr, address))
    return found


def masquerading(pod_subnet: str) -> str:
    """The nftables table that gives pods the node's address towards everything outside the pod subnet."""
    return f"""table ip automatrix_masquerade
delete table ip automatrix_masquerade
table ip automatrix_masquerade {{
  chain postrouting {{
    type nat hook postrouting priority srcnat;
    ip saddr {pod_subnet} ip daddr != {pod_subnet} ip daddr != 224.0.0.0/4 masquerade
  }}
}}
"""


def _address(node: Node) -> str:
    addresses = node.get("status", {}).get("addresses", [])
    return next((one["address"] for one in addresses if one["type"] == "InternalIP" and "." in one["address"]), "")
