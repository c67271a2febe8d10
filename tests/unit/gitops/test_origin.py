"""What a repository is reached with: the Secrets and ConfigMaps of the engine's namespace."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from operators.gitops.origin import GitOrigin, NotFetchedYet
from operators.gitops.render import Renderer
from operators.gitops.sources import GitSource, Repository, SourceError
from operators.kit.testing import FakeKubeApi

URL = "https://git.example:8443/platform.git"


class Recorder(GitSource):
    """Remembers what it was to fetch; a remote is dead while `answers` is not set, and wants the `password`."""

    def __init__(self, cache: Path, password: str = "") -> None:
        super().__init__(cache)
        self.fetched: list[Repository] = []
        self.password = password
        self.answers = asyncio.Event()
        self.answers.set()

    async def fetch(self, repository: Repository) -> None:
        self.fetched.append(repository)
        await self.answers.wait()
        if self.password and repository.password != self.password:
            raise SourceError("access denied")

    async def resolve(self, repository: Repository, target_revision: str) -> str:
        return "1" * 40


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


def secret(password: str) -> dict[str, Any]:
    labels = {"argocd.argoproj.io/secret-type": "repository"}
    data = {name: base64.b64encode(value.encode()).decode() for name, value in (("url", URL), ("password", password))}
    metadata = {"name": "repository", "namespace": "argocd", "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


async def test_nobody_waits_for_a_dead_remote_and_all_are_told_when_it_answers(tmp_path: Path) -> None:
    git, told = Recorder(tmp_path / "git"), asyncio.Event()
    git.answers.clear()
    origin = GitOrigin(FakeKubeApi(namespaces=("argocd",)), git, Renderer(git, tmp_path / "render"), "argocd")
    origin.on_fetched(lambda _: told.set())
    async with asyncio.timeout(5):
        for _ in range(8):
            with pytest.raises(NotFetchedYet):
                await origin.resolve(URL, "main")
        git.answers.set()
        await told.wait()
    assert await origin.resolve(URL, "main") == "1" * 40
    assert len(git.fetched) == 1, "they share one fetch"
    await origin.close()
    await git.close()


async def test_known_credentials_serve_while_they_are_read_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("operators.gitops.origin._SECRETS_TTL_S", 0.0)
    api, git = FakeKubeApi(namespaces=("argocd",)), Recorder(tmp_path / "git", "old")
    api.seed(secret("old"))
    origin = GitOrigin(api, git, Renderer(git, tmp_path / "render"), "argocd")
    await origin.refresh(URL)
    listing, hold = api.list, asyncio.Event()

    async def slow(*args: Any, **options: Any) -> Any:
        await hold.wait()
        return await listing(*args, **options)

    api.list = slow  # type: ignore[method-assign]
    async with asyncio.timeout(5):
        await origin.refresh(URL)
    hold.set()
    api.seed(secret("new"))
    git.password = "new"
    await origin.refresh(URL)
    assert git.fetched[-1].password == "new", "a changed Secret counts at once where the old one is refused"
    await origin.close()
    await git.close()


async def test_a_repository_that_is_named_again_is_fetched_again(tmp_path: Path) -> None:
    git, told = Recorder(tmp_path / "git"), asyncio.Event()
    origin = GitOrigin(FakeKubeApi(namespaces=("argocd",)), git, Renderer(git, tmp_path / "render"), "argocd")
    origin.on_fetched(lambda _: told.set())
    await origin.refresh(URL)
    await origin.keep_only({URL})
    assert await origin.resolve(URL, "main")
    await origin.keep_only({"https://git.example/other.git"})
    with pytest.raises(NotFetchedYet):
        await origin.resolve(URL, "main")
    await told.wait()
    assert await origin.resolve(URL, "main")
    await origin.close()
    await git.close()
