"""NetworkPolicies hold in the local pod network: between pods of one node, across nodes, and as they come and go."""

from __future__ import annotations

import time
from typing import Any

from cluster.local.kubectl import Kubectl
from tests.e2e.conftest import Cluster

SETTLES_S = 30
GET = "import urllib.request as r; print(r.urlopen('http://{}:8000/', timeout=2).status)"


def pod(name: str, image: str, node: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "nodeName": node,
            "terminationGracePeriodSeconds": 0,
            "tolerations": [{"operator": "Exists"}],
            "containers": [
                {
                    "name": "main",
                    "image": image,
                    "command": ["python3", "-m", "http.server", "8000", "--directory", "/opt"],
                    "readinessProbe": {"httpGet": {"path": "/", "port": 8000}, "periodSeconds": 1},
                }
            ],
        },
    }


def test_a_policy_holds_on_one_node_and_across_nodes(
    cluster: Cluster, kubectl: Kubectl, namespace: str, platform_image: str
) -> None:
    here, there = cluster.nodes[0], cluster.nodes[-1]
    inside = f"--namespace={namespace}"
    kubectl.apply(
        [pod("web", platform_image, here), pod("near", platform_image, here), pod("far", platform_image, there)], inside
    )
    kubectl.run("wait", "pod", "--all", "--for=condition=Ready", "--timeout=120s", inside, timeout_s=130)
    address = kubectl.read("get", "pod", "web", inside)["status"]["podIP"]

    def reaches(name: str) -> bool:
        code = f"try:\n    {GET.format(address)}\nexcept OSError:\n    print('refused')"
        return kubectl.run("exec", name, inside, "--", "python3", "-c", code).strip() == "200"

    def becomes(**wanted: bool) -> None:
        deadline = time.monotonic() + SETTLES_S
        while (seen := {name: reaches(name) for name in wanted}) != wanted:
            assert time.monotonic() < deadline, seen

    becomes(near=True, far=True)
    spec: dict[str, Any] = {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"]}
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "web"}, "spec": spec}
    kubectl.apply([policy], inside)
    becomes(near=False, far=False)
    # The kubelet's probe comes from the node itself and is let through.
    conditions = kubectl.read("get", "pod", "web", inside)["status"]["conditions"]
    assert {"Ready": "True"}.items() <= {one["type"]: one["status"] for one in conditions}.items()
    spec["ingress"] = [{"from": [{"podSelector": {"matchLabels": {"app": "far"}}}], "ports": [{"port": 8000}]}]
    kubectl.apply([policy], inside)
    becomes(near=False, far=True)
    kubectl.run("delete", "networkpolicy", "web", inside)
    becomes(near=True, far=True)
