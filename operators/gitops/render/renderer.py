"""Render a source, once for equal content.

In:  a `RenderRequest`. Out: `Rendered`, or a `SourceError`; a source that cannot be rendered harms no other.
First the inputs are found in the commit without starting anything; their ids and the options key the cache. Equal
requests at the same time wait for one rendering.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import tempfile
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

from operators.gitops.models import DirectorySource
from operators.gitops.scrub import secret_values
from operators.gitops.sources import EVERY_COMMIT, GitSource, SourceError
from operators.gitops.sources.objects import Damaged

from . import directory
from .cache import RenderCache
from .chart import is_chart
from .environment import BuildEnvironment
from .files import Files, unique
from .helm import LARGE_TEXT, Helm, planned
from .helm_command import HelmCommand, HelmLimits
from .manifests import Collected, unique_texts
from .overrides import with_overrides
from .request import Rendered, RenderRequest

PLACES = 1000
"""For so many Applications the values of their Secrets are known, to keep them out of messages."""


class Renderer:
    """Renders sources out of the mirrors of `git`. `work_dir` is a directory of its own for short-lived files."""

    def __init__(
        self, git: GitSource, work_dir: Path, *, limits: HelmLimits | None = None, cache: RenderCache | None = None
    ) -> None:
        self._git = git
        self._limits = limits or HelmLimits()
        self._cache = cache or RenderCache()
        self._work_dir = work_dir
        self._helm: Helm | None = None
        self._secret_values: OrderedDict[tuple[str, str, str], frozenset[str]] = OrderedDict()
        self._running: dict[str, asyncio.Task[Collected]] = {}
        # What a killed process left there may hold values.
        shutil.rmtree(work_dir, ignore_errors=True)
        work_dir.mkdir(parents=True, mode=0o700)

    async def render(self, request: RenderRequest) -> Rendered:
        """Render one source at one commit; equal content and options are answered from the cache."""
        try:
            return await self._render(request)
        except Damaged:
            await self._git.heal(request.repository)
        try:
            return await self._render(request)
        except Damaged as damage:
            raise SourceError(f"the mirror cannot be read: {damage}", transient=True) from None

    async def _render(self, request: RenderRequest) -> Rendered:
        started = time.monotonic()
        files = Files(await self._git.snapshot(request.repository, request.revision))
        request = await with_overrides(request, files)
        environment = BuildEnvironment(request)
        kind = await _source_type(request, files)
        find = self._find_chart if kind == "Helm" else self._find_directory
        key, make = await find(request, files, environment)
        known = None if request.fresh else self._cache.get(key)
        if known is None:
            collected = await self._once(
                key, make, (request.repository.directory, request.source.path, request.app_name)
            )
            manifests, unsupported = collected.manifests, collected.unsupported
        else:
            manifests, unsupported = known
        paths = [*files.paths, *([EVERY_COMMIT] if environment.depends_on_revision else [])]
        return Rendered(
            manifests=tuple(manifests),
            source_type=kind,
            paths=unique(paths),
            from_cache=known is not None,
            seconds=time.monotonic() - started,
            unsupported=unique_texts(unsupported),
        )

    async def _once(self, key: str, make: Callable[[], Awaitable[Collected]], place: tuple[str, str, str]) -> Collected:
        async def made() -> Collected:
            try:
                collected = await make()
            except OSError as error:
                raise SourceError(f"the work folder cannot be used: {error.strerror}", transient=True) from error
            except SourceError as error:
                shown = error.without(self._secret_values.get(place, frozenset()))
                self._cache.put_failure(key, shown)
                raise shown from None
            # Helm quotes values in its complaints. What the last good rendering made Secrets of is known.
            self._secret_values[place] = secret_values(collected.manifests)
            self._secret_values.move_to_end(place)
            while len(self._secret_values) > PLACES:
                self._secret_values.popitem(last=False)
            self._cache.put(key, collected.manifests, collected.unsupported)
            return collected

        def forget(task: asyncio.Task[Collected]) -> None:
            self._running.pop(key, None)
            if not task.cancelled():
                task.exception()  # seen, also when all who waited have gone

        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.ensure_future(made())
            task.add_done_callback(forget)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """End what is being rendered."""
        for task in list(self._running.values()):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _find_chart(
        self, request: RenderRequest, files: Files, environment: BuildEnvironment
    ) -> tuple[str, Callable[[], Awaitable[Collected]]]:
        call = await planned(request, files, environment)

        async def make() -> Collected:
            if self._helm is None:
                home = Path(tempfile.mkdtemp(prefix="helm-home-", dir=self._work_dir))
                self._helm = Helm(await asyncio.to_thread(HelmCommand, home, self._limits))
            work = Path(tempfile.mkdtemp(prefix="render-", dir=self._work_dir))
            try:
                return await self._helm.render(call, files, work)
            finally:
                await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)

        return _key("helm", call.key, files), make

    async def _find_directory(
        self, request: RenderRequest, files: Files, _: BuildEnvironment
    ) -> tuple[str, Callable[[], Awaitable[Collected]]]:
        path = await files.require(request.source.path, what="the path")
        chosen = await directory.files_of(path, request.source.directory or DirectorySource(), files)
        files.entries.update(chosen)

        async def make() -> Collected:
            texts = await directory.read(chosen, files)
            if sum(len(text) for _, text in texts) > LARGE_TEXT:
                return await asyncio.to_thread(directory.manifests_of, texts)
            return directory.manifests_of(texts)

        return _key("directory", "", files), make


async def _source_type(request: RenderRequest, files: Files) -> Literal["Helm", "Directory"]:
    source = request.source
    if source.helm is not None and source.directory is not None:
        raise SourceError("spec.source has both helm and directory", condition="InvalidSpecError")
    found = await files.snapshot.find(source.path)
    files.paths.update(dict.fromkeys(found.links))
    if found.entry is None:
        files.paths[found.path] = None
        # Argo CD's words.
        raise SourceError(f"{source.path}: app path does not exist", file=source.path)
    if source.helm is not None or (source.directory is None and await is_chart(found.path, files)):
        return "Helm"
    return "Directory"


def _key(kind: str, options: str, files: Files) -> str:
    digest = hashlib.sha256(f"{kind}\0{options}\0".encode())
    for path, entry in sorted(files.entries.items()):
        digest.update(f"{path}\0{entry.mode:o} {entry.id}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()
