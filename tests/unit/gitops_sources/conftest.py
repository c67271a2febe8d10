"""Real Git repositories in temporary directories, and a renderer with a real Helm."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from operators.gitops.models import ApplicationSource
from operators.gitops.render import Rendered, Renderer, RenderRequest
from operators.gitops.render.helm_command import HelmLimits
from operators.gitops.sources import GitSource, Repository
from tests.support.upstream import Upstream

from .git_server import GitServer

CHART = "apiVersion: v2\nname: {name}\nversion: 0.1.0\n"
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: my-map}\ndata: {foo: {{ .Values.foo | quote }}}\n"


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    return Upstream(tmp_path)


@pytest.fixture
def repository(upstream: Upstream) -> Repository:
    return Repository(upstream.url)


@pytest.fixture
async def source(tmp_path: Path) -> AsyncIterator[GitSource]:
    source = GitSource(tmp_path / "mirrors", allow_file=True)
    yield source
    await source.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    server = GitServer(tmp_path)
    yield server
    server.stop()


class Bench:
    """Commit files, render an Application's source, look at the result."""

    def __init__(self, upstream: Upstream, source: GitSource, renderer: Renderer) -> None:
        self.upstream, self.source, self.renderer = upstream, source, renderer
        self.repository = Repository(upstream.url)

    async def render(self, spec: dict[str, Any] | None = None, **request: Any) -> Rendered:
        await self.source.fetch(self.repository)
        revision = await self.source.resolve(self.repository, "main")
        wire = {"repoURL": self.upstream.url, "targetRevision": "main", "path": "app", **(spec or {})}
        given = {"app_name": "web", "app_namespace": "shop", "kube_version": "v1.35.4", **request}
        return await self.renderer.render(
            RenderRequest(self.repository, revision, ApplicationSource.model_validate(wire), **given)
        )

    async def render_files(
        self, files: Mapping[str, str | bytes | None], spec: dict[str, Any] | None = None, **request: Any
    ) -> Rendered:
        self.upstream.commit(files)
        return await self.render(spec, **request)


@pytest.fixture
async def bench(tmp_path: Path, upstream: Upstream, source: GitSource) -> AsyncIterator[Bench]:
    renderer = Renderer(source, tmp_path / "render", limits=HelmLimits(timeout_s=20.0))
    yield Bench(upstream, source, renderer)
    await renderer.close()


def chart(
    *, name: str = "web", values: str = "foo: chart\n", template: str = CONFIG_MAP, **more: str
) -> dict[str, Any]:
    """The files of a small chart at app/; `more` maps file names below it."""
    files = {"Chart.yaml": CHART.format(name=name), "values.yaml": values, "templates/map.yaml": template, **more}
    return {f"app/{path}": content for path, content in files.items()}


def data(rendered: Rendered) -> dict[str, Any]:
    """The data of the first manifest."""
    return dict(rendered.manifests[0]["data"])
