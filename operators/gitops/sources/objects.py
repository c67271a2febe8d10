"""Read objects of a mirror through one long-lived `git cat-file --batch`.

In:  object names. Out: ids and bytes. No process is started per question, which is what makes a push cheap to judge:
two hundred paths cost a few milliseconds instead of a few hundred.
Trade-off: directories are read and parsed here, because asking git for `commit:path` walks from the root every time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import SourceError
from .process import close

TREES_KEPT = 2000
TREE_BYTES = 8 << 20
"""Of all kept directories as git writes them; in memory they are about eight times as large."""
BLOB_BYTES = 32 << 20
ANSWER_BYTES = 64 << 20
"""Of all objects that one question may bring."""
ANSWER_S = 30.0

DIRECTORY, SYMLINK, SUBMODULE = 0o040000, 0o120000, 0o160000


class Damaged(Exception):
    """The mirror cannot be read: it must be made anew."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a directory of a commit."""

    mode: int
    id: str

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""
        return self.mode == DIRECTORY

    @property
    def is_symlink(self) -> bool:
        """Whether it is a symbolic link."""
        return self.mode == SYMLINK

    @property
    def is_submodule(self) -> bool:
        """Whether it is the commit of another repository."""
        return self.mode == SUBMODULE


Tree = dict[str, Entry]


class Objects:
    """The object store of one mirror; safe to use from several tasks."""

    def __init__(self, mirror: Path, environment: dict[str, str]) -> None:
        self._mirror = mirror
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()
        self._trees: OrderedDict[str, tuple[Tree, int]] = OrderedDict()
        self._tree_bytes = 0

    async def resolve(self, names: Sequence[str]) -> list[tuple[str, str] | None]:
        """The (id, type) of each name (`refs/heads/main^{commit}`), None where there is no such object."""
        return [found and (found[0], found[1]) for found in await self._ask(names)]

    async def trees(self, ids: Iterable[str]) -> dict[str, Tree]:
        """The directories with these ids, by id."""
        found: dict[str, Tree] = {}
        missing = []
        for id_ in dict.fromkeys(ids):
            if kept := self._trees.get(id_):
                self._trees.move_to_end(id_)
                found[id_] = kept[0]
            else:
                missing.append(id_)
        for id_, answer in zip(missing, await self._ask(missing, 2 * TREE_BYTES), strict=True):
            if answer is None:
                raise Damaged(f"tree {id_} is missing")
            found[id_] = parse_tree(answer[2])
            self._keep(id_, found[id_], len(answer[2]))
        return found

    def _keep(self, id_: str, tree: Tree, size: int) -> None:
        self._tree_bytes += size - self._trees.pop(id_, (tree, 0))[1]
        self._trees[id_] = (tree, size)
        while len(self._trees) > TREES_KEPT or self._tree_bytes > TREE_BYTES:
            self._tree_bytes -= self._trees.popitem(last=False)[1][1]

    async def blobs(self, ids: Sequence[str], *, most_bytes: int = ANSWER_BYTES) -> list[bytes]:
        """The content of files; one larger than 32 MiB, or more than `most_bytes` together, raises SourceError.

        Nothing larger than that is ever held: git tells the size of each file before its content.
        """
        answers = await self._ask(ids, most_bytes)
        missing = [id_ for id_, answer in zip(ids, answers, strict=True) if answer is None]
        if missing:
            raise Damaged(f"blob {missing[0]} is missing")
        return [answer[2] for answer in answers if answer is not None]

    async def close(self) -> None:
        """End the process; the next question starts another."""
        async with self._lock:
            await self._stop()

    async def _ask(self, names: Sequence[str], most_bytes: int = ANSWER_BYTES) -> list[tuple[str, str, bytes] | None]:
        if not names:
            return []
        async with self._lock:
            with contextlib.suppress(asyncio.IncompleteReadError, BrokenPipeError, ConnectionResetError):
                # A process that was killed says nothing about the mirror: the second time it does.
                return await self._converse_in_time(names, most_bytes)
            try:
                return await self._converse_in_time(names, most_bytes)
            except (asyncio.IncompleteReadError, BrokenPipeError, ConnectionResetError) as error:
                raise Damaged("git cat-file ended") from error

    async def _converse_in_time(self, names: Sequence[str], most_bytes: int) -> list[tuple[str, str, bytes] | None]:
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._converse(names, most_bytes)
        except TimeoutError:
            await self._stop()
            raise SourceError("reading the mirror took too long", transient=True) from None
        except BaseException:
            # Answers that nobody has read would be taken for those of the next question.
            await self._stop()
            raise

    async def _converse(self, names: Sequence[str], most_bytes: int) -> list[tuple[str, str, bytes] | None]:
        process = await self._started()
        assert process.stdin is not None  # noqa: S101  # asked for in _started
        assert process.stdout is not None  # noqa: S101
        # Written by a task of its own: git stops reading while its answers are not fetched.
        writing = asyncio.ensure_future(self._write(process.stdin, names))
        try:
            answers, room = [], most_bytes
            for _ in names:
                answers.append(answer := await self._read_answer(process.stdout, room))
                room -= len(answer[2]) if answer else 0
            await writing
        finally:
            writing.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await writing
        return answers

    async def _write(self, stdin: asyncio.StreamWriter, names: Sequence[str]) -> None:
        stdin.write("".join(f"{name}\n" for name in names).encode())
        await stdin.drain()

    async def _read_answer(self, stdout: asyncio.StreamReader, room: int) -> tuple[str, str, bytes] | None:
        line = await stdout.readline()
        if not line:
            raise asyncio.IncompleteReadError(b"", None)
        words = line.decode(errors="replace").split()
        if len(words) != 3 or not words[2].isdigit():
            return None  # "<name> missing", "<name> ambiguous"
        size = int(words[2])
        if size > BLOB_BYTES:
            raise SourceError(f"a file of {size >> 20} MiB is too large to be a part of manifests")
        if size > room:
            raise SourceError("what is read together is larger than manifests may be")
        content = await stdout.readexactly(size + 1)
        return words[0], words[1], content[:-1]

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                "git",
                f"--git-dir={self._mirror}",
                "cat-file",
                "--batch",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=self._environment,
                cwd=self._mirror,
                start_new_session=True,
                limit=1 << 20,
            )
        return self._process

    async def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await close(process)


def parse_tree(data: bytes) -> Tree:
    """Git's directory format: mode, space, name, NUL, 20 bytes of id, repeated.

    Raises SourceError for what no commit made by git holds: a name such as `../x` would be written wherever it leads.
    """
    tree, at, end = {}, 0, len(data)
    try:
        while at < end:
            space = data.index(b" ", at)
            null = data.index(b"\0", space)
            name = data[space + 1 : null].decode(errors="surrogateescape")
            if name in ("", ".", "..") or "/" in name:
                raise SourceError(f"the repository holds an entry named {name!r}, which no file can have")
            tree[name] = Entry(int(data[at:space], 8), data[null + 1 : null + 21].hex())
            at = null + 21
    except ValueError:
        raise SourceError("the repository holds a directory that git cannot have written") from None
    if at != end:
        raise SourceError("the repository holds a directory that git cannot have written")
    return tree
