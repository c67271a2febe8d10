"""The charts' own NetworkPolicies, asked with real packets: who reaches the platform's Services, and who does not.

What the enforcer does with policies in general, on one node and across nodes, is test_cluster_network.py.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from cluster.local.kubectl import Kubectl
from tests.e2e.conftest import Cluster

CALLER = f"caller-{uuid.uuid4().hex[:6]}"
STRANGER = f"test-{CALLER}"
NAMESPACES = (STRANGER, "hub-dev", "automatrix-gateway", "automatrix-observability", "automatrix-system", "argocd")
CONNECT = """
import socket
try:
    socket.create_connection(({!r}, {}), 3).close()
    print("in")
except OSError:
    print("out")
"""


@dataclass(frozen=True)
class Row:
    """Whether pods of a namespace (or one of the platform's own workloads) reach a Service."""

    source: str
    target: str
    may: bool

    def __str__(self) -> str:
        source = "a stranger" if self.source == STRANGER else self.source
        return f"{source} {'reaches' if self.may else 'does not reach'} {self.target.replace(STRANGER, 'a stranger')}"


ENGINE, GIT = "argocd/gitops-engine:8080", "automatrix-system/git:80"
PROMETHEUS, GATEWAY = "automatrix-observability/prometheus:9090", "automatrix-gateway/traefik:80"
TENANT, NEIGHBOUR, OPEN = "hub-dev/hub-api:80", "hub-prod/hub-api:80", f"{STRANGER}/{CALLER}:8000"
API = "default/kubernetes:443"

# Every target is reached by somebody, so that one that is down does not pass for one that is closed.
ROWS = (
    Row(STRANGER, ENGINE, False),
    Row("hub-dev", ENGINE, False),
    Row("automatrix-gateway", ENGINE, False),
    Row("automatrix-observability", ENGINE, True),
    Row(STRANGER, PROMETHEUS, False),
    Row("hub-dev", PROMETHEUS, False),
    Row("automatrix-system", PROMETHEUS, True),
    Row(STRANGER, TENANT, False),
    Row("automatrix-system", TENANT, False),
    Row("hub-dev", TENANT, True),
    Row("automatrix-gateway", TENANT, True),
    Row("automatrix-observability", TENANT, True),
    Row("hub-dev", NEIGHBOUR, False),
    Row("automatrix-gateway", NEIGHBOUR, True),
    Row(STRANGER, GATEWAY, True),
    Row(STRANGER, GIT, True),  # by a node's port everybody reaches it: the password is its gate
    Row("hub-dev", OPEN, True),
    # Out: the target lets them in, as the rows above show, so their own policy is what keeps them.
    Row("automatrix-system/statefulset/git", ENGINE, True),
    Row("automatrix-system/statefulset/git", PROMETHEUS, False),
    Row("automatrix-system/statefulset/git", OPEN, False),
    Row("automatrix-system/statefulset/git", API, False),
    Row("argocd/deployment/gitops-engine", GIT, True),
    Row("argocd/deployment/gitops-engine", API, True),
    Row("argocd/deployment/gitops-engine", PROMETHEUS, False),
    Row("argocd/deployment/gitops-engine", OPEN, False),
    Row("argocd", GIT, False),
    Row("argocd", OPEN, False),
    Row("argocd", API, False),
)


def caller(namespace: str, image: str, node: str) -> list[dict[str, Any]]:
    """A pod that answers on 8000 and keeps to the restricted standard, and its Service."""
    metadata = {"name": CALLER, "namespace": namespace, "labels": {"app": CALLER}}
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "main",
        "image": image,
        "command": ["python3", "-m", "http.server", "8000", "--directory", "/opt"],
        "securityContext": security,
    }
    spec = {
        "nodeName": node,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "tolerations": [{"operator": "Exists"}],
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    service = {"selector": {"app": CALLER}, "ports": [{"port": 8000}]}
    return [
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec},
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service},
    ]


@pytest.fixture(scope="module")
def callers(cluster: Cluster, kubectl: Kubectl, platform_image: str) -> Iterator[None]:
    """One pod in every namespace of the table; the tenants are up."""
    kubectl.run("create", "namespace", STRANGER)
    try:
        for tenant in ("hub-dev", "hub-prod"):
            wait = ("wait", "deployment/hub-api", f"--namespace={tenant}", "--for=condition=Available")
            kubectl.run(*wait, "--timeout=180s", timeout_s=190)
        for namespace in NAMESPACES:
            kubectl.apply(caller(namespace, platform_image, cluster.nodes[-1]))
        for namespace in NAMESPACES:
            wait = ("wait", f"pod/{CALLER}", f"--namespace={namespace}", "--for=condition=Ready")
            kubectl.run(*wait, "--timeout=120s", timeout_s=130)
        yield
    finally:
        for namespace in NAMESPACES[1:]:
            kubectl.run(
                "delete", f"pod/{CALLER}", f"service/{CALLER}", f"--namespace={namespace}", "--ignore-not-found"
            )
        kubectl.run("delete", "namespace", STRANGER, "--wait=false")


@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.usefixtures("callers")
def test_who_reaches_whom(kubectl: Kubectl, eventually: Callable[..., None], row: Row) -> None:
    space, _, service = row.target.partition("/")
    name, _, port = service.partition(":")
    # By address: a name that cannot be resolved must not pass for a closed door.
    address = kubectl.read("get", "service", name, f"--namespace={space}")["spec"]["clusterIP"]
    origin, _, workload = row.source.partition("/")

    def reaches() -> bool:
        code = CONNECT.format(address, port)
        command = ("exec", workload or f"pod/{CALLER}", f"--namespace={origin}", "--", "python3", "-c", code)
        return kubectl.run(*command).strip() == "in"

    eventually(lambda: reaches() is row.may, str(row), 30)


def test_the_table_shows_for_every_closed_door_that_it_opens_to_somebody() -> None:
    closed = {row.target for row in ROWS if not row.may}

    assert closed <= {row.target for row in ROWS if row.may}
