"""What a repository is reached with: the Secrets and ConfigMaps of the engine's namespace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from operators.gitops.origin import GitOrigin
from operators.gitops.render import Renderer
from operators.gitops.sources import GitSource, Repository
from operators.kit.testing import FakeKubeApi

URL = "https://git.example:8443/platform.git"


class Recorder(GitSource):
    """Remembers what it was to fetch."""

    def __init__(self, cache: Path) -> None:
        super().__init__(cache)
        self.fetched: list[Repository] = []

    async def fetch(self, repository: Repository) -> None:
        self.fetched.append(repository)


def config_map(name: str, data: dict[str, str]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "argocd"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


@pytest.mark.parametrize("host", ["git.example", "git.example:8443"])
async def test_a_repository_is_reached_with_the_certificate_of_its_host(tmp_path: Path, host: str) -> None:
    api = FakeKubeApi(namespaces=("argocd",))
    api.seed(config_map("argocd-tls-certs-cm", {host: "PEM", "other.example": "OTHER"}))
    git = Recorder(tmp_path / "git")
    await GitOrigin(api, git, Renderer(git, tmp_path / "render"), "argocd").refresh(URL)
    assert [repository.ca for repository in git.fetched] == ["PEM"]
    await git.close()
