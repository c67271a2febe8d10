"""A small world for the engine: an API server in memory, a repository that is a dict, and a clock that tests turn."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence, Set
from datetime import UTC, datetime, timedelta
from typing import Any

from operators.gitops.engine import Engine, Services
from operators.gitops.kill import KillSwitch
from operators.gitops.models import Application, ApplicationSource
from operators.gitops.origin import Capabilities
from operators.gitops.receipts import Receipts
from operators.gitops.receipts_text import receipt_lines
from operators.gitops.render import Rendered
from operators.gitops.settings import Settings
from operators.gitops.sources import SourceError
from operators.kit.kube import Manifest, Ref
from operators.kit.testing import FakeKubeApi

REPO = "https://git.example/platform.git"
START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def manifest(kind: str, name: str, *, api_version: str = "v1", wave: int | None = None, **fields: Any) -> Manifest:
    """Write a manifest in one line; `options` and `annotations` become annotations."""
    annotations = dict(fields.pop("annotations", {}))
    if wave is not None:
        annotations["argocd.argoproj.io/sync-wave"] = str(wave)
    if "options" in fields:
        annotations["argocd.argoproj.io/sync-options"] = fields.pop("options")
    metadata: dict[str, Any] = {"name": name}
    if "namespace" in fields:
        metadata["namespace"] = fields.pop("namespace")
    if annotations:
        metadata["annotations"] = annotations
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def config(name: str, value: str = "1", **fields: Any) -> Manifest:
    """A ConfigMap."""
    return manifest("ConfigMap", name, data={"value": value}, **fields)


def deployment(name: str, **fields: Any) -> Manifest:
    """A Deployment with one container."""
    spec = {
        "replicas": 0,
        "selector": {"matchLabels": {"app": name}},
        "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "web", "image": "web:1"}]},
        },
    }
    return manifest("Deployment", name, api_version="apps/v1", spec=spec, **fields)


def application(name: str = "web", *, automated: dict[str, Any] | None = None, **spec: Any) -> Manifest:
    """An Application of REPO's folder of the same name, to namespace `shop`."""
    finalizers = spec.pop("finalizers", None)
    policy = {**spec.pop("policy", {}), **({"automated": automated} if automated is not None else {})}
    fields = {
        "project": "default",
        "source": {"repoURL": REPO, "path": name, "targetRevision": "main"},
        "destination": {"name": "in-cluster", "namespace": "shop"},
        **({"syncPolicy": policy} if policy else {}),
        **spec,
    }
    metadata: dict[str, Any] = {"name": name, "namespace": "argocd"}
    if finalizers:
        metadata["finalizers"] = finalizers
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata, "spec": fields}


