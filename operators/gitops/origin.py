"""Where targets come from: repositories with their credentials, their mirrors, and the renderer.

In: an Application's source. Out: commits and rendered manifests, or a `SourceError`.
A repository is fetched by `refresh` only; everything else reads the mirror, so that a look costs no network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from operators.kit.errors import ApiError, PlatformError
from operators.kit.kube import KubeApi, Ref

from .models import Application, ApplicationSource
from .render import Rendered, Renderer, RenderRequest
from .sources import GitSource, Repository, SourceError
from .sources.credentials import LABEL, repository_for

_SECRETS_TTL_S = 15.0
_TRY_AGAIN_S = 15.0


@dataclass(frozen=True)
class Capabilities:
    """For what a source is rendered: what the API server serves, as Helm's templates ask for it."""

    kube_version: str
    api_versions: frozenset[str]
    fresh: bool = False
    """Render even where the result, or the failure, is known: a hard refresh asks for it."""


class NotFetchedYet(SourceError):
    """The first fetch is under way; `Origin.on_fetched` tells of its end."""


class Origin(Protocol):
    """What observing needs of Git and the renderer."""

    def on_fetched(self, tell: Callable[[str], None]) -> None:
        """Have `tell(repo_url)` called when a fetch that `resolve` began in the background has ended."""

    async def refresh(self, repo_url: str) -> None:
        """Fetch; a failure is kept and raised by `resolve` until a later fetch succeeds."""

    async def resolve(self, repo_url: str, target_revision: str, *, allow_stale: bool = False) -> str:
        """Return the commit of a revision, from the mirror; raise NotFetchedYet where there was no fetch so far.

        Never waits for the network: a first fetch, and one after a failure, is begun in the background.
        """

    async def render(self, app: Application, source: ApplicationSource, revision: str, has: Capabilities) -> Rendered:
        """Render a source at a commit."""

    async def content_key(self, repo_url: str, revision: str, paths: Sequence[str]) -> str:
        """Equal keys mean equal content of the paths."""

    async def content_keys(self, repo_url: str, revision: str, groups: Sequence[Sequence[str]]) -> Sequence[str]:
        """Return the content key of each list of paths; all of them cost about as much as one."""

    async def keep_only(self, repo_urls: Set[str]) -> None:
        """Forget all other repositories, but for those that are being fetched."""


