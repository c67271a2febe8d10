"""A level-triggered work queue: a key says *that* something may differ, never what.

In: keys, from any number of events. Out: one call of the handler per key at a time, most urgent first. A key that comes
in while it waits is not added again; one that comes in while it is worked on is worked on once more afterwards.
Trade-off: a task per piece of work instead of standing workers, so that an idle queue costs nothing.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from .errors import Conflict, Retry, Unavailable
from .metrics import QUEUE_DEPTH, QUEUE_FAILURES, QUEUE_WAIT, QUEUE_WORK

Key = TypeVar("Key", bound=Hashable)
NORMAL = 10


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waiting after the n-th failure in a row: first_s · factorⁿ⁻¹, at most cap_s, plus or minus a tenth."""

    first_s: float = 1.0
    factor: float = 2.0
    cap_s: float = 300.0

    def after(self, failures: int) -> float:
        """Return the seconds to wait after that many failures in a row (1 or more)."""
        # The exponent is bounded because a float overflows after 1023 failures.
        seconds = min(self.cap_s, self.first_s * self.factor ** min(failures - 1, 60))
        return seconds * random.uniform(0.9, 1.1)  # noqa: S311 - spreads load, guards nothing


@dataclass(slots=True)
class _Entry:
    """A key that waits: until `due` (loop time), then by priority, then by age."""

    due: float
    priority: int
    number: int
    ready_at: float = 0.0


class WorkQueue(Generic[Key]):
    """Work for one handler; it returns the seconds until it wants the key again, or None.

    `on_error(key, error, retry_s)` is told of every failure; it must not raise. Nothing runs before `start`.
    """

    def __init__(
        self,
        name: str,
        handle: Callable[[Key], Awaitable[float | None]],
        *,
        workers: int = 8,
        backoff: Backoff | None = None,
        on_error: Callable[[Key, Exception, float], None] = lambda _key, _error, _retry_s: None,
    ) -> None:
        self._name = name
        self._handle = handle
        self._workers = workers
        self._backoff = backoff or Backoff()
        self._on_error = on_error
        self._waiting: dict[Key, _Entry] = {}
        self._ready: list[tuple[int, int, Key]] = []
        self._delayed: list[tuple[float, int, Key]] = []
        self._failures: dict[Key, int] = {}
        self._active: dict[Key, asyncio.Task[None]] = {}
        self._again: dict[Key, int] = {}
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._running = False
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        """How many keys wait or are worked on; delayed ones count."""
        return len(self._waiting) + len(self._active)

    def add(self, key: Key, *, priority: int = NORMAL, after_s: float = 0.0) -> None:
        """Ask for work on `key`, at once or later; the sooner wish and the more urgent priority (lower number) win."""
        if key in self._active and after_s <= 0:
            self._again[key] = min(priority, self._again.get(key, priority))
            return
        due = self._now() + after_s if after_s > 0 else 0.0
        waiting = self._waiting.get(key)
        if waiting is not None:
            if waiting.due <= due and waiting.priority <= priority:
                return
            due, priority = min(waiting.due, due), min(waiting.priority, priority)
        # An entry that is superseded stays in its heap; its number no longer matches, so it is skipped.
        entry = _Entry(due, priority, next(self._numbers), self._now() + max(after_s, 0))
        self._waiting[key] = entry
        if due:
            heapq.heappush(self._delayed, (due, entry.number, key))
        else:
            heapq.heappush(self._ready, (priority, entry.number, key))
        self._dispatch()

    def forget(self, key: Key) -> None:
        """Drop what waits for `key` and its failures; work under way is not interrupted."""
        self._waiting.pop(key, None)
        self._again.pop(key, None)
        self._failures.pop(key, None)
        self._note()

    def failures(self, key: Key) -> int:
        """How often `key` has failed in a row."""
        return self._failures.get(key, 0)

    def start(self) -> None:
        """Begin to work."""
        self._running = True
        self._dispatch()

    async def idle(self) -> None:
        """Wait until nothing is ready or worked on; delayed keys do not count."""
        while self._active or any(not entry.due for entry in self._waiting.values()):
            self._changed.clear()
            await self._changed.wait()

    async def close(self, grace_s: float = 10.0) -> None:
        """Start nothing more, give what runs `grace_s` to finish, then cancel it."""
        self._running = False
        if self._timer is not None:
            self._timer.cancel()
        tasks = list(self._active.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _dispatch(self) -> None:
        if self._running:
            self._promote()
            while self._ready and len(self._active) < self._workers:
                _, number, key = heapq.heappop(self._ready)
                entry = self._waiting.get(key)
                if entry is None or entry.number != number:
                    continue
                if key in self._active:  # a delayed wish came due while the key is worked on
                    del self._waiting[key]
                    self._again[key] = min(entry.priority, self._again.get(key, entry.priority))
                    continue
                self._begin(key, entry)
        self._note()

    def _begin(self, key: Key, entry: _Entry) -> None:
        del self._waiting[key]
        QUEUE_WAIT.labels(self._name).observe(max(0.0, self._now() - entry.ready_at))
        self._active[key] = asyncio.create_task(self._work(key), name=f"{self._name} {key}")

    def _promote(self) -> None:
        """Move what is due from the delayed heap to the ready one, and set the timer for the next."""
        now = self._now()
        while self._delayed:
            due, number, key = self._delayed[0]
            entry = self._waiting.get(key)
            if entry is not None and entry.number == number and due > now:
                break
            heapq.heappop(self._delayed)
            if entry is not None and entry.number == number:
                entry.due = 0.0
                heapq.heappush(self._ready, (entry.priority, number, key))
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self._delayed:
            self._timer = asyncio.get_running_loop().call_at(self._delayed[0][0], self._dispatch)

    async def _work(self, key: Key) -> None:
        again_s: float | None = None
        try:
            with QUEUE_WORK.labels(self._name).time():
                again_s = await self._handle(key)
            self._failures.pop(key, None)
        except Exception as error:  # noqa: BLE001 - whatever one key does must not stop the others
            again_s = self._failed(key, error)
        finally:
            del self._active[key]
            self._finish(key, again_s)

    def _failed(self, key: Key, error: Exception) -> float:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        retry_s = self._backoff.after(failures)
        if isinstance(error, Retry):
            retry_s = error.after_s
        elif isinstance(error, Conflict) and failures <= 3:
            retry_s = 0.0  # somebody was faster: look again at once
        elif isinstance(error, Unavailable) and error.retry_after_s is not None:
            retry_s = max(retry_s, error.retry_after_s)
        QUEUE_FAILURES.labels(self._name, type(error).__name__).inc()
        self._on_error(key, error, retry_s)
        return retry_s

    def _finish(self, key: Key, again_s: float | None) -> None:
        if not self._running:
            return
        if (priority := self._again.pop(key, None)) is not None:
            self.add(key, priority=priority)
        elif again_s is not None:
            self.add(key, after_s=again_s)
        self._dispatch()

    def _note(self) -> None:
        QUEUE_DEPTH.labels(self._name).set(len(self))
        self._changed.set()
