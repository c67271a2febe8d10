"""Pass pushes on at a bounded rate: what a storm of webhooks costs the engine.

In:  pushes as they are announced. Out: the same, but of each repository and ref only the newest where many come.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from .webhook import Push

BURST = 5
"""Pushes of one repository that are passed on at once; ordinary use never has more."""
REFILL_S = 0.5
"""Beyond the burst, one is passed on per this time, with the newest revision."""
KNOWN_REPOSITORIES = 1000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float
    waiting: Push | None = None
    timer: asyncio.TimerHandle | None = None


class Coalescer:
    """Pass pushes on at once, yet a storm of them at a bounded rate: per repository and ref the newest counts.

    `dropped(old, new)` is told of each that is never passed on, because a newer one stands in its place.
    A token bucket rather than a quiet period, because an ordinary push shall not wait for a storm that never comes.
    """

    def __init__(
        self,
        pushed: Callable[[Push], None],
        dropped: Callable[[Push, Push], None] = lambda _old, _new: None,
        *,
        burst: int = BURST,
        refill_s: float = REFILL_S,
    ) -> None:
        self._pushed = pushed
        self._dropped = dropped
        self._burst = burst
        self._refill_s = refill_s
        self._buckets: OrderedDict[tuple[frozenset[str], str], _Bucket] = OrderedDict()

    def push(self, push: Push) -> None:
        """Pass `push` on now, or soon in place of those that wait already."""
        loop = asyncio.get_running_loop()
        key = (push.keys, push.ref)
        bucket = self._buckets.setdefault(key, _Bucket(self._burst, loop.time()))
        self._buckets.move_to_end(key)
        self._forget()
        if bucket.waiting is not None:
            self._dropped(bucket.waiting, push)
            bucket.waiting = replace(push, before=bucket.waiting.before)
            return
        elapsed = loop.time() - bucket.filled_at
        bucket.tokens = min(self._burst, bucket.tokens + elapsed / self._refill_s)
        bucket.filled_at = loop.time()
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            self._pushed(push)
        else:
            bucket.waiting = push
            bucket.timer = loop.call_later((1 - bucket.tokens) * self._refill_s, self._release, bucket)

    def close(self) -> None:
        """Drop what waits; the engine polls."""
        for bucket in self._buckets.values():
            if bucket.timer:
                bucket.timer.cancel()

    def _release(self, bucket: _Bucket) -> None:
        push, bucket.waiting = bucket.waiting, None
        bucket.tokens, bucket.filled_at = 0.0, asyncio.get_running_loop().time()
        if push is not None:
            self._pushed(push)

    def _forget(self) -> None:
        """Keep the table bounded; a bucket that is forgotten starts full again."""
        while len(self._buckets) > KNOWN_REPOSITORIES:
            _, bucket = self._buckets.popitem(last=False)
            if bucket.timer:
                bucket.timer.cancel()
                self._release(bucket)