class GitOrigin:
    """The Origin over Git mirrors and the renderer."""

    def __init__(self, api: KubeApi, git: GitSource, renderer: Renderer, namespace: str) -> None:
        self._api = api
        self._git = git
        self._renderer = renderer
        self._namespace = namespace
        self._problems: dict[str, tuple[float, SourceError]] = {}
        self._fetched: set[str] = set()
        self._repositories: dict[str, tuple[float, Repository]] = {}
        self._tell: Callable[[str], None] = lambda _: None
        self._fetches: dict[str, asyncio.Task[None]] = {}
        self._readings: dict[str, asyncio.Task[Repository]] = {}

    def on_fetched(self, tell: Callable[[str], None]) -> None:
        """As in Origin."""
        self._tell = tell

    async def close(self) -> None:
        """End what runs in the background."""
        tasks = [*self._fetches.values(), *self._readings.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def refresh(self, repo_url: str) -> None:
        """As in Origin."""
        try:
            await self._fetch(repo_url)
        except SourceError as error:
            self._problems[repo_url] = (asyncio.get_running_loop().time(), error)
            self._repositories.pop(repo_url, None)  # the next try reads the credentials anew
            raise
        self._problems.pop(repo_url, None)
        self._fetched.add(repo_url)

    async def _fetch(self, repo_url: str) -> None:
        """Fetch, once more where the credentials turn out to have changed since they were read."""
        repository = await self._repository(repo_url)
        try:
            await self._git.fetch(repository)
        except SourceError:
            now = await self._read(repo_url)
            if now == repository:
                raise
            await self._git.fetch(now)

    def _fetch_in_background(self, repo_url: str) -> None:
        if repo_url not in self._fetches:
            task = asyncio.create_task(self._fetch_and_tell(repo_url), name="fetch")
            self._fetches[repo_url] = task

    async def _fetch_and_tell(self, repo_url: str) -> None:
        try:
            with suppress(SourceError):  # it is kept, and `resolve` raises it
                await self.refresh(repo_url)
        finally:
            del self._fetches[repo_url]
        self._tell(repo_url)

    async def resolve(self, repo_url: str, target_revision: str, *, allow_stale: bool = False) -> str:
        """As in Origin."""
        failed_at, problem = self._problems.get(repo_url, (0.0, None))
        is_fetched = repo_url in self._fetched
        if problem is not None:
            if asyncio.get_running_loop().time() - failed_at > _TRY_AGAIN_S:
                self._fetch_in_background(repo_url)
            if not allow_stale or not is_fetched:
                raise problem
        elif not is_fetched:
            self._fetch_in_background(repo_url)
            raise NotFetchedYet("the repository is being fetched for the first time", transient=True)
        return await self._git.resolve(await self._repository(repo_url), target_revision)

    async def render(self, app: Application, source: ApplicationSource, revision: str, has: Capabilities) -> Rendered:
        """As in Origin."""
        request = RenderRequest(
            repository=await self._repository(source.repo_url),
            revision=revision,
            source=source,
            app_name=app.name,
            app_namespace=app.spec.destination.namespace,
            project=app.spec.project,
            kube_version=has.kube_version,
            api_versions=has.api_versions,
            fresh=has.fresh,
        )
        return await self._renderer.render(request)

    async def content_key(self, repo_url: str, revision: str, paths: Sequence[str]) -> str:
        """As in Origin."""
        return await self._git.content_key(await self._repository(repo_url), revision, paths)

    async def content_keys(self, repo_url: str, revision: str, groups: Sequence[Sequence[str]]) -> Sequence[str]:
        """As in Origin."""
        return await self._git.content_keys(await self._repository(repo_url), revision, groups)

    async def keep_only(self, repo_urls: Set[str]) -> None:
        """As in Origin."""
        named = repo_urls | self._fetches.keys()
        self._fetched &= named
        for url in self._problems.keys() - named:
            del self._problems[url]
        for url in self._repositories.keys() - named:
            del self._repositories[url]
        await self._git.keep_only(named)

    async def repository(self, url: str) -> Repository:
        """Join a URL with its credentials; raises SourceError."""
        return await self._repository(url)

    async def _repository(self, url: str) -> Repository:
        """Join a URL with its credentials.

        They are read again now and then, so that a changed Secret counts; what is known serves meanwhile, because
        this is on the way of every push.
        """
        read_at, known = self._repositories.get(url, (0.0, None))
        if known is None:
            return await self._read(url)
        if asyncio.get_running_loop().time() - read_at >= _SECRETS_TTL_S:
            self._reading(url)
        return known

    async def _read(self, url: str) -> Repository:
        return await asyncio.shield(self._reading(url))

    def _reading(self, url: str) -> asyncio.Task[Repository]:
        """Return the reading under way, or begin one: all who need it share it."""
        task = self._readings.get(url)
        if task is None:
            task = self._readings[url] = asyncio.create_task(self._read_anew(url), name="read repository")
            task.add_done_callback(lambda done: self._read_ended(url, done))
        return task

    def _read_ended(self, url: str, task: asyncio.Task[Repository]) -> None:
        self._readings.pop(url, None)
        if not task.cancelled():
            task.exception()  # where nobody waits for it, what is known serves on

    async def _read_anew(self, url: str) -> Repository:
        _, known = self._repositories.get(url, (0.0, None))
        try:
            selector = f"{LABEL} in (repository,repo-creds)"
            secrets, hosts, certificates = await asyncio.gather(
                self._api.list("", "v1", "Secret", namespace=self._namespace, label_selector=selector),
                self._api.get(Ref("", "ConfigMap", self._namespace, "argocd-ssh-known-hosts-cm")),
                self._api.get(Ref("", "ConfigMap", self._namespace, "argocd-tls-certs-cm")),
            )
        except (ApiError, PlatformError) as error:
            if known is not None:
                return known
            raise SourceError(f"the repository Secrets cannot be read: {error}", transient=True) from error
        known_hosts = str(((hosts or {}).get("data") or {}).get("ssh_known_hosts") or "")
        by_host = {str(host): str(pem) for host, pem in ((certificates or {}).get("data") or {}).items()}
        repository = repository_for(url, secrets.items, known_hosts=known_hosts, tls_certificates=by_host)
        self._repositories[url] = (asyncio.get_running_loop().time(), repository)
        return repository
