"""Read the files a source needs out of a commit, and nothing else.

In:  a `Snapshot` and paths. Out: files with their content ids, which both key the cache and are written for Helm.
This is the jail: links are followed inside the commit only and written out as plain files, so that Helm meets no
link at all; what is not listed here does not exist for it.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from operators.gitops.sources import EVERY_COMMIT, SourceError
from operators.gitops.sources.objects import Entry
from operators.gitops.sources.snapshot import Snapshot

FILES = 20_000
VISITS = 50_000
"""Of names in directories, links counted twenty times. Git stores equal directories once, so a few small ones that
name the next twice are a forest without end."""
LINK_COST = 20
VISITS_BETWEEN_PAUSES = 500
NAME_BYTES, PATH_BYTES = 255, 3000
"""What file systems take, a work folder in front."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO)
"""What the machine lacks; everything else is the fault of a file's name."""
BYTES = 64 << 20
"""Of all files together: more is refused before it is read."""


@dataclass(slots=True)
class Files:
    """Files by their path in the repository, as Helm shall find them, and all paths that led to them."""

    snapshot: Snapshot
    entries: dict[str, Entry] = field(default_factory=dict)
    paths: dict[str, None] = field(default_factory=dict)
    """What the result depends on, in the order it was met: also links, and what was looked for in vain."""

    visited: int = 0

    async def visit(self, path: str, cost: int = 1) -> None:
        """Count a name that is looked at, and let others run now and then; raises SourceError where it is too much."""
        before, self.visited = self.visited, self.visited + cost
        if self.visited > VISITS:
            raise SourceError(f"the source has more than {VISITS} files and directories", file=path[:PATH_BYTES])
        encoded = os.fsencode(path)
        if len(encoded) > PATH_BYTES or len(encoded.rpartition(b"/")[2]) > NAME_BYTES:
            raise SourceError(f"{path[:100]}…: the name is too long for a file", file=path[:PATH_BYTES])
        if self.visited // VISITS_BETWEEN_PAUSES > before // VISITS_BETWEEN_PAUSES:
            await asyncio.sleep(0)

    async def require(self, path: str, *, what: str, base: str = "") -> str:
        """Where a path ends, free of links; raises SourceError where it ends in nothing."""
        found = await self.look(path, base=base)
        if found is None:
            raise SourceError(f"{what} {path!r} does not exist in the repository", file=path)
        return found

    async def look(self, path: str, *, base: str = "") -> str | None:
        """Where a path ends, free of links; None where it ends in nothing."""
        found = await self.snapshot.find(path, base=base)
        await self.visit(path, 1 + LINK_COST * len(found.links))
        self.paths.update(dict.fromkeys(found.links))
        if found.entry is None:
            self.paths[found.path] = None
            return None
        return found.path

    async def add_file(self, path: str) -> None:
        """Take one file; `path` as `require` gave it."""
        entry = await self.snapshot.entry(path)
        if entry is None or entry.is_directory or entry.is_submodule:
            raise SourceError(f"{path}: is not a file", file=path)
        self._put(path, entry)
        self.paths[path] = None

    async def add_directory(self, path: str, at: str | None = None) -> None:
        """Take a directory and all below; `at` is where Helm shall find it."""
        self.paths[path] = None
        found = await self.snapshot.find(path)
        if found.entry is None or not found.entry.is_directory:
            raise SourceError(f"{path}: is not a directory", file=path)
        # Each step carries the real directories it came through: a link back into one of them never ends.
        first = (path if at is None else at, found.path, found.entry, (found.entry.id,))
        pending: list[tuple[str, str, Entry, tuple[str, ...]]] = [first]
        while pending:
            shown, real, directory, above = pending.pop()
            for name, child in sorted((await self.snapshot.children(directory)).items()):
                below, where = join(shown, name), join(real, name)
                await self.visit(below)
                entry = child
                if child.is_symlink:
                    entry, where = await self._follow(where)
                if entry.is_submodule:
                    raise submodule(where)
                if not entry.is_directory:
                    self._put(below, entry)
                elif child.is_symlink and entry.id in above:
                    raise SourceError(f"{join(real, name)}: the symbolic link leads back into itself", file=where)
                else:
                    pending.append((below, where, entry, (*above, entry.id)))

    async def _follow(self, link: str) -> tuple[Entry, str]:
        found = await self.snapshot.find(link)
        await self.visit(link, LINK_COST * len(found.links))
        if found.entry is None:
            raise SourceError(f"{link}: the symbolic link points at nothing", file=link)
        self.paths.update(dict.fromkeys([*found.links, found.path]))
        return found.entry, found.path

    def _put(self, path: str, entry: Entry) -> None:
        self.entries[path] = entry
        if len(self.entries) > FILES:
            raise SourceError(f"the source has more than {FILES} files")

    async def export(self, to: Path) -> None:
        """Write all files below a directory, none of them executable, none of them a link."""
        made: set[Path] = set()
        room = BYTES
        listed = list(self.entries.items())
        for start in range(0, len(listed), 200):
            part = listed[start : start + 200]
            contents = await self.snapshot.read(*(entry for _, entry in part), most_bytes=room)
            for (path, _), content in zip(part, contents, strict=True):
                room -= len(content)
                try:
                    _write(to / path, content, made)
                except OSError as error:
                    full = error.errno in FULL
                    raise SourceError(
                        f"{path}: cannot be written: {error.strerror}", file=path, transient=full
                    ) from None

    async def text(self, path: str) -> str:
        """The content of a file that was added."""
        return as_text((await self.snapshot.read(self.entries[path]))[0], path)


def _write(file: Path, content: bytes, made: set[Path]) -> None:
    if file.parent not in made:
        file.parent.mkdir(parents=True, exist_ok=True)
        made.add(file.parent)
    file.write_bytes(content)


def submodule(path: str) -> SourceError:
    """The error for a submodule where files are needed."""
    return SourceError(f"{path}: is a Git submodule, which is not served: put its files into the repository", file=path)


def as_text(content: bytes, path: str) -> str:
    """The text of a file; raises SourceError where it is none."""
    if content.startswith(b"version https://git-lfs"):
        raise SourceError(f"{path}: is stored in Git LFS, which is not served", file=path)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SourceError(f"{path}: is not UTF-8", file=path, line=line) from None


def join(directory: str, name: str) -> str:
    """A path below a directory; the root is ""."""
    return f"{directory}/{name}" if directory else name


def unique(paths: Iterable[str]) -> tuple[str, ...]:
    """The paths without those that lie below another one."""
    kept = set(paths)
    return tuple(
        p
        for p in sorted(kept)
        if p in ("", EVERY_COMMIT) or "" not in kept
        if not any(p[:i] in kept for i, c in enumerate(p) if c == "/")
    )
