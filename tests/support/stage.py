"""Where the engine plays: a repository somebody pushes to, a namespace of Applications, and one they deploy to.

The engine reaches the API server through a proxy that can be told to fail and that remembers every request, so that
"nothing was deleted" is read off the wire and not guessed from what is left.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from operators.kit.errors import Gone
from operators.kit.kube import KubeApi, Manifest, Ref
from operators.kit.testing.proxy import FaultProxy
from tests.support import engine as engines
from tests.support.engine import HANGS_S, Engine
from tests.support.git_server import Checkout, GitServer

REFRESH = "argocd.argoproj.io/refresh"
Files = Mapping[str, str | None]
"""Text by path; None deletes."""


@dataclass
class Stage:
    """Everything a scenario needs. `name` is unique, and so are the names of Applications made from it."""

    name: str
    api: KubeApi
    proxy: FaultProxy
    git: GitServer
    checkout: Checkout
    engine: Engine

    @property
    def destination(self) -> str:
        """The namespace that Applications deploy to."""
        return f"{self.name}-to"

    @property
    def repo_url(self) -> str:
        """The repository as Applications name it."""
        return f"http://127.0.0.1:{self.git.port}/platform.git"

    # -- what people do --------------------------------------------------------------------------------------------

    async def push(self, files: Files, *, force: bool = False) -> str:
        """Write files, commit and push; return the commit."""
        for path, text in files.items():
            target = self.checkout.path / path
            if text is not None:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text)
            elif target.is_dir():
                shutil.rmtree(target)
            else:
                target.unlink()
        return await asyncio.to_thread(self._push)

    def _push(self) -> str:
        self.checkout.git("add", "--all")
        self.checkout.git("commit", "--quiet", "--allow-empty", "--message", "change")
        self.checkout.git("push", "--quiet", "origin", "HEAD:main")
        return self.checkout.git("rev-parse", "HEAD")

    def application(self, name: str, path: str = "", **spec: Any) -> Manifest:
        """Build an Application of a folder; `spec` replaces whole fields of its spec."""
        made = engines.application(self.app(name), self.repo_url, path or name, self.name, self.destination)
        made["spec"].update(spec)
        return made

    async def create(self, name: str, path: str = "", *, finalizers: tuple[str, ...] = (), **spec: Any) -> str:
        """Create an Application; return its full name."""
        made = self.application(name, path, **spec)
        made["metadata"]["finalizers"] = list(finalizers)
        await self.api.create(made)
        return str(made["metadata"]["name"])

    async def annotate(self, name: str, annotation: str, value: str | None) -> None:
        """Annotate an Application; None takes the annotation off."""
        await self.api.patch(self.ref(name), {"metadata": {"annotations": {annotation: value}}})

    async def refreshed(self, name: str, how: str = "normal") -> Manifest:
        """Ask for a refresh and wait for its answer: the engine has looked at Git and cluster since."""
        await self.annotate(name, REFRESH, how)
        return await self.until(name, lambda app: REFRESH not in app["metadata"].get("annotations", {}), "refreshed")

    # -- what people see -------------------------------------------------------------------------------------------

    def app(self, name: str) -> str:
        """The full name of an Application of this stage."""
        return name if name.endswith(f"-{self.name}") else f"{name}-{self.name}"

    def ref(self, name: str) -> Ref:
        """Name an Application."""
        return Ref("argoproj.io", "Application", self.name, self.app(name), "v1alpha1")

    def config(self, name: str, namespace: str = "") -> Ref:
        """Name a ConfigMap."""
        return Ref("", "ConfigMap", namespace or self.destination, name)

    async def read(self, name: str) -> Manifest:
        """Return an Application that exists."""
        found = await self.api.get(self.ref(name))
        assert found is not None
        return found

    async def until(self, name: str, true: Callable[[Manifest], object], what: str) -> Manifest:
        """Wait until an Application is as told; return it so."""
        return await self.until_object(self.ref(name), lambda found: found is not None and true(found), what) or {}

    async def until_synced(self, name: str, revision: str = "") -> Manifest:
        """Wait until an Application is as Git says, and healthy, and no sync is under way."""
        what = f"Synced and Healthy at {revision or 'any commit'}"
        return await self.until(name, lambda app: is_synced(app, revision), what)

    async def until_message(self, name: str, message: str) -> None:
        """Wait until a ConfigMap of the destination says this."""
        what = f"saying {message!r}"
        await self.until_object(self.config(name), lambda found: found and found["data"]["message"] == message, what)

    async def until_condition(self, name: str, kind: str, pattern: str) -> str:
        """Wait for a condition whose message matches; return the message."""
        found = await self.until(
            name, lambda app: re.search(pattern, conditions(app).get(kind, "")), f"{kind} with {pattern!r}"
        )
        return conditions(found)[kind]

    async def until_object(self, ref: Ref, true: Callable[[Manifest | None], object], what: str) -> Manifest | None:
        """Wait, by watching, until an object (None: it does not exist) is as told; return it so."""
        last: list[Manifest | None] = [None]
        try:
            async with asyncio.timeout(HANGS_S):
                async for state in self._states(ref):
                    last[0] = state
                    if true(state):
                        return state
        except TimeoutError:
            pass
        raise AssertionError(f"{ref} is not yet {what}; it is {_shown(last[0])}\n{self.engine.tail()}")

    async def _states(self, ref: Ref) -> AsyncIterator[Manifest | None]:
        while True:
            listed = await self.api.list(ref.group, ref.version, ref.kind, namespace=ref.namespace)
            yield next((found for found in listed.items if Ref.of(found) == ref), None)
            version = listed.resource_version
            try:
                async for event in self.api.watch(
                    ref.group, ref.version, ref.kind, namespace=ref.namespace, resource_version=version
                ):
                    if event.type != "BOOKMARK" and Ref.of(event.object) == ref:
                        yield None if event.type == "DELETED" else event.object
            except Gone:
                continue

    def deletions(self) -> list[str]:
        """The objects that the engine has asked the API server to delete, as paths, in order."""
        return [line.split()[1] for line in self.proxy.requests if line.startswith("DELETE ")]


def _shown(found: Manifest | None) -> str:
    fields = {key: value for key, value in (found or {}).items() if key not in ("metadata", "apiVersion", "kind")}
    return json.dumps(fields, indent=1) if found is not None else "not there"


def conditions(application: Manifest) -> dict[str, str]:
    """Message by type."""
    found = (application.get("status") or {}).get("conditions") or []
    return {condition["type"]: condition["message"] for condition in found}


def sync_of(application: Manifest) -> str:
    """Synced, OutOfSync, Unknown, or '' before the first look."""
    return str(((application.get("status") or {}).get("sync") or {}).get("status") or "")


def phase_of(application: Manifest) -> str:
    """The phase of the last sync, or of the one under way."""
    return str(((application.get("status") or {}).get("operationState") or {}).get("phase") or "")


def is_synced(application: Manifest, revision: str = "") -> bool:
    """Whether an Application is as Git says and healthy, and its last sync has succeeded."""
    status = application.get("status") or {}
    at = (status.get("sync") or {}).get("revision")
    return (
        sync_of(application) == "Synced"
        and (status.get("health") or {}).get("status") == "Healthy"
        and phase_of(application) == "Succeeded"
        and (not revision or at == revision)
    )


@asynccontextmanager
async def stage(name: str, api: KubeApi, proxy: FaultProxy, folder: Path) -> AsyncIterator[Stage]:
    """Set a stage, with an engine that has not been started yet; clear it away."""
    git = GitServer(folder / "git", extra={"WAIT_S": "0"})
    git.extra = {**git.extra, "PUBLIC_URL": f"http://127.0.0.1:{git.port}"}
    settings = {
        "GITOPS_POLL_S": "1",
        "GITOPS_POLL_JITTER_S": "0",
        "GITOPS_WAVE_DELAY_S": "0.1",
        "GITOPS_TROUBLED_S": "1",
    }
    engine = Engine(proxy.kubeconfig, folder, name, git.engine_port, settings)
    await asyncio.to_thread(git.start)
    try:
        for namespace in (name, f"{name}-to"):
            await api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        await engines.serve_applications(api)
        await engines.introduce(api, git, name)
        checkout = await asyncio.to_thread(Checkout.of, git.url, folder / "checkout")
        yield Stage(name, api, proxy, git, checkout, engine)
    finally:
        await asyncio.to_thread(engine.stop, signal.SIGKILL)
        await asyncio.to_thread(git.stop)
        await _clear(api, name)


async def _clear(api: KubeApi, name: str) -> None:
    for found in (await api.list("argoproj.io", "v1alpha1", "Application", namespace=name)).items:
        ref = Ref.of(found)
        if found["metadata"].get("finalizers"):
            await api.patch(ref, {"metadata": {"finalizers": None}})
        await api.delete(ref)
    for namespace in (name, f"{name}-to"):
        await api.delete(Ref("", "Namespace", "", namespace))
