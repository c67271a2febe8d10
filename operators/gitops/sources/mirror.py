"""One bare mirror of one remote.

In:  fetch. Out: commits of names, snapshots. A mirror holds nothing that its remote does not: whenever it cannot be
read it is thrown away and made again, so that a kill or a full disk in the middle of a fetch never needs a human.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from pathlib import Path

from .errors import SourceError
from .objects import Entry, Objects
from .process import Limits, TookTooLong, run
from .remote import Remote, Suspicious, base_environment
from .repository import Repository
from .snapshot import Snapshot

HEAD = "refs/remote/HEAD"
REFSPECS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
FETCH = (
    *("fetch", "--quiet", "--prune", "--no-tags", "--force", "--no-write-fetch-head", "--no-auto-maintenance"),
    *("--no-show-forced-updates", "--no-recurse-submodules"),
)
FETCHES_BETWEEN_GC = 200
REF_NAME = re.compile(
    r"(?!.*(\.\.|@\{|//|/\.|\.lock(/|$)))[^\x00-\x20\x7f~^:?*\[\\-][^\x00-\x20\x7f~^:?*\[\\]*(?<![./])"
)
COMMIT = re.compile(r"[0-9a-f]{7,40}")


class Mirror:
    """The mirror of one remote. `fetch_s` bounds a fetch, `clone_s` the first one."""

    def __init__(self, path: Path, private: Path, *, fetch_s: float, clone_s: float) -> None:
        self.path = path
        self._private = private
        self._fetch_s, self._clone_s = fetch_s, clone_s
        self._objects = Objects(path, base_environment(private))
        self._lock = asyncio.Lock()
        self._next: asyncio.Task[None] | None = None
        self._healing: asyncio.Task[None] | None = None
        self._checked = False
        self._fetches = 0
        self._collecting: asyncio.Task[None] | None = None

    async def fetch(self, remote: Remote) -> None:
        """Bring it up to date. Callers that come while a fetch runs share the one after it.

        The running one may have asked the remote before their commit was there.
        """
        if self._next is None:
            self._next = asyncio.ensure_future(self._fetch_when_free(remote))
        # A caller that goes away does not take the others' fetch with it.
        await asyncio.shield(self._next)

    async def _fetch_when_free(self, remote: Remote) -> None:
        async with self._lock:
            self._next = None
            try:
                await self._fetch(remote)
            except Suspicious:
                # Only here: a remote that is down would have the whole mirror read again at every try.
                if not await self._is_damaged():
                    raise
                await self._remake()
                await self._fetch(remote)
            self._fetches += 1
            if self._fetches % FETCHES_BETWEEN_GC == 0:
                self._collecting = asyncio.ensure_future(self._collect())

    async def _fetch(self, remote: Remote) -> None:
        first = await self._prepare()
        timeout_s = self._clone_s if first else self._fetch_s
        arguments = [f"--git-dir={self.path}", *FETCH, "--", remote.repository.url, *REFSPECS]
        try:
            await remote.git(*arguments, f"+HEAD:{HEAD}", cwd=self.path, timeout_s=timeout_s)
        except SourceError as error:
            if "remote ref HEAD" not in str(error):
                raise
            # The remote is empty, or its HEAD names a branch that does not exist.
            await remote.git(*arguments, cwd=self.path, timeout_s=timeout_s)
            (self.path / HEAD).unlink(missing_ok=True)

    async def _prepare(self) -> bool:
        """Make the empty mirror where there is none, and clear what a killed git left; whether it is new."""
        if (self.path / "objects").is_dir():
            if not self._checked:
                for pattern in ("*.lock", "refs/**/*.lock", "objects/pack/tmp_*", "objects/pack/*.lock"):
                    for left in self.path.glob(pattern):
                        left.unlink(missing_ok=True)
            self._checked = True
            return False
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.mkdir(parents=True, mode=0o700)
        try:
            await self._local("init", "--quiet", "--bare", "--template=", "--initial-branch=main")
        except TookTooLong:
            raise SourceError("the mirror could not be made in time", transient=True) from None
        self._checked = True
        return True

    async def _is_damaged(self) -> bool:
        try:
            return not await self._local("fsck", "--connectivity-only", "--no-dangling", "--no-progress")
        except TookTooLong:
            return False  # a slow disk is no proof, and the mirror is all there is while the remote is out of reach

    async def _remake(self) -> None:
        await self._objects.close()
        shutil.rmtree(self.path, ignore_errors=True)

    async def _local(self, *arguments: str) -> bool:
        done = await run(
            ["git", f"--git-dir={self.path}", *arguments],
            env=base_environment(self._private),
            cwd=self.path,
            limits=Limits(self._clone_s),
        )
        return done.returncode == 0

    async def _collect(self) -> None:
        # Seldom, on this process's terms: git's own idea of when to do it would be in the middle of a push.
        async with self._lock:
            with contextlib.suppress(TookTooLong):
                await self._local("-c", "gc.auto=2000", "-c", "gc.autoDetach=false", "gc", "--auto", "--quiet")

    async def resolve(self, target: str) -> str:
        """The commit (40 hex) of a target revision; raises SourceError where the mirror has none."""
        target = target or "HEAD"
        if target == "HEAD":
            names = [HEAD]
        elif not REF_NAME.fullmatch(target):
            raise SourceError(
                f"targetRevision {target!r} is not a branch, a tag or a commit (version ranges are not served)",
                condition="InvalidSpecError",
            )
        elif target.startswith("refs/"):
            names = [target]
        else:
            # As Argo CD: a whole commit id first, then branch, tag, and the beginning of a commit id.
            names = [f"refs/heads/{target}", f"refs/tags/{target}"]
            if COMMIT.fullmatch(target):
                names.insert(0 if len(target) == 40 else 2, target)
        for found in await self._objects.resolve([f"{name}^{{commit}}" for name in names]):
            if found is not None:
                return found[0]
        if target == "HEAD":
            raise SourceError("the remote has no commit at HEAD: it is empty, or its default branch does not exist")
        raise SourceError(f"targetRevision {target!r}: no such branch, tag or commit in the repository")

    async def snapshot(self, revision: str) -> Snapshot:
        """The files of a commit."""
        found = (await self._objects.resolve([f"{revision}^{{tree}}"]))[0]
        if found is None:
            raise SourceError(f"commit {revision} is not in the repository", transient=True)
        return Snapshot(self._objects, revision, Entry(0o040000, found[0]))

    @property
    def exists(self) -> bool:
        """Whether it has been fetched at least once."""
        return (self.path / "objects").is_dir()

    @property
    def is_busy(self) -> bool:
        """Whether somebody fetches into it, waits to, or makes it anew."""
        return self._lock.locked() or self._next is not None or self._healing is not None

    async def heal(self, remote: Remote) -> None:
        """Make it anew after a read has failed; those who find the same damage meanwhile share the work.

        The read is the proof: `git fsck` does not look into files that nothing newer refers to.
        """
        if self._healing is None:
            self._healing = asyncio.ensure_future(self._heal(remote))
        await asyncio.shield(self._healing)

    async def _heal(self, remote: Remote) -> None:
        try:
            async with self._lock:
                await self._remake()
            await self.fetch(remote)
        finally:
            self._healing = None

    async def close(self) -> None:
        """End the processes."""
        for task in (self._healing, self._next, self._collecting):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        await self._objects.close()


def remote_of(repository: Repository, private: Path, *, allow_file: bool) -> Remote:
    """The remote of a repository, its URL free of credentials."""
    return Remote(repository.without_credentials_in_url(), private, allow_file)
