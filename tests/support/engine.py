"""The engine as a process of its own, in front of a real Kubernetes API: started, killed, started again.

In: a kubeconfig and a folder. Out: `Engine`; its log, its caches and its port stay the same over restarts.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cluster.local.settings import ROOT
from operators import crds
from operators.kit.kube import KubeApi, Manifest, Ref
from operators.kit.testing.controlplane import die_with_parent
from tests.support.git_server import GitServer, free_port

START_S = 90.0
HANGS_S = 120.0
"""Nothing takes nearly as long; a test that waits for more hangs."""


@dataclass
class Engine:
    """`python3 -m operators.gitops`, with settings by environment, as its Deployment does it."""

    kubeconfig: Path
    folder: Path
    namespace: str = "argocd"
    port: int = field(default_factory=free_port)
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """Everything it has written, in all its lives."""
        path = self.folder / "engine.log"
        return path.read_text(errors="replace") if path.exists() else ""

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
        with (self.folder / "engine.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "operators.gitops"],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl and nothing else
            )

    async def serves(self) -> None:
        """Wait until it says that it serves; raises AssertionError with its last lines where it does not."""
        try:
            async with asyncio.timeout(START_S):
                while not await asyncio.to_thread(self._is_ready):
                    assert self.process is not None
                    assert self.process.poll() is None, f"the engine ended at once:\n{self.tail()}"
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"the engine did not become ready:\n{self.tail()}") from None

    async def ends(self) -> int:
        """Wait until it ends by itself; return its exit code."""
        assert self.process is not None
        try:
            return await asyncio.to_thread(self.process.wait, HANGS_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the engine does not end:\n{self.tail()}") from None

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it, in order or (SIGKILL) as a node failure would; nothing happens where it has ended already."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(HANGS_S)
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
