"""What the figures are taken on: a real Kubernetes API, the real Git server, and the engine as a process of its own.

In:  a folder. Out: a `Stage` with a client, a working tree and the engine's process id; all of it gone at the end.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from cluster.local import binaries
from cluster.local.progress import Progress
from cluster.local.settings import KUBERNETES_VERSION, ROOT, Settings
from operators.kit.kube import KubeApi, Manifest, Ref
from operators.kit.kubernetes_api import KubernetesApi
from operators.kit.testing.controlplane import PROGRAMS, control_plane
from tests.benchmarks import tenants
from tests.support.git_server import Checkout, GitServer

CRDS = ROOT / "charts" / "platform" / "templates" / "crds"
START_S = 60.0
HANGS_S = 120.0
FIELD_MANAGER = "bench"


@dataclass
class Stage:
    """Everything a measurement needs."""

    api: KubeApi
    git: GitServer
    checkout: Checkout
    engine: subprocess.Popen[bytes]
    marks: Path
    """Where the Git server's post-receive hook writes the time it begins at."""
    log: Path
    """What the engine writes."""

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
        listed = await self.api.list("argoproj.io", "v1alpha1", "Application", namespace="argocd")
        waiting -= {one["metadata"]["name"] for one in listed.items if is_synced(one)}
        version = listed.resource_version
        while waiting:
            async for event in self.api.watch(
                "argoproj.io", "v1alpha1", "Application", namespace="argocd", resource_version=version
            ):
                version = event.object["metadata"]["resourceVersion"]
                if event.type != "BOOKMARK" and is_synced(event.object):
                    waiting.discard(event.object["metadata"]["name"])
                if not waiting:
                    return

    async def _complaint(self) -> str:
        """Quote the first Application that is not synced, and the engine's last words."""
        listed = await self.api.list("argoproj.io", "v1alpha1", "Application", namespace="argocd")
        status = next((one.get("status") for one in listed.items if not is_synced(one)), "all are by now")
        return f"{status}\n{self.log.read_text(errors='replace')[-3000:]}"


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
                engine = start_engine(kubernetes.kubeconfig, git, folder)
                try:
                    await asyncio.to_thread(wait_ready, engine, git.engine_port, folder / "engine.log")
                    yield Stage(api, git, checkout, engine, marks, folder / "engine.log")
                finally:
                    engine.send_signal(signal.SIGTERM)
                    engine.wait(30)
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
    """Create what the engine expects of a cluster: CRDs, namespaces, the repository's Secret and the webhook's key."""
    for path in sorted(CRDS.glob("*.yaml")):
        text = "\n".join(line for line in path.read_text().splitlines() if not line.lstrip().startswith("{{"))
        for manifest in yaml.safe_load_all(text):
            if manifest:
                await api.apply(manifest, field_manager=FIELD_MANAGER)
    for name in ("argocd", tenants.NAMESPACE):
        await api.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, field_manager=FIELD_MANAGER
        )
    url = f"http://127.0.0.1:{git.port}/platform.git"
    repository = {"type": "git", "url": url, "username": git.username, "password": git.password}
    for name, labels, data in (
        ("argocd-secret", {}, {"webhook.github.secret": git.webhook_secret}),
        ("repository-platform", {"argocd.argoproj.io/secret-type": "repository"}, repository),
    ):
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": "argocd", "labels": labels},
            "stringData": data,
        }
        await api.apply(secret, field_manager=FIELD_MANAGER)
    await wait_for_kind(api)


async def wait_for_kind(api: KubeApi) -> None:
    """Wait until the API server serves Applications."""
    async with asyncio.timeout(HANGS_S):
        while ("argoproj.io", "v1alpha1", "Application") not in (await api.discover(fresh=True)).resources:
            await asyncio.sleep(0.1)


def start_engine(kubeconfig: Path, git: GitServer, folder: Path) -> subprocess.Popen[bytes]:
    """Start the engine with settings by environment, as its Deployment does."""
    environment = {
        **os.environ,
        "KUBECONFIG": str(kubeconfig),
        "GITOPS_NAMESPACE": "argocd",
        "GITOPS_CACHE_DIR": str(folder / "cache"),
        "GITOPS_PORT": str(git.engine_port),
        "GITOPS_LOG_LEVEL": "INFO",
    }
    with (folder / "engine.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "operators.gitops"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def wait_ready(engine: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until the engine says that it serves; raises RuntimeError with its last lines where it does not."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and engine.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
    raise RuntimeError(f"the engine did not become ready:\n{tail}")


def message_ref(name: str) -> Ref:
    """Name the ConfigMap that carries an application's message."""
    return Ref("", "ConfigMap", tenants.NAMESPACE, name)
