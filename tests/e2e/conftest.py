"""One cluster for the whole session: brought up as a user would, under a name and on ports of its own.

`AMX_E2E_KEEP=1` keeps it afterwards and finds it again the next time, which is for working on the tests.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path

import pytest

from cluster.local import down, engine, hosttools, kind, preflight, up
from cluster.local.commands import output
from cluster.local.engine import Engine
from cluster.local.kubectl import Kubectl
from cluster.local.progress import Progress
from cluster.local.settings import ROOT, Settings
from operators.kit.kubernetes_api import KubernetesApi

KEEP = os.environ.get("AMX_E2E_KEEP") == "1"
WORKERS = 3
"""The largest shape that is promised; the cluster of test_cluster_life has none, as has a user who says nothing."""


@dataclass(frozen=True)
class Cluster:
    """The session's cluster."""

    settings: Settings
    engine: Engine
    kubectl: Kubectl
    up: up.Up

    @property
    def nodes(self) -> list[str]:
        return [node.name for node in kind.nodes(self.engine, self.settings.cluster_name)]

    def docker(self, *arguments: str, timeout_s: float = 60) -> str:
        return output(self.engine.command(*arguments), timeout_s=timeout_s)


@dataclass(frozen=True)
class Answer:
    """What the Gateway answered."""

    status: int
    body: str
    headers: dict[str, str]


def settings_of_session() -> Settings:
    """Name the cluster after the checkout, so that two checkouts may test at once; ports are whatever is free."""
    name = f"e2e-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:6]}"
    settings = replace(Settings.from_environment(), cluster_name=name)
    present = engine.find()
    kept = kind.nodes(present, name) if present else []
    ports = kept[0].ports if kept else {}
    http = ports.get(kind.HTTP_NODE_PORT) or preflight.free_port()
    return replace(settings, http_port=http, git_port=ports.get(kind.GIT_NODE_PORT) or preflight.free_port({http}))


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Iterator[Cluster]:
    settings = settings_of_session()
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    try:
        with capture.global_and_fixture_disabled():  # the first time this takes long: its progress must be seen
            result = up.up(settings, WORKERS, Progress())
        tools = hosttools.ensure(settings, ("kubectl",), Progress())
        found = engine.find()
        assert found is not None
        yield Cluster(settings, found, Kubectl.of(settings, tools["kubectl"]), result)
    finally:
        if not KEEP:
            down.down(settings, Progress())
            assert_nothing_left(settings)


def assert_nothing_left(settings: Settings) -> None:
    """Tests leave no container, network, loop device or state behind."""
    found = engine.find()
    if found:
        assert kind.nodes(found, settings.cluster_name) == []
        assert kind.network(settings.cluster_name) not in output(found.command("network", "ls"))
    assert not [backing for backing in down.loop_files().values() if backing.endswith(" (deleted)")]
    assert not settings.cluster_dir.exists()


@pytest.fixture(scope="session")
def kubectl(cluster: Cluster) -> Kubectl:
    return cluster.kubectl


@pytest.fixture
async def api(cluster: Cluster) -> AsyncIterator[KubernetesApi]:
    async with await KubernetesApi.connect(cluster.settings.kubeconfig) as connected:
        yield connected


@pytest.fixture(scope="session")
def gateway(cluster: Cluster) -> Callable[..., Answer]:
    """Ask the Gateway for a hostname: `gateway("hub-dev.localhost", "/healthz")`."""

    def ask(hostname: str, path: str = "/", method: str = "GET", timeout_s: float = 10) -> Answer:
        connection = HTTPConnection("127.0.0.1", cluster.settings.http_port, timeout=timeout_s)
        try:
            connection.request(method, path, headers={"Host": hostname})
            response = connection.getresponse()
            return Answer(response.status, response.read().decode("utf-8", "replace"), dict(response.getheaders()))
        finally:
            connection.close()

    return ask


@pytest.fixture(scope="session")
def platform_image(cluster: Cluster, kubectl: Kubectl) -> str:
    """An image that every node has, with Python and a shell: what test pods run."""
    daemon_set = kubectl.read("get", "daemonset", "storage", "--namespace=automatrix-system")
    return str(daemon_set["spec"]["template"]["spec"]["containers"][0]["image"])


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[str]:
    """A namespace of the test's own; it goes by itself afterwards."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    kubectl.run("create", "namespace", name)
    yield name
    kubectl.run("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def amx(cluster: Cluster) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line against the session's cluster."""

    def run(*arguments: str, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {
            "AMX_CLUSTER_NAME": cluster.settings.cluster_name,
            "AMX_HTTP_PORT": str(cluster.settings.http_port),
            "AMX_GIT_PORT": str(cluster.settings.git_port),
        }
        program = Path(os.environ.get("VIRTUAL_ENV") or ROOT / ".venv") / "bin" / "amx"
        return subprocess.run(
            [str(program), *arguments], env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
        )

    return run


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Wait for a condition that comes by itself: `eventually(lambda: ..., "the volume has its size")`."""

    def wait(true: Callable[[], object], what: str, timeout_s: float = 60) -> None:
        deadline = time.monotonic() + timeout_s
        while not true():
            assert time.monotonic() < deadline, f"after {timeout_s:.0f} s not yet: {what}"
            time.sleep(0.3)

    return wait
