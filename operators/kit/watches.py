"""Keep up with kinds: list, watch, and list again when the server has forgotten where we were.

Out: `on_event(ref, manifest | None)` for every object at first, then for every change; None when it is gone. After a
relist, what vanished meanwhile is told as gone as well, so a consumer needs no resync of its own.
Trade-off: identities of all objects of the kind are remembered, the objects themselves are not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from .errors import ApiError, Conflict, Forbidden, Gone, NotFound
from .kube import KubeApi, Manifest, Ref, WatchEvent
from .metrics import WATCH_EVENTS, WATCH_RESTARTS
from .queue import Backoff

# Servers send a bookmark about once a minute; two missed ones and a reconnect fit in here.
FRESH_S = 150.0
# A server that answers with failures for longer than a rolling restart takes may have told others more than us.
FAILING_S = 30.0

OnEvent = Callable[[Ref, Manifest | None], None]


@dataclass(frozen=True, slots=True, order=True)
class Watched:
    """What one watch covers; `namespace=""` is all namespaces."""

    group: str
    version: str
    kind: str
    namespace: str = ""

    def __str__(self) -> str:
        return f"{self.kind}.{self.group}" if self.group else self.kind


class KindWatch:
    """One kind, kept up with by `run` until that is cancelled. A callback that raises ends it: that is a bug."""

    def __init__(
        self,
        api: KubeApi,
        watched: Watched,
        on_event: OnEvent,
        on_synced: Callable[[], None] = lambda: None,
        *,
        pause: Backoff | None = None,
    ) -> None:
        self.watched = watched
        self.synced = False
        """Whether all objects have been told, and the server has not refused to tell more since."""
        self.error: ApiError | Conflict | None = None
        """What keeps it from watching now; None while all is well."""
        self._api = api
        self._on_event = on_event
        self._on_synced = on_synced
        self._pause = pause or Backoff(first_s=0.5, cap_s=30)
        self._known: dict[Ref, Ref] = {}
        self._version = ""
        self._failures = 0
        self._failing_since: float | None = None
        self._heard_at = _now()

    @property
    def silent_s(self) -> float:
        """Seconds since the server was last heard on this watch."""
        return _now() - self._heard_at

    @property
    def known(self) -> frozenset[Ref]:
        """The objects that exist, as far as this watch has heard."""
        return frozenset(self._known)

    async def run(self) -> None:
        """Keep up until cancelled. Every turn ends in a pause, also after a clean end: no server is hammered."""
        while True:
            reason = await self._turn()
            WATCH_RESTARTS.labels(str(self.watched), reason).inc()
            self._failures += 1
            await asyncio.sleep(self._pause.after(self._failures))

    async def _turn(self) -> str:
        """List if needed, then follow one connection; return why that ended."""
        try:
            if not self._version:
                await self._list()
            await self._follow()
        except Gone:
            self._version = ""
            return "gone"
        except (NotFound, Forbidden) as error:
            # The server is well and says no (a CRD was removed, rights are missing): that is for readiness to tell.
            self._version = ""
            self.synced = False  # what was told is true no longer: whoever decides by it must know
            self.error = error
            self._heard()
            return "refused"
        except (ApiError, Conflict) as error:
            self._note_failure(error)
            return "error"
        return "closed"

    def _note_failure(self, error: ApiError | Conflict) -> None:
        """An answer of any status is a sign of life, which a restart of this process would not better."""
        self.error = error
        if isinstance(error, ApiError) and error.status == 0:
            return
        self._heard()
        if self._failing_since is None:
            self._failing_since = _now()
        elif _now() - self._failing_since > FAILING_S:
            self._version = ""
            self.synced = False

    async def _list(self) -> None:
        watched = self.watched
        listed = await self._api.list(watched.group, watched.version, watched.kind, namespace=watched.namespace)
        self._note_success()
        present = {Ref.of(manifest): manifest for manifest in listed.items}
        for ref in [ref for ref in self._known.values() if ref not in present]:
            self._tell(ref, None)
        for ref, manifest in present.items():
            self._tell(ref, manifest)
        self._version = listed.resource_version
        if not self.synced:
            self.synced = True
            self._on_synced()

    async def _follow(self) -> None:
        watched = self.watched
        events = self._api.watch(
            watched.group,
            watched.version,
            watched.kind,
            namespace=watched.namespace,
            resource_version=self._version,
        )
        async for event in events:
            self._take(event)

    def _take(self, event: WatchEvent) -> None:
        self._note_success()
        self._failures = 0
        self._version = event.object["metadata"]["resourceVersion"]
        if event.type != "BOOKMARK":
            WATCH_EVENTS.labels(str(self.watched)).inc()
            self._tell(Ref.of(event.object), None if event.type == "DELETED" else event.object)

    def _tell(self, ref: Ref, manifest: Manifest | None) -> None:
        if manifest is None:
            self._known.pop(ref, None)
        else:
            self._known[ref] = ref
        self._on_event(ref, manifest)

    def _note_success(self) -> None:
        self._heard()
        self.error = None
        self._failing_since = None

    def _heard(self) -> None:
        self._heard_at = _now()


class Watches:
    """A changing set of watches that share their callbacks."""

    def __init__(self, api: KubeApi, on_event: OnEvent, on_synced: Callable[[Watched], None] = lambda _: None) -> None:
        self._api = api
        self._on_event = on_event
        self._on_synced = on_synced
        self._watches: dict[Watched, KindWatch] = {}
        self._tasks: dict[Watched, asyncio.Task[None]] = {}

    def follow(self, wanted: Iterable[Watched]) -> None:
        """Follow exactly these from now on; a watch that is no longer wanted ends without telling anything."""
        wanted = set(wanted)
        for watched in self._tasks.keys() - wanted:
            self._tasks.pop(watched).cancel()
            del self._watches[watched]
        for watched in sorted(wanted - self._tasks.keys()):
            watch = KindWatch(self._api, watched, self._on_event, partial(self._on_synced, watched))
            self._watches[watched] = watch
            self._tasks[watched] = asyncio.create_task(watch.run(), name=f"watch {watched}")

    def __contains__(self, watched: Watched) -> bool:
        return watched in self._watches

    @property
    def synced(self) -> bool:
        """Whether every watch has told all its objects and is not refused."""
        return all(watch.synced for watch in self._watches.values())

    def is_synced(self, watched: Watched) -> bool:
        """Whether this watch has told all its objects and is not refused."""
        return watched in self._watches and self._watches[watched].synced

    def is_unserved(self, watched: Watched) -> bool:
        """Whether the server says that it has no such kind in this version."""
        return watched in self._watches and isinstance(self._watches[watched].error, NotFound)

    def complaints(self, fresh_s: float = FRESH_S) -> list[str]:
        """Return what a liveness probe should fail for: watches that are silent or whose task has died."""
        found = []
        for watched, watch in self._watches.items():
            task = self._tasks[watched]
            if task.done():
                error = None if task.cancelled() else task.exception()
                found.append(f"watch of {watched} has died: {error!r}")
            elif watch.silent_s > fresh_s:
                found.append(
                    f"watch of {watched} has been silent for {watch.silent_s:.0f} s: {watch.error or 'no word'}"
                )
        return found

    def refusals(self) -> list[str]:
        """Return what a readiness probe should tell: watches the server refuses or that fail now."""
        return [f"watch of {watched}: {watch.error}" for watched, watch in self._watches.items() if watch.error]

    async def close(self) -> None:
        """End all watches."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        self._watches.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _now() -> float:
    return asyncio.get_running_loop().time()
