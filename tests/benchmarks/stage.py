"""What the figures are taken on: a real Kubernetes API, the real Git server, and the engine as a process of its own.

In:  a folder. Out: a `Stage` with a client, a working tree and the engine; all of it gone at the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster.local import binaries
from cluster.local.progress import Progress
from cluster.local.settings import KUBERNETES_VERSION, Settings
from operators.kit.kube import KubeApi, Manifest, Ref
from operators.kit.kubernetes_api import KubernetesApi
from operators.kit.testing.controlplane import PROGRAMS, control_plane
from tests.benchmarks import tenants
from tests.support import engine as engines
from tests.support.engine import Engine
from tests.support.git_server import Checkout, GitServer

ENGINE_NAMESPACE = "argocd"
HANGS_S = 120.0
FIELD_MANAGER = "bench"


@dataclass
class Stage:
    """Everything a measurement needs."""

    api: KubeApi
    git: GitServer
    checkout: Checkout
    engine: Engine
    marks: Path
    """Where the Git server's post-receive hook writes the time it begins at."""

    @property
    def repo_url(self) -> str:
        """The repository as Applications name it."""
        return f"http://127.0.0.1:{self.git.port}/platform.git"

    def push(self, subject: str) -> float:
        """Commit everything and push; return when the server's post-receive hook began (seconds since the epoch)."""
        self.checkout.git("add", "--all")
        self.checkout.git("commit", "--quiet", "--message", subject)
        self.checkout.git("push", "--quiet", "origin", "HEAD:main")
        return float(self.marks.read_text().split()[-1])

    async def create_applications(self, names: list[str]) -> None:
        """Create Applications, as fast as one client can."""
        await asyncio.gather(
            *(self.api.apply(tenants.application(name, self.repo_url), field_manager=FIELD_MANAGER) for name in names)
        )

    async def wait_synced(self, names: list[str]) -> None:
        """Wait until all of them are as Git says."""
        try:
            async with asyncio.timeout(HANGS_S):
                await self._see_synced(set(names))
        except TimeoutError:
            raise RuntimeError(f"not synced after {HANGS_S:.0f} s: {await self._complaint()}") from None

    async def _see_synced(self, waiting: set[str]) -> None:
        listed = await self.api.list("argoproj.io", "v1alpha1", "Application", namespace=ENGINE_NAMESPACE)
        waiting -= {one["metadata"]["name"] for one in listed.items if is_synced(one)}
        version = listed.resource_version
        while waiting:
            async for event in self.api.watch(
                "argoproj.io", "v1alpha1", "Application", namespace=ENGINE_NAMESPACE, resource_version=version
            ):
                version = event.object["metadata"]["resourceVersion"]
                if event.type != "BOOKMARK" and is_synced(event.object):
                    waiting.discard(event.object["metadata"]["name"])
                if not waiting:
                    return

    async def _complaint(self) -> str:
        """Quote the first Application that is not synced, and the engine's last words."""
        listed = await self.api.list("argoproj.io", "v1alpha1", "Application", namespace=ENGINE_NAMESPACE)
        status = next((one.get("status") for one in listed.items if not is_synced(one)), "all are by now")
        return f"{status}\n{self.engine.tail()}"


def is_synced(application: Manifest) -> bool:
    """Whether the engine has brought an Application to what Git says."""
    status = application.get("status") or {}
    return (status.get("sync") or {}).get("status") == "Synced"


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    """Set the stage in `folder` and clear it away."""
    paths = binaries.ensure(Settings.from_environment(), PROGRAMS, Progress())
    with control_plane(paths, KUBERNETES_VERSION) as kubernetes:
        async with await KubernetesApi.connect(kubernetes.kubeconfig) as api:
            git = GitServer(folder / "git", extra={"WAIT_S": "1"})
            git.extra = {**git.extra, "PUBLIC_URL": f"http://127.0.0.1:{git.port}"}
            git.start()
            try:
                marks = mark_pushes(git)
                await furnish(api, git)
                checkout = Checkout.of(git.url, folder / "checkout")
                # By its command, as its Deployment does it: a fork of a warm process would have other figures.
                engine = Engine(kubernetes.kubeconfig, folder, ENGINE_NAMESPACE, git.engine_port, command=True)
                engine.start()
                try:
                    await engine.serves()
                    yield Stage(api, git, checkout, engine, marks)
                finally:
                    await asyncio.to_thread(engine.stop)
            finally:
                git.stop()


def mark_pushes(git: GitServer) -> Path:
    """Have the post-receive hook write down when it begins: that is when a push is received."""
    marks = git.home / "marks"
    launcher = git.home / "run" / "hooks" / "post-receive"
    shebang, rest = launcher.read_text().split("\n", 1)
    launcher.write_text(f'{shebang}\ndate +%s.%N >> "{marks}"\n{rest}')
    return marks


async def furnish(api: KubeApi, git: GitServer) -> None:
    """Create what the engine expects of a cluster: namespaces, CRDs, the repository's Secret and the webhook's key."""
    for name in (ENGINE_NAMESPACE, tenants.NAMESPACE):
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        await api.apply(namespace, field_manager=FIELD_MANAGER)
    await engines.serve_applications(api)
    await engines.introduce(api, git, ENGINE_NAMESPACE)


def message_ref(name: str) -> Ref:
    """Name the ConfigMap that carries an application's message."""
    return Ref("", "ConfigMap", tenants.NAMESPACE, name)
