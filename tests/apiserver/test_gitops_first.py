"""The engine as a process against a real API server and a real Git repository: a first sync, a push, drift, a prune."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from operators.kit.kube import Manifest, Ref
from operators.kit.kubernetes_api import KubernetesApi
from tests.support.engine import Engine

HANGS_S = 60.0


class Checkout:
    """A working copy whose commits the engine reads as file://."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")

    @property
    def url(self) -> str:
        return f"file://{self.folder}"

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.com")
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=self.folder, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, **files: str) -> str:
        for name, text in files.items():
            path = self.folder / name.replace("__", "/").replace("_yaml", ".yaml").replace("_tpl", ".tpl")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=change")
        return self.git("rev-parse", "HEAD")


def application(url: str, namespace: str, name: str = "web", **spec: Any) -> Manifest:
    policy = {"automated": {"prune": True, "selfHeal": True}}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd"},
        "spec": {
            "project": "default",
            "source": {"repoURL": url, "path": "web", "targetRevision": "main"},
            "destination": {"name": "in-cluster", "namespace": namespace},
            "syncPolicy": policy,
            **spec,
        },
    }


async def until(check: Callable[[], Any]) -> Any:
    """Wait for a check to come true; the bound only tells that it hangs."""
    started = time.monotonic()
    while not (found := await check()):
        assert time.monotonic() - started < HANGS_S, "this did not happen"
        await asyncio.sleep(0.02)
    return found


async def status(api: KubernetesApi, name: str = "web") -> dict[str, Any]:
    found = await api.get(Ref("argoproj.io", "Application", "argocd", name, "v1alpha1"))
    return (found or {}).get("status") or {}


CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{value: '{value}'}}\n"
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: web:1
          ports: [{containerPort: 8080}]
          resources: {requests: {cpu: "1000m", memory: 1024Mi}}
"""


async def test_a_first_sync_a_push_drift_and_a_prune(
    engine: Engine, api: KubernetesApi, namespace: str, tmp_path: Path
) -> None:
    checkout = Checkout(tmp_path / "repository")
    checkout.commit(
        web__a_yaml=CONFIG.format(name="a", value="1"),
        web__b_yaml=CONFIG.format(name="b", value="1"),
        web__deployment_yaml=DEPLOYMENT,
    )
    await api.create(application(checkout.url, namespace))

    async def is_synced() -> bool:
        now = await status(api)
        return bool(
            now.get("sync", {}).get("status") == "Synced"
            and now["health"]["status"] == "Healthy"
            and now["sync"]["revision"] == checkout.git("rev-parse", "HEAD")
            and now["operationState"]["phase"] == "Succeeded"
        )

    await until(is_synced)

    config = Ref("", "ConfigMap", namespace, "a")
    await api.patch(config, {"data": {"value": "drift"}}, field_manager="kubectl-edit")

    async def is_healed() -> bool:
        found = await api.get(config)
        return found is not None and found["data"]["value"] == "1"

    await until(is_healed)

    (checkout.folder / "web/b.yaml").unlink()
    checkout.commit(web__a_yaml=CONFIG.format(name="a", value="2"))
    refresh = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}
    await api.patch(Ref("argoproj.io", "Application", "argocd", "web", "v1alpha1"), refresh)
    await until(is_synced)
    found = await api.get(config)
    assert found is not None
    assert found["data"]["value"] == "2"
    assert await api.get(Ref("", "ConfigMap", namespace, "b")) is None

    before = await api.get(Ref("argoproj.io", "Application", "argocd", "web", "v1alpha1"))
    await asyncio.sleep(2)
    after = await api.get(Ref("argoproj.io", "Application", "argocd", "web", "v1alpha1"))
    assert before == after, "nothing has changed, so nothing is written"
    await api.delete(Ref("argoproj.io", "Application", "argocd", "web", "v1alpha1"))


async def test_what_was_made_with_kubectl_apply_is_taken_over_with_its_fields(
    engine: Engine, api: KubernetesApi, namespace: str, tmp_path: Path
) -> None:
    config: Manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": namespace},
        "data": {"value": "1", "old": "1"},
    }
    await api.create(config, field_manager="kubectl-client-side-apply")
    checkout = Checkout(tmp_path / "repository")
    checkout.commit(web__a_yaml=CONFIG.format(name="a", value="1"))
    await api.create(application(checkout.url, namespace, "taken"))

    async def is_taken_over() -> bool:
        found = await api.get(Ref.of(config))
        return found is not None and found["data"] == {"value": "1"}

    await until(is_taken_over)
    found = await api.get(Ref.of(config))
    assert found is not None
    assert {entry["manager"] for entry in found["metadata"]["managedFields"]} == {"argocd-controller"}
    await api.delete(Ref("argoproj.io", "Application", "argocd", "taken", "v1alpha1"))
