"""All Canaries at once: a loop for each, woken by events of itself and of what it looks at.

In: events of Canaries (from kopf) and of the kinds they look at (kit's watches). Out: kit's loop, one task a Canary.
kopf's own daemons are not used: they are not started again for an object that is being deleted, so an operator that was
restarted while a Canary gives back would let it go at once.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict

from operators.kit import loop
from operators.kit.kube import KubeApi, Manifest, Ref
from operators.kit.logging import get_logger
from operators.kit.loop import Wakes
from operators.kit.watches import Watched, Watches

from .observe import Look
from .operator import Parts, build
from .settings import Settings
from .unwatched import Unwatched
from .vicinity import AUTOSCALER, SERVICE, Vicinity

KINDS = (
    ("apps", "v1", "Deployment"),
    ("", "v1", "Service"),
    ("", "v1", "ConfigMap"),
    ("gateway.networking.k8s.io", "v1", "HTTPRoute"),
    ("batch", "v1", "Job"),
    ("autoscaling", "v2", AUTOSCALER),
)
"""What is watched. Secrets are not, see `unwatched`."""
AGAIN_S = 10.0
log = get_logger("canary-operator")


class Fleet:
    """Serves every Canary that is told of."""

    def __init__(self, api: KubeApi, parts: Parts, settings: Settings) -> None:
        self._api = api
        self._operator = build(Parts(parts.instruments, parts.judge, parts.now, parts.kill, self._noted))
        self._forgotten = parts.instruments.forget
        self._wakes = Wakes()
        self._tasks: dict[Ref, asyncio.Task[None]] = {}
        self._heard: dict[Ref, tuple[object, ...]] = {}
        self._concerned: defaultdict[Ref, set[Ref]] = defaultdict(set)
        self._looked_at: dict[Ref, frozenset[Ref]] = {}
        self._vicinity = Vicinity()
        self._watches = Watches(api, self._changed)
        self._unwatched = Unwatched(api, self._wakes.wake)
        self._rereading: asyncio.Task[None] | None = None
        namespaces = settings.watch_namespaces or ("",)
        self._watched = [Watched(*kind, namespace=namespace) for kind in KINDS for namespace in namespaces]

    def start(self) -> None:
        """Begin to watch."""
        self._watches.follow(self._watched)
        self._rereading = asyncio.create_task(self._unwatched.run(), name="secrets")

    def heard(self, manifest: Manifest) -> None:
        """A Canary was seen (again)."""
        ref, metadata = Ref.of(manifest), manifest["metadata"]
        # What the operator itself writes (status, which has no part in the generation) is no news to it.
        state = (metadata.get("uid"), metadata.get("generation"), metadata.get("deletionTimestamp"))
        if self._heard.get(ref) != state:
            self._heard[ref] = state
            self._wakes.wake(ref)
        if ref not in self._tasks:
            self._tasks[ref] = asyncio.create_task(self._serve(ref), name=str(ref))

    def silent_s(self) -> float:
        """Seconds for which a watch is overdue; 0 where all are well. For the probe."""
        has_died = self._rereading is not None and self._rereading.done()
        return 1e9 if has_died or self._watches.complaints() else 0.0

    async def close(self) -> None:
        """Stop everything; what is under way is cut off, and goes on in the next life."""
        await self._watches.close()
        tasks = [*self._tasks.values(), *filter(None, [self._rereading])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, ref: Ref) -> None:
        try:
            while True:
                try:
                    return await loop.run(self._operator, self._api, self._wakes, ref)
                except Exception:
                    log.exception("looking failed", object=str(ref))
                    await asyncio.sleep(AGAIN_S)
        finally:
            self._tasks.pop(ref, None)
            self._forget(ref)

    def _onlookers(self, namespace: str) -> frozenset[Ref]:
        """Whoever has looked around there; nobody before the first list has ended: that tells what they saw."""
        if not all(self._watches.is_synced(one) for one in self._watched if one.kind == SERVICE):
            return frozenset()
        return frozenset(one for one in self._looked_at if one.namespace == namespace)

    def _noted(self, canary: Ref, look: Look) -> None:
        self._concern(canary, look.refs)
        self._unwatched.note(canary, look.unwatched)

    def _concern(self, canary: Ref, refs: frozenset[Ref]) -> None:
        before = self._looked_at.get(canary, frozenset())
        self._looked_at[canary] = refs
        for ref in before - refs:
            self._concerned[ref].discard(canary)
            if not self._concerned[ref]:
                del self._concerned[ref]
        for ref in refs - before:
            self._concerned[ref].add(canary)

    def _forget(self, canary: Ref) -> None:
        self._concern(canary, frozenset())
        self._unwatched.note(canary, {})
        uid, *_ = self._heard.get(canary, ("",))
        self._forgotten(str(uid))
        self._looked_at.pop(canary, None)
        self._heard.pop(canary, None)

    def _changed(self, ref: Ref, manifest: Manifest | None) -> None:
        concerned = set(self._concerned.get(ref, ()))
        if ref.kind == AUTOSCALER:
            concerned.update(*(self._concerned.get(one, ()) for one in self._vicinity.scaled(ref, manifest)))
        elif ref.kind == SERVICE and self._vicinity.selects_anew(ref, manifest) and not concerned:
            concerned.update(self._onlookers(ref.namespace))
        for canary in concerned:
            self._wakes.wake(canary)
