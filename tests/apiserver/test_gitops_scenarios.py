"""What Argo CD's own acceptance tests of Helm expect, on a real API server with the engine as a process.

The names follow Argo CD's test/e2e: a chart is rendered from a real repository, a sync is asked for by patching
`operation`, as its CLI does, and the outcome is read from the Application's status and the cluster.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from operators.kit.errors import Conflict
from operators.kit.kube import Ref
from operators.kit.kubernetes_api import KubernetesApi
from tests.support.engine import Engine
from tests.support.upstream import Upstream

HANGS_S = 90.0
Found = TypeVar("Found")
CHART = "apiVersion: v2\nname: chart\nversion: 1.0.0\n"
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: my-map{namespace}\ndata:\n  {data}\n"


def chart(data: str = "foo: {{ .Values.foo | quote }}", namespace: str = "", **files: str) -> dict[str, str]:
    """A chart of one ConfigMap in folder `app`."""
    template = MAP.format(data=data, namespace=f"\n  namespace: {namespace}" if namespace else "")
    own = {"Chart.yaml": CHART, "values.yaml": "foo: chart-value\n", "templates/map.yaml": template, **files}
    return {f"app/{path}": content for path, content in own.items()}


@dataclass
class App:
    """One Application named like its namespace, and what a user does to it."""

    api: KubernetesApi
    namespace: str
    upstream: Upstream

    @property
    def ref(self) -> Ref:
        return Ref("argoproj.io", "Application", "argocd", self.namespace, "v1alpha1")

    async def create(self, files: dict[str, str], *, automated: dict[str, Any] | None = None, **helm: Any) -> None:
        self.upstream.commit(files)
        source = {
            "repoURL": self.upstream.url,
            "path": "app",
            "targetRevision": "main",
            **({"helm": helm} if helm else {}),
        }
        spec: dict[str, Any] = {
            "project": "default",
            "source": source,
            "destination": {"server": "https://kubernetes.default.svc", "namespace": self.namespace},
        }
        if automated is not None:
            spec["syncPolicy"] = {"automated": automated}
        metadata = {"name": self.namespace, "namespace": "argocd"}
        await self.api.create(
            {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata, "spec": spec}
        )

    async def set_helm(self, **fields: Any) -> None:
        """Change `spec.source.helm`; None takes a field away."""
        await self.api.patch(self.ref, {"spec": {"source": {"helm": fields}}})

    async def refresh(self) -> None:
        await self.api.patch(self.ref, {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}})

    async def sync(self) -> dict[str, Any]:
        """Ask for a sync and wait for its end; the operation's state."""
        before = (await self.status()).get("operationState", {}).get("startedAt")
        if before:
            await asyncio.sleep(1.1)  # startedAt has whole seconds: two syncs within one look alike
        operation = {"initiatedBy": {"username": "test"}, "sync": {"prune": False}}
        await self.api.patch(self.ref, {"operation": operation})

        async def ended() -> dict[str, Any]:
            live = await self.api.get(self.ref) or {}
            state: dict[str, Any] = live.get("status", {}).get("operationState", {})
            done = state.get("phase") in ("Succeeded", "Failed", "Error")
            return state if done and "operation" not in live and state.get("startedAt") != before else {}

        return await until(ended, self)

    async def status(self) -> dict[str, Any]:
        return (await self.api.get(self.ref) or {}).get("status") or {}

    async def is_(self, sync: str, health: str | None = None) -> dict[str, Any]:
        """Wait until it is so; the status."""

        async def so() -> dict[str, Any]:
            now = await self.status()
            right = now.get("sync", {}).get("status") == sync
            return now if right and health in (None, now.get("health", {}).get("status")) else {}

        return await until(so, self)

    async def has_condition(self, type_: str, words: str) -> None:
        async def there() -> bool:
            conditions = (await self.status()).get("conditions") or []
            return any(c["type"] == type_ and words in c["message"] for c in conditions)

        await until(there, self)

    async def data(self) -> dict[str, str] | None:
        found = await self.api.get(Ref("", "ConfigMap", self.namespace, "my-map"))
        return found and found.get("data", {})


async def until(check: Callable[[], Awaitable[Found]], app: App) -> Found:
    """Wait for a check to come true; the bound only tells that it hangs."""
    try:
        async with asyncio.timeout(HANGS_S):
            while not (found := await check()):
                await asyncio.sleep(0.05)
            return found
    except TimeoutError:
        raise AssertionError(f"this did not happen; the status is {await app.status()}") from None


