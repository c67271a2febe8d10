"""The files of one commit, read out of the mirror without a working tree.

In:  paths. Out: entries, contents, lists. There is no file system underneath, so a symbolic link or `..` can lead
nowhere but to another entry of the same commit: that is the jail, and it holds by construction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .errors import SourceError
from .objects import ANSWER_BYTES, Entry, Objects, Tree

LINKS_FOLLOWED = 40
STEPS = 500
"""Names that one path may take to its end, those of its links included."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where a path ends after all its links: `path` is free of links; `links` are those that were followed.

    `entry` is None where there is nothing: `path` then is where it would have to be.
    """

    path: str
    entry: Entry | None
    links: tuple[str, ...] = ()


class Snapshot:
    """One commit. Paths are relative to the repository's root; "" is the root itself."""

    def __init__(self, objects: Objects, revision: str, root: Entry) -> None:
        self._objects = objects
        self.revision = revision
        self._root = root

    async def entry(self, path: str) -> Entry | None:
        """The entry at exactly this path, no link followed; None where there is none."""
        return (await self.entries([path]))[0]

    async def entries(self, paths: Sequence[str]) -> list[Entry | None]:
        """The entries at exactly these paths, one question to git for each level of depth."""
        split = [[name for name in path.split("/") if name] for path in paths]
        at: list[Entry | None] = [self._root] * len(paths)
        for depth in range(max(map(len, split), default=0)):
            deeper = [i for i, names in enumerate(split) if len(names) > depth and at[i] is not None]
            trees = await self._objects.trees(entry.id for i in deeper if (entry := at[i]) and entry.is_directory)
            for i in deeper:
                entry = at[i]
                known = trees.get(entry.id) if entry else None
                at[i] = known.get(split[i][depth]) if known is not None else None
        return at

    async def children(self, directory: Entry) -> Tree:
        """What is in a directory, by name."""
        return (await self._objects.trees([directory.id]))[directory.id]

    async def read(self, *entries: Entry, most_bytes: int = ANSWER_BYTES) -> list[bytes]:
        """The contents of files (for a link: the path it points at); more than `most_bytes` raises SourceError."""
        return await self._objects.blobs([entry.id for entry in entries], most_bytes=most_bytes)

    async def find(self, path: str, *, base: str = "") -> Found:
        """Follow a path from the directory `base`, with its `..` and links.

        Raises SourceError where it leads out of the repository.
        """
        pending = [name for name in reversed(f"{base}/{path}".split("/")) if name not in ("", ".")]
        here: list[tuple[str, Entry]] = [("", self._root)]
        links: list[str] = []
        steps = 0
        while pending:
            name = pending.pop()
            steps += 1
            if steps + len(pending) > STEPS:
                raise SourceError(f"{path[:200]}: the path is too long", file=(*links, "")[0])
            if name == "..":
                if len(here) == 1:
                    raise outside(path, links)
                here.pop()
                continue
            parent = here[-1][1]
            child = (await self.children(parent)).get(name) if parent.is_directory else None
            if child is None:
                missing = [*(step[0] for step in here[1:]), name, *reversed(pending)]
                return Found("/".join(missing), None, tuple(links))
            if not child.is_symlink:
                here.append((name, child))
                continue
            links.append("/".join([*(step[0] for step in here[1:]), name]))
            if len(links) > LINKS_FOLLOWED:
                raise SourceError(f"{path}: the symbolic links go in a circle", file=links[0])
            target = (await self.read(child))[0].decode(errors="surrogateescape")
            if target.startswith("/"):
                raise outside(path, links)
            pending.extend(step for step in reversed(target.split("/")) if step not in ("", "."))
        return Found("/".join(step[0] for step in here[1:]), here[-1][1], tuple(links))


def outside(path: str, links: Sequence[str]) -> SourceError:
    """The error for a path that leaves the repository."""
    how = f"the symbolic link {links[-1]} points" if links else "it points"
    return SourceError(f"{path}: {how} outside the repository, and nothing is read from there", file=(*links, "")[0])
