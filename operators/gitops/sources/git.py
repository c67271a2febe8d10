"""All mirrors: the one door to Git for the rest of the engine.

In:  repositories and target revisions. Out: commit ids, content keys and snapshots, or a `SourceError`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import TypeVar

from .errors import SourceError
from .mirror import Mirror, remote_of
from .objects import Damaged
from .repository import Repository, canonical_url
from .snapshot import Snapshot

EVERY_COMMIT = ":every-commit"
"""In a list of paths: depends on the commit's id itself, so that its key differs for every commit."""

T = TypeVar("T")


class GitSource:
    """Bare mirrors under one cache directory, one for each remote.

    The directory belongs to one process at a time. `fetch_s` bounds a fetch and `clone_s` a first one, in seconds.
    """

    def __init__(
        self, cache_dir: Path, *, fetch_s: float = 60.0, clone_s: float = 300.0, allow_file: bool = False
    ) -> None:
        self._cache_dir = cache_dir
        self._fetch_s, self._clone_s = fetch_s, clone_s
        self._allow_file = allow_file
        self._mirrors: dict[str, Mirror] = {}
        self._private = cache_dir / "private"
        # What a killed process left there are credentials.
        shutil.rmtree(self._private, ignore_errors=True)
        self._private.mkdir(parents=True, mode=0o700)

    async def fetch(self, repository: Repository) -> None:
        """Bring the mirror up to date with its remote; bounded in time. Concurrent calls share a fetch."""
        mirror = self._mirror(repository)
        try:
            await mirror.fetch(remote_of(repository, self._private, allow_file=self._allow_file))
        except OSError as error:
            raise SourceError(f"the mirror cannot be written: {error.strerror}", transient=True) from error

    async def resolve(self, repository: Repository, target_revision: str) -> str:
        """Commit id (40 hex) of HEAD, a branch, a tag or a commit id (from 7 hex on), from the mirror.

        The network is used only where there is no mirror yet.
        """
        return await self._read(repository, lambda mirror: mirror.resolve(target_revision))

    async def content_key(self, repository: Repository, revision: str, paths: Sequence[str]) -> str:
        """Equal keys mean equal content of all `paths` (files or directories; "" is everything); no network.

        What does not exist counts as such, so that its coming changes the key.
        """
        return (await self.content_keys(repository, revision, [paths]))[0]

    async def content_keys(
        self, repository: Repository, revision: str, groups: Sequence[Sequence[str]]
    ) -> tuple[str, ...]:
        """As `content_key`, for many lists of paths at once: every path is looked up once."""
        snapshot = await self.snapshot(repository, revision)
        plain = sorted({path for paths in groups for path in paths} - {EVERY_COMMIT})
        found = await self._read(
            repository, lambda _: snapshot.entries([str(PurePosixPath(p)) if p else "" for p in plain])
        )
        entries = dict(zip(plain, found, strict=True))
        keys = []
        for paths in groups:
            digest = hashlib.sha256()
            for path in sorted(path for path in paths if path != EVERY_COMMIT):
                entry = entries[path]
                line = f"{path}\0{entry.mode if entry else 0:o} {entry.id if entry else '-'}\n"
                digest.update(line.encode(errors="surrogateescape"))
            if EVERY_COMMIT in paths:
                digest.update(revision.encode())
            keys.append(digest.hexdigest())
        return tuple(keys)

    async def snapshot(self, repository: Repository, revision: str) -> Snapshot:
        """The files of a commit that is in the mirror."""
        return await self._read(repository, lambda mirror: mirror.snapshot(revision))

    async def heal(self, repository: Repository) -> None:
        """Make the mirror anew after a read of a snapshot has failed."""
        remote = remote_of(repository, self._private, allow_file=self._allow_file)
        await self._mirror(repository).heal(remote)

    async def keep_only(self, urls: Iterable[str]) -> None:
        """Remove the mirrors of all other remotes, also those of an earlier process; one that is being fetched stays.

        What goes is decided and put aside before anything is waited for: whoever names a remote anew meanwhile gets a
        mirror that has nothing to do with the old one.
        """
        try:
            aside = Path(tempfile.mkdtemp(prefix="gone-", dir=self._private))
        except OSError as error:
            raise SourceError(f"the mirrors cannot be moved: {error.strerror}", transient=True) from error
        wanted = {name for name in map(_directory, urls) if name}
        gone = [key for key, mirror in self._mirrors.items() if mirror.path.name not in wanted and not mirror.is_busy]
        closing = [self._mirrors.pop(key) for key in gone]
        wanted |= {mirror.path.name for mirror in self._mirrors.values()}
        for path in [path for path in self._cache_dir.glob("*.git") if path.name not in wanted]:
            with contextlib.suppress(OSError):
                path.rename(aside / path.name)
        for mirror in closing:
            await mirror.close()
        await asyncio.to_thread(shutil.rmtree, aside, ignore_errors=True)

    async def close(self) -> None:
        """End the processes; the mirrors stay on disk."""
        for mirror in self._mirrors.values():
            await mirror.close()

    def _mirror(self, repository: Repository) -> Mirror:
        key = canonical_url(repository.url)
        if key not in self._mirrors:
            path = self._cache_dir / repository.directory
            self._mirrors[key] = Mirror(path, self._private, fetch_s=self._fetch_s, clone_s=self._clone_s)
        return self._mirrors[key]

    async def _read(self, repository: Repository, read: Callable[[Mirror], Awaitable[T]]) -> T:
        """Read from the mirror; one that is missing or damaged is fetched first."""
        mirror = self._mirror(repository)
        if not mirror.exists:
            await self.fetch(repository)
        try:
            return await read(mirror)
        except Damaged:
            await self.heal(repository)
        try:
            return await read(mirror)
        except Damaged as damage:
            raise SourceError(f"repository {os.fspath(mirror.path.name)}: {damage}", transient=True) from None


def _directory(url: str) -> str:
    """The name of a remote's mirror; '' for what is no URL, as nothing can have been fetched from it."""
    try:
        return Repository(url).directory
    except SourceError:
        return ""
