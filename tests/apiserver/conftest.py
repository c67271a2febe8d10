"""The API-server tier: a real Kubernetes API without nodes, one per stage, and a fresh namespace per test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio

from cluster.local import binaries
from cluster.local.progress import Progress
from cluster.local.settings import KUBERNETES_VERSION, Settings
from operators.kit.errors import NotFound
from operators.kit.kube import Manifest, Ref
from operators.kit.kubernetes_api import KubernetesApi
from operators.kit.testing.controlplane import PROGRAMS, ControlPlane, control_plane
from operators.kit.testing.proxy import FaultProxy
from tests.support import engine as engines
from tests.support.engine import Engine

_numbers = count(1)


@pytest.fixture(scope="session")
def programs(pytestconfig: pytest.Config) -> dict[str, Path]:
    """Return the paths of etcd, kube-apiserver and the others; they are built at the first use (minutes)."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        return binaries.ensure(Settings.from_environment(), PROGRAMS, Progress())


@pytest.fixture(scope="session")
def kubernetes(programs: dict[str, Path]) -> Iterator[ControlPlane]:
    """Start etcd, kube-apiserver and kube-controller-manager, once for all tests."""
    with control_plane(programs, KUBERNETES_VERSION) as running:
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


Serve = Callable[[Manifest], Awaitable[None]]


@pytest.fixture
async def serve(api: KubernetesApi) -> AsyncIterator[Serve]:
    """Yield a function that applies a CRD and waits until its kind is served; it is removed afterwards."""
    served: list[Ref] = []

    async def apply(crd: Manifest) -> None:
        served.append(Ref.of(await api.apply(crd, field_manager="test")))
        spec = crd["spec"]
        async with asyncio.timeout(60):
            for version in spec["versions"]:
                # Discovery may name a kind a moment before it is served.
                while not await _lists(api, spec["group"], version["name"], spec["names"]["kind"]):
                    await asyncio.sleep(0.05)

    yield apply
    for ref in served:
        await api.delete(ref)
    async with asyncio.timeout(60):
        for ref in served:
            while await api.get(ref) is not None:
                await asyncio.sleep(0.05)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def argocd(kubernetes: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engine]:
    """Run an engine that serves namespace `argocd` and file:// repositories, one for the tests of a file."""
    async with await KubernetesApi.connect(kubernetes.kubeconfig) as api:
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}}
        await api.apply(namespace, field_manager="test", force=True)
        await engines.serve_applications(api)
    environment = {"GITOPS_ALLOW_FILE_REPOSITORIES": "true"}
    engine = Engine(kubernetes.kubeconfig, tmp_path_factory.mktemp("engine"), environment=environment)
    engine.start()
    try:
        await engine.serves()
        yield engine
    finally:
        await asyncio.to_thread(engine.stop)


@pytest.fixture
def engine(argocd: Engine) -> Iterator[Engine]:
    """Return that engine; it must be alive after the test, and pytest shows the log of a test that failed."""
    before = len(argocd.log)
    yield argocd
    print(argocd.log[before:][-20_000:])
    assert argocd.process is not None
    assert argocd.process.is_alive(), f"the engine has ended by itself:\n{argocd.tail()}"


async def _lists(api: KubernetesApi, group: str, version: str, kind: str) -> bool:
    try:
        await api.list(group, version, kind)
    except NotFound:
        return False
    return True


@pytest.fixture
async def fault_proxy(kubernetes: ControlPlane, tmp_path: Path) -> AsyncIterator[FaultProxy]:
    """Yield a proxy in front of the API server that fails as told; connect with its `kubeconfig`."""
    async with FaultProxy(kubernetes.kubeconfig, tmp_path) as proxy:
        yield proxy