@pytest.fixture
async def app(api: KubernetesApi, namespace: str, engine: Engine, tmp_path: Path) -> AsyncIterator[App]:
    """Yield an Application to be created, served by an engine."""
    served = App(api, namespace, Upstream(tmp_path))
    yield served
    await api.delete(served.ref)


async def test_declarative_helm(app: App) -> None:
    await app.create(chart())
    assert (await app.sync())["phase"] == "Succeeded"
    await app.is_("Synced", "Healthy")
    assert await app.data() == {"foo": "chart-value"}


async def test_declarative_helm_invalid_values_file(app: App) -> None:
    await app.create(chart(), valueFiles=["does-not-exist-values.yaml"])
    await app.has_condition("ComparisonError", "does-not-exist-values.yaml: no such file or directory")
    await app.is_("Unknown")
    assert await app.data() is None


async def test_helm_ignore_missing_value_files(app: App) -> None:
    await app.create(chart(), valueFiles=["does-not-exist-values.yaml"])
    await app.is_("Unknown")
    await app.set_helm(ignoreMissingValueFiles=True)
    await app.is_("OutOfSync")
    assert (await app.sync())["phase"] == "Succeeded"
    await app.is_("Synced", "Healthy")
    await app.set_helm(ignoreMissingValueFiles=False)
    await app.is_("Unknown")
    state = await app.sync()
    assert state["phase"] in ("Failed", "Error")
    assert "does-not-exist-values.yaml: no such file or directory" in state["message"]
    # What runs stays.
    assert await app.data() == {"foo": "chart-value"}


async def test_helm_recursive_glob_value_files(app: App) -> None:
    files = {"envs/a.yaml": "foo: a-value\n", "envs/b.yaml": "foo: b-value\n", "envs/nested/c.yaml": "foo: c-value\n"}
    await app.create(chart(**files), valueFiles=["envs/**/*.yaml"])
    assert (await app.sync())["phase"] == "Succeeded"
    assert await app.data() == {"foo": "c-value"}


async def test_helm_glob_value_files_no_match(app: App) -> None:
    await app.create(chart(), valueFiles=["nonexistent/*.yaml"])
    await app.has_condition("ComparisonError", 'values file glob "nonexistent/*.yaml" matched no files')
    app.upstream.commit({"app/nonexistent/a.yaml": "foo: now-there\n"})
    await app.refresh()
    await app.is_("OutOfSync")
    assert (await app.sync())["phase"] == "Succeeded"
    assert await app.data() == {"foo": "now-there"}


async def test_helm_set_env(app: App) -> None:
    await app.create(chart(), parameters=[{"name": "foo", "value": "$ARGOCD_APP_NAME"}])
    assert (await app.sync())["phase"] == "Succeeded"
    await app.is_("Synced")
    assert await app.data() == {"foo": app.namespace}


async def test_kube_version(app: App) -> None:
    await app.create(chart("kubeVersion: {{ .Capabilities.KubeVersion.Version | quote }}"))
    assert (await app.sync())["phase"] == "Succeeded"
    served = (await app.api.discover()).kube_version
    assert await app.data() == {"kubeVersion": served.partition("-")[0].partition("+")[0]}
    await app.set_helm(kubeVersion="v999.999.999")
    await app.is_("OutOfSync")
    assert (await app.sync())["phase"] == "Succeeded"
    assert await app.data() == {"kubeVersion": "v999.999.999"}


async def test_helm_namespace_override(app: App) -> None:
    await app.create(chart(namespace="{{ .Release.Namespace }}"))
    assert (await app.sync())["phase"] == "Succeeded"
    await app.is_("Synced")
    await app.set_helm(namespace="does-not-exist")
    await app.is_("OutOfSync")


async def test_auto_sync_self_heal_disabled(app: App) -> None:
    await app.create(chart(), automated={"selfHeal": False})
    await app.is_("Synced", "Healthy")
    app.upstream.commit({"app/values.yaml": "foo: second\n"})
    await app.refresh()

    async def updated() -> bool:
        return await app.data() == {"foo": "second"}

    await until(updated, app)
    await app.is_("Synced")
    drift = Ref("", "ConfigMap", app.namespace, "my-map")
    try:
        await app.api.patch(drift, {"data": {"foo": "drift"}}, field_manager="kubectl-edit")
    except Conflict:
        pytest.fail("nobody else writes this object")
    await app.is_("OutOfSync")
    await asyncio.sleep(3)
    assert (await app.status())["sync"]["status"] == "OutOfSync"
    assert await app.data() == {"foo": "drift"}
