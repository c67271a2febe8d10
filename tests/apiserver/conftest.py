"""The API-server tier: a real Kubernetes API without nodes, one per run, and a fresh namespace per test."""

from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import pytest

from cluster.local import binaries
from cluster.local.progress import Progress
from cluster.local.settings import KUBERNETES_VERSION, Settings
from operators.kit.kube import Ref
from operators.kit.kubernetes_api import KubernetesApi
from operators.kit.testing.controlplane import PROGRAMS, ControlPlane, control_plane
from operators.kit.testing.proxy import FaultProxy

_numbers = count(1)


@pytest.fixture(scope="session")
def kubernetes(pytestconfig: pytest.Config) -> Iterator[ControlPlane]:
    """Start etcd, kube-apiserver and kube-controller-manager; the programs are built at the first use (minutes)."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        paths = binaries.ensure(Settings.from_environment(), PROGRAMS, Progress())
    with control_plane(paths, KUBERNETES_VERSION) as running:
        yield running


@pytest.fixture
def kubeconfig(kubernetes: ControlPlane) -> Path:
    """Return a kubeconfig with all rights."""
    return kubernetes.kubeconfig


@pytest.fixture
async def api(kubeconfig: Path) -> AsyncIterator[KubernetesApi]:
    """Yield a client of the real API server."""
    async with await KubernetesApi.connect(kubeconfig) as connected:
        yield connected


@pytest.fixture
async def namespace(api: KubernetesApi) -> AsyncIterator[str]:
    """Yield the name of a fresh namespace; it is removed afterwards (the removal is not waited for)."""
    name = f"test-{next(_numbers)}"
    await api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    await api.delete(Ref("", "Namespace", "", name))


@pytest.fixture
async def fault_proxy(kubernetes: ControlPlane, tmp_path: Path) -> AsyncIterator[FaultProxy]:
    """Yield a proxy in front of the API server that fails as told; connect with its `kubeconfig`."""
    async with FaultProxy(kubernetes.kubeconfig, tmp_path) as proxy:
        yield proxy
