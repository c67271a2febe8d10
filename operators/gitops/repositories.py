"""Examine repositories: after a push, from time to time, and when a refresh asks for it.

In:  announcements of pushes, the poll, refresh annotations. Out: looks at the Applications concerned.
A push fetches once, and only Applications whose files it touched are rendered; the others learn the new commit later.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from typing import Any

from operators.kit.logging import get_logger
from operators.kit.queue import WorkQueue

from . import mishaps, touching
from .memory import Urgency
from .models import ApplicationSource
from .origin import Origin
from .roster import Roster
from .sources import SourceError
from .telling import Teller
from .webhook import Push, url_key

_UNTOUCHED_AFTER_S = 20.0
_PATIENCE_S = 1.0
"""For so long a look waits for a fetch that was asked for by annotation; then the end of the fetch wakes it."""
_DUE_S = 30.0
"""For so long at most others wait with pruning for an Application to render what was pushed."""
log = get_logger("gitops")


class Repositories:
    """The repositories that Applications are deployed from."""

    def __init__(self, origin: Origin, roster: Roster, queue: WorkQueue[str], teller: Teller) -> None:
        self._origin = origin
        self._roster = roster
        self._queue = queue
        self._teller = teller
        self._tasks: set[asyncio.Task[None]] = set()
        origin.on_fetched(lambda url: self._look_soon(roster.sources(url), Urgency.EVENT))

    def pushed(self, key: str, ref: str, _before: str, after: str) -> None:
        """Somebody pushed to a repository (`key` is its `webhook.url_key`): look at it now. Does not block."""
        for url in {url for url in self._roster.repositories() if url_key(url) == key}:
            self._spawn(self.examine(url, after, ref), f"examine {key}")

    def follows(self, push: Push) -> bool:
        """Whether an Application follows a repository that was pushed to; True while none is known at all."""
        return not self._roster or any(url_key(url) in push.keys for url in self._roster.repositories())

    async def examine_all(self) -> None:
        """Examine every repository: webhooks can be lost."""
        await asyncio.gather(*(self.examine(url) for url in sorted(self._roster.repositories())))

    async def forget_unnamed(self) -> None:
        """Give up what is kept of repositories that no Application names any more; all Applications must be known."""
        await self._origin.keep_only(self._roster.named())

    async def examine(self, repo_url: str, announced: str = "", ref: str = "") -> None:
        """Fetch a repository and look at the Applications whose files have changed; never raises.

        `announced` is the commit of a push, `ref` where it was pushed to.
        """
        try:
            await self._examine(repo_url, announced, ref)
        except Exception as error:  # noqa: BLE001 - one repository must not stop the others
            mishaps.note("repository could not be examined", error, repository=url_key(repo_url))
            self._look_soon(self._roster.sources(repo_url), Urgency.EVENT)

    async def _examine(self, repo_url: str, announced: str, ref: str) -> None:
        sources = self._roster.sources(repo_url)
        try:
            await self._origin.refresh(repo_url)
        except SourceError as error:
            log.warning("repository out of reach", repository=url_key(repo_url), reason=str(error))
            self._look_soon(sources, Urgency.EVENT)
            return
        memos = {name: self._roster.memo(name) for name in sources}
        touched = await touching.revisions(self._origin, sources, memos)
        names = sorted(name for name, revision in touched.items() if revision)
        if announced and self._teller.is_heard:
            await self._expect(announced, ref, sources, {name: touched[name] for name in names})
        due_until = asyncio.get_running_loop().time() + _DUE_S
        for name in names:
            self._roster.memo(name).due_until = due_until
        self._look_soon(names, Urgency.TOUCHED)
        for name in sources.keys() - set(names):
            if self._roster.memo(name).built is not None:
                spread_s = random.uniform(1, 2)  # noqa: S311 - spreads load
                self._queue.add(name, priority=Urgency.UNTOUCHED, after_s=_UNTOUCHED_AFTER_S * spread_s)

    async def _expect(
        self, announced: str, ref: str, sources: dict[str, ApplicationSource], touched: dict[str, str]
    ) -> None:
        """Tell the receipt of a push whom it concerns; `touched` has the commit that each Application goes to."""
        own = [name for name, revision in touched.items() if revision == announced]
        past = {name: it for name, it in touched.items() if len(it) == len(announced) and it != announced}
        past = {name: it for name, it in past.items() if await self._would_touch(name, sources[name], announced, ref)}
        self._teller.expect(announced, own, past, len(sources) - len(own) - len(past))

    async def _would_touch(self, name: str, source: ApplicationSource, commit: str, ref: str) -> bool:
        """Whether a commit that the mirror is past already has other content than what an Application was built of."""
        built = self._roster.memo(name).built
        target = source.target_revision
        if ref and target not in ("", "HEAD", ref, ref.rpartition("refs/heads/")[2], ref.rpartition("refs/tags/")[2]):
            return False  # pushed to another branch
        if built is None:
            return True
        with suppress(SourceError):
            key = await self._origin.content_key(source.repo_url, commit, built.paths)
            return key != built.content_key
        return False

    async def is_fetched(self, name: str, repo_url: str) -> bool:
        """Fetch because an Application asks for it; False where that takes long: its end brings the next look.

        No worker is held by a remote that does not answer.
        """
        memo = self._roster.memo(name)
        if memo.fetching is None:
            memo.fetching = self._spawn(self._fetch(name, repo_url), "refresh")
        await asyncio.wait({memo.fetching}, timeout=_PATIENCE_S)
        if not memo.fetching.done():
            return False
        memo.fetching = None
        return True

    async def _fetch(self, name: str, repo_url: str) -> None:
        with suppress(SourceError):
            await self._origin.refresh(repo_url)
        self._look_soon([name] if name in self._roster else (), Urgency.EVENT)

    async def close(self) -> None:
        """End what runs."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _look_soon(self, names: Iterable[str], urgency: Urgency) -> None:
        for name in names:
            self._queue.add(name, priority=urgency)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
