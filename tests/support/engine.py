"""The engine as a process of its own, in front of a real Kubernetes API: started, killed, started again.

In: a kubeconfig and a folder. Out: `Engine`; its log, its caches and its port stay the same over restarts.
"""

from __future__ import annotations

import asyncio
import ctypes
import multiprocessing
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from kubernetes.aio.config import kube_config

from cluster.local.settings import ROOT
from operators import crds
from operators.kit.kube import KubeApi, Manifest, Ref
from tests.support.git_server import GitServer, free_port

START_S = 90.0
PRCTL = ctypes.CDLL(None).prctl
PR_SET_PDEATHSIG = 1
HANGS_S = 60.0
"""Nothing takes nearly as long; a test that waits for more hangs."""


@dataclass
class Engine:
    """The engine with settings by environment, as its Deployment does it.

    Its modules cost a second of CPU to import. So a life is a fork of a process that has them already, unless
    `command` asks for `python3 -m operators.gitops` itself.
    """

    kubeconfig: Path
    folder: Path
    namespace: str = "argocd"
    port: int = field(default_factory=free_port)
    environment: Mapping[str, str] = field(default_factory=dict)
    command: bool = False
    process: BaseProcess | None = None

    @property
    def log_path(self) -> Path:
        """Where it writes, in all its lives."""
        return self.folder / "engine.log"

    @property
    def log(self) -> str:
        """Everything it has written."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    @property
    def pid(self) -> int:
        """Its process id while it lives."""
        assert self.process is not None
        assert self.process.pid is not None
        return self.process.pid

    def start(self, **settings: str) -> None:
        """Start it; `settings` are further GITOPS_* variables, for this life only."""
        environment = {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig),
            "GITOPS_NAMESPACE": self.namespace,
            "GITOPS_CACHE_DIR": str(self.folder / "cache"),
            "GITOPS_PORT": str(self.port),
            **self.environment,
            **settings,
        }
        self.process = _FORKS.Process(target=_live, args=(environment, str(self.log_path), self.command))
        self.process.start()

    async def serves(self) -> None:
        """Wait until it says that it serves; raises AssertionError with its last lines where it does not."""
        try:
            async with asyncio.timeout(START_S):
                while not await asyncio.to_thread(self._is_ready):
                    assert self.process is not None
                    assert self.process.is_alive(), f"the engine ended at once:\n{self.tail()}"
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"the engine did not become ready:\n{self.tail()}") from None

    async def ends(self) -> int:
        """Wait until it ends by itself; return its exit code."""
        assert self.process is not None
        await asyncio.to_thread(self.process.join, HANGS_S)
        assert self.process.exitcode is not None, f"the engine does not end:\n{self.tail()}"
        return self.process.exitcode

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it, in order or (SIGKILL) as a node failure would; nothing happens where it has ended already."""
        if self.process is not None and self.process.pid is not None:
            if self.process.is_alive():
                os.kill(self.process.pid, number)
            self.process.join(HANGS_S)
            self.process = None

    def tail(self, lines: int = 25) -> str:
        """What it wrote last."""
        return "\n".join(self.log.splitlines()[-lines:])

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False


def _live(environment: dict[str, str], log: str, command: bool) -> None:
    """Become the engine."""
    PRCTL(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    if command:
        os.execv(sys.executable, [sys.executable, "-m", "operators.gitops"])  # noqa: S606 - it becomes the engine
    from operators.gitops.__main__ import main  # noqa: PLC0415 - only the fork needs it

    kube_config.KUBE_CONFIG_DEFAULT_LOCATION = environment["KUBECONFIG"]  # the library reads it once, at its import

    sys.argv = ["operators.gitops"]
    sys.exit(main())


_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["pytest", "operators.gitops.__main__", "tests.support.engine"])


async def serve_applications(api: KubeApi) -> None:
    """Have the API server serve Applications."""
    for definition in crds.definitions():
        await api.apply(definition, field_manager="test", force=True)
    async with asyncio.timeout(HANGS_S):
        while ("argoproj.io", "v1alpha1", "Application") not in (await api.discover(fresh=True)).resources:
            await asyncio.sleep(0.1)


async def introduce(api: KubeApi, git: GitServer, namespace: str) -> None:
    """Give the engine the repository's credentials and the key that its pushes are announced with."""
    url = f"http://127.0.0.1:{git.port}/platform.git"
    repository = {"type": "git", "url": url, "username": git.username, "password": git.password}
    for name, labels, data in (
        ("argocd-secret", {}, {"webhook.github.secret": git.webhook_secret}),
        ("repository-platform", {"argocd.argoproj.io/secret-type": "repository"}, repository),
    ):
        metadata = {"name": name, "namespace": namespace, "labels": labels}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}
        await api.apply(secret, field_manager="test")


async def free_the_lease(api: KubeApi, namespace: str) -> None:
    """Take away the Lease of an engine that was killed: it would run out by itself, 15 s later."""
    await api.delete(Ref("coordination.k8s.io", "Lease", namespace, "gitops-engine"))


def application(name: str, repo_url: str, path: str, namespace: str, destination: str) -> Manifest:
    """Build an Application: automated, with prune and self-heal, as tenants have it."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "project": "default",
            "source": {"repoURL": repo_url, "targetRevision": "main", "path": path},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": destination},
            "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
        },
    }
