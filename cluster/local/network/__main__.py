"""One node's pod network: `python3 -m cluster.local.network`.

In: NODE_NAME, POD_SUBNET, CONTROL_PLANE_ENDPOINT (`host:port` of the API server), and what the API says. Out:
the CNI configuration once the node has its part of the subnet (the node becomes Ready by that), the routes to
the other nodes, and the policies' ruleset as the objects change.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from cluster.local.network.mirror import Mirror
from cluster.local.network.policies import ruleset, see
from cluster.local.network.routes import cni_configuration, masquerading, own_cidr, routes

CNI = Path("/etc/cni/net.d/10-pods.conflist")
RESYNC_S = 60
# Pods come in bursts: one ruleset for all that changed in so short a time.
SETTLE_S = 0.05


def main() -> None:
    """Follow the API for ever."""
    node, subnet = os.environ["NODE_NAME"], os.environ["POD_SUBNET"].split(",")[0]
    changed = threading.Event()
    nodes = Mirror("/api/v1/nodes", changed)
    pods, namespaces = Mirror("/api/v1/pods", changed), Mirror("/api/v1/namespaces", changed)
    policies = Mirror("/apis/networking.k8s.io/v1/networkpolicies", changed)
    for mirror in (nodes, pods, namespaces, policies):
        mirror.start()
    network = Network(node)
    network.load(masquerading(subnet))
    while True:
        changed.wait(RESYNC_S)
        time.sleep(SETTLE_S)
        changed.clear()
        network.join(nodes)
        network.enforce(policies, pods, namespaces)


class Network:
    """What this process has put into the kernel; the same again is not written."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._routes: set[tuple[str, str]] = set()
        self._ruleset = ""

    def join(self, nodes: Mirror) -> None:
        """Configure this node's pods and the ways to the others'."""
        found = nodes.objects() or []
        wanted = set(routes(found, self._node))
        for cidr, address in wanted - self._routes:
            _run("ip", "route", "replace", cidr, "via", address)
        for cidr in {cidr for cidr, _ in self._routes} - {cidr for cidr, _ in wanted}:
            _run("ip", "route", "delete", cidr)
        self._routes = wanted
        cidr = own_cidr(found, self._node)
        if cidr and not (CNI.exists() and CNI.read_text() == cni_configuration(cidr)):
            partial = CNI.with_name(".pods")
            partial.write_text(cni_configuration(cidr))
            partial.rename(CNI)

    def enforce(self, policies: Mirror, pods: Mirror, namespaces: Mirror) -> None:
        """Put the ruleset of these objects into force; nothing before all three are known."""
        seen = (policies.objects(), pods.objects(), namespaces.objects())
        if seen[0] is None or seen[1] is None or seen[2] is None:
            return
        wanted = ruleset(see(seen[0], seen[1], seen[2]), self._node)
        if wanted != self._ruleset and self.load(wanted):
            self._ruleset = wanted

    def load(self, text: str) -> bool:
        """Load nftables text in one transaction; a refusal is told and leaves the old rules in force."""
        return _run("nft", "--file", "-", stdin=text)


def _run(*argv: str, stdin: str = "") -> bool:
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{' '.join(argv)}: {done.stderr.strip()}", file=sys.stderr, flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    main()
