"""Questions put to a node from inside it: names, Services and the other nodes' pods, as a process there finds them.

Asked with bash's own sockets through `docker exec`: nothing has to be installed, no pod has to be started, and the
answer is about this node's rules and routes, not about those of the node where some probe happened to run.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from cluster.local.commands import output
from cluster.local.engine import Engine
from cluster.local.errors import CommandFailed

DNS = "10.96.0.10"
API = "10.96.0.1"
KUBELET_PORT = 10250
NAME = "kube-dns.kube-system.svc.cluster.local"
"""No label of ten letters: its length would be a newline, at which bash sends what it has as a datagram of its own."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A node as others see it: its name and the range of its pods' addresses."""

    name: str
    pods: str

    @property
    def gateway(self) -> str:
        """The address its pods use as gateway. Its kubelet answers there, reached by the pod network."""
        return str(next(ipaddress.ip_network(self.pods).hosts()))


def resolve(engine: Engine, node: str) -> str:
    """Look a name up at the cluster's DNS Service by UDP; return what is wrong, empty when it was answered."""
    query = "".join(f"\\x{byte:02x}" for byte in build_query(NAME))
    script = (
        f"exec 3<>/dev/udp/{DNS}/53; printf '{query}' >&3; timeout 3 dd bs=512 count=1 <&3 2>/dev/null | od -An -v -tx1"
    )
    answer = bytes.fromhex("".join(bash(engine, node, script).split()))
    if len(answer) < 12:
        return f"no answer from {DNS} to a lookup of {NAME}"
    if answer[3] & 0x0F or not int.from_bytes(answer[6:8], "big"):
        return f"{DNS} does not know {NAME} (code {answer[3] & 0x0F})"
    return ""


def build_query(name: str) -> bytes:
    """Build a DNS question for the IPv4 address of a name."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return b"\x41\x4d\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + labels + b"\x00\x00\x01\x00\x01"


def reach_service(engine: Engine, node: str) -> str:
    """Look at kube-proxy's rules and connect through one of them; return what is wrong."""
    rules = bash(engine, node, "nft list tables 2>/dev/null || iptables-save 2>/dev/null | grep -m1 KUBE-SVC")
    if "kube-proxy" not in rules and "KUBE-SVC" not in rules:
        return "kube-proxy has programmed nothing"
    return connect(engine, node, API, 443, "the API server's Service")


def reach_pods(engine: Engine, node: str, peers: list[Peer]) -> str:
    """Connect to every other node by its pods' gateway address; return what is wrong with the first that fails."""
    for peer in peers:
        if peer.name != node:
            wrong = connect(engine, node, peer.gateway, KUBELET_PORT, f"the pods of {peer.name} ({peer.pods})")
            if wrong:
                return wrong
    return ""


def connect(engine: Engine, node: str, address: str, port: int, what: str) -> str:
    """Open a TCP connection from inside a node; return what is wrong."""
    done = bash(engine, node, f"timeout 3 bash -c '</dev/tcp/{address}/{port}' 2>/dev/null && echo open")
    return "" if "open" in done else f"no connection to {what} at {address}:{port}"


def bash(engine: Engine, node: str, script: str) -> str:
    """Run a script in a node and return its output, whatever its exit code; empty when the node does not run."""
    try:
        return output(engine.command("exec", node, "bash", "-c", f"{{ {script}; }} || true"), timeout_s=30)
    except CommandFailed:
        return ""