class Repository:
    """An Origin: commits of folders of manifests. `broken` is raised by everything that needs the remote."""

    def __init__(self) -> None:
        self.commits: list[dict[str, list[Manifest]]] = [{}]
        self.broken: SourceError | None = None
        self.unrenderable: SourceError | None = None
        self.renders = 0
        self.asked = 0
        """How often it was asked for content keys of many."""
        self.resolved = 0
        self.fresh: list[bool] = []
        """Of each request to render, whether it was to forget what is known."""
        self.kept: Set[str] = set()
        """The repositories that were named when the others were forgotten."""

    def commit(self, **folders: list[Manifest] | None) -> str:
        """Commit folders on top of what is there, None removes one; return the commit id."""
        changed = {**self.commits[-1], **folders}
        self.commits.append({name: found for name, found in changed.items() if found is not None})
        return self.head

    @property
    def head(self) -> str:
        """The newest commit id."""
        return f"{len(self.commits) - 1:040x}"

    def _commit(self, revision: str) -> dict[str, list[Manifest]]:
        if int(revision, 16) >= len(self.commits):
            raise SourceError(f"there is no commit {revision}")
        return self.commits[int(revision, 16)]

    def on_fetched(self, tell: Callable[[str], None]) -> None:
        self.tell = tell

    async def refresh(self, repo_url: str) -> None:
        if self.broken:
            raise self.broken

    async def resolve(self, repo_url: str, target_revision: str, *, allow_stale: bool = False) -> str:
        self.resolved += 1
        if self.broken and not allow_stale:
            raise self.broken
        if len(target_revision) == 40:
            return target_revision
        return self.head

    async def render(self, app: Application, source: ApplicationSource, revision: str, has: Capabilities) -> Rendered:
        self.fresh.append(has.fresh)
        if self.unrenderable:
            raise self.unrenderable
        self.renders += 1
        found = self._commit(revision)
        if source.path not in found and any(source.path in commit for commit in self.commits):
            raise SourceError(f"{source.path}: no such directory")
        manifests = found.get(source.path, [])
        return Rendered(tuple(manifests), "Directory", (source.path,), False, 0.0)

    async def keep_only(self, repo_urls: Set[str]) -> None:
        self.kept = repo_urls

    async def content_keys(self, repo_url: str, revision: str, groups: Sequence[Sequence[str]]) -> list[str]:
        self.asked += 1
        return [await self.content_key(repo_url, revision, paths) for paths in groups]

    async def content_key(self, repo_url: str, revision: str, paths: Sequence[str]) -> str:
        text = json.dumps([self._commit(revision).get(path) for path in paths], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


class World:
    """Everything together. `await settle()` lets the engine work until it is idle."""

    def __init__(self, kill: KillSwitch | None = None, **settings: Any) -> None:
        self.now = START
        self.api = FakeKubeApi(now=lambda: self.now, namespaces=("default", "argocd", "shop"))
        self.git = Repository()
        self.receipts = Receipts(self.api, now=lambda: self.now)
        self.settings = Settings(**{"wave_delay_s": 0.0, **settings})
        self.engine = self._engine(kill)

    def _engine(self, kill: KillSwitch | None = None) -> Engine:
        services = Services(self.api, self.git, self.receipts, now=lambda: self.now, kill=kill or KillSwitch())
        return Engine(services, self.settings)

    async def restart(self, kill: KillSwitch | None = None) -> None:
        """Start another engine that knows nothing but the cluster."""
        await self.engine.close()
        self.engine = self._engine(kill)

    async def create(self, app: Manifest) -> None:
        """Create an Application and let the engine work."""
        await self.api.create(app)
        await self.settle()

    async def settle(self) -> None:
        """Tell the engine of all Applications, as its watch would, and wait until nothing moves any more."""
        self.engine.queue.start()
        for _ in range(20):
            writes = len(self.api.writes)
            await self._tell()
            for _ in range(5):
                await asyncio.sleep(0)
            await self.engine.queue.idle()
            for _ in range(20):
                await asyncio.sleep(0)
            await self.engine.queue.idle()
            if len(self.api.writes) == writes:
                return

    async def look(self, name: str = "web") -> None:
        """Let the engine look once more, as a timer would."""
        self.engine.queue.add(name)
        await self.settle()

    async def later(self, **by: float) -> None:
        """Turn the clock on and let the engine look at everything."""
        self.now += timedelta(**by)
        for name in self.engine.roster.all():
            self.engine.queue.add(name)
        await self.settle()

    async def push(self, **folders: list[Manifest] | None) -> str:
        """Commit, announce, and let the engine work."""
        before, revision = self.git.head, self.git.commit(**folders)
        self.receipts.announced(REPO, before, revision)
        await self.engine.repositories.examine(REPO, revision)
        await self.settle()
        return revision

    def told(self, revision: str) -> list[str]:
        """The lines of a push's receipt, without their common beginning."""
        receipt = self.receipts.get(revision)
        assert receipt is not None, f"{revision} has no receipt"
        return [line.removeprefix("gitops  ") for line in receipt_lines(receipt)]

    def is_told(self, revision: str) -> bool:
        """Whether the stream of a push has come to its end."""
        receipt = self.receipts.get(revision)
        return receipt is not None and receipt.done

    async def change(self, patch: dict[str, Any], name: str = "web") -> None:
        """Patch an Application as kubectl would."""
        await self.api.patch(Ref("argoproj.io", "Application", "argocd", name, "v1alpha1"), patch)
        await self.settle()

    def app(self, name: str = "web") -> Manifest:
        """The Application as it is in the cluster."""
        found = self.api.find(Ref("argoproj.io", "Application", "argocd", name, "v1alpha1"))
        assert found is not None, f"Application {name} is gone"
        return found

    def status(self, name: str = "web") -> dict[str, Any]:
        """Its status."""
        found: dict[str, Any] = self.app(name).get("status", {})
        return found

    def conditions(self, name: str = "web") -> dict[str, str]:
        """Its conditions' messages by type."""
        return {entry["type"]: entry["message"] for entry in self.status(name).get("conditions", [])}

    def has(self, kind: str, name: str, namespace: str = "shop", group: str = "", version: str = "v1") -> bool:
        """Whether an object exists."""
        return self.api.find(Ref(group, kind, namespace, name, version)) is not None

    async def _tell(self) -> None:
        listed = await self.api.list("argoproj.io", "v1alpha1", "Application", namespace="argocd")
        present = {found["metadata"]["name"] for found in listed.items}
        for found in listed.items:
            self.engine.roster.see(found)
        for name in self.engine.roster.all().keys() - present:
            self.engine.roster.drop(name)
