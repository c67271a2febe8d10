"""The memory behind the fake API: objects, versions, the history that watches replay, what deletion drags along."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from operators.kit.errors import Gone
from operators.kit.kube import Manifest, Ref, WatchEvent

from .faults import copy

FOREGROUND = "foregroundDeletion"


class Store:
    """Objects by identity; every change gets the next resource version and an event."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.objects: dict[Ref, Manifest] = {}
        self._now = now
        self._version = 1000
        self._uids = 0
        self._dead: set[str] = set()
        self._events: list[tuple[int, WatchEvent]] = []
        self._oldest = 0
        self._changed = asyncio.Event()
        self._cut = 0
        self._settling = False

    @property
    def version(self) -> str:
        """The newest resource version."""
        return str(self._version)

    def time(self) -> str:
        """Return the time as the API writes it."""
        return self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def add(self, ref: Ref, manifest: Manifest, *, has_generation: bool) -> Manifest:
        """Keep a new object."""
        self._uids += 1
        metadata = manifest["metadata"]
        metadata.setdefault("uid", f"uid-{self._uids}")
        metadata.setdefault("creationTimestamp", self.time())
        if has_generation:
            metadata.setdefault("generation", 1)
        return self._commit(ref, manifest, "ADDED")

    def update(self, ref: Ref, manifest: Manifest) -> Manifest:
        """Keep a changed object; one that only waited for its last finalizer goes."""
        kept = self._commit(ref, manifest, "MODIFIED")
        if "deletionTimestamp" in kept["metadata"]:
            self.settle()
        return kept

    def mark_deleted(self, ref: Ref, finalizer: str = "") -> None:
        """Begin a deletion; the object goes at once where nothing holds it."""
        manifest = copy(self.objects[ref])
        metadata = manifest["metadata"]
        if "deletionTimestamp" in metadata:
            return
        if finalizer:
            metadata["finalizers"] = [*metadata.get("finalizers", ()), finalizer]
        metadata["deletionTimestamp"] = self.time()
        metadata["deletionGracePeriodSeconds"] = 0
        if metadata.get("finalizers") or ref.kind == "Namespace":
            self._commit(ref, manifest, "MODIFIED")
        else:
            self._remove(ref)
        self.settle()

    def settle(self) -> None:
        """Do what the garbage collector and the namespace controller would, until nothing is left to do."""
        if self._settling:
            return
        self._settling = True
        try:
            steps = 1
            while steps:
                steps = sum(self._settle_one(ref) for ref in list(self.objects))
        finally:
            self._settling = False

    def dependents(self, uid: str) -> list[Ref]:
        """Return the objects that name this one as an owner."""
        return [ref for ref, manifest in self.objects.items() if uid in _owners(manifest)]

    def events_since(self, version: str) -> Iterator[tuple[int, WatchEvent]]:
        """Yield what happened after `version`; raises Gone where that has been compacted away."""
        if int(version) < self._oldest:
            raise Gone(410, "Expired", f"too old resource version: {version} ({self._oldest})")
        yield from [(number, event) for number, event in self._events if number > int(version)]

    def compact(self) -> None:
        """Forget the history: a watch from an older version must list again."""
        self._version += 1
        self._oldest = self._version
        self._events.clear()
        self.cut()

    def cut(self) -> None:
        """End every open watch, as a server does after its time limit."""
        self._cut += 1
        self._wake()

    @property
    def cuts(self) -> int:
        """How often watches were ended."""
        return self._cut

    async def change(self) -> None:
        """Wait for the next event or the end of the watches."""
        await self._changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _commit(self, ref: Ref, manifest: Manifest, kind: Any) -> Manifest:
        self._version += 1
        manifest["metadata"]["resourceVersion"] = str(self._version)
        self.objects[ref] = manifest
        self._events.append((self._version, WatchEvent(kind, copy(manifest))))
        self._wake()
        return manifest

    def _remove(self, ref: Ref) -> None:
        manifest = self.objects[ref]
        self._commit(ref, manifest, "DELETED")
        self._dead.add(manifest["metadata"]["uid"])
        del self.objects[ref]

    def _settle_one(self, ref: Ref) -> bool:
        manifest = self.objects.get(ref)
        if manifest is None:
            return False
        metadata = manifest["metadata"]
        if "deletionTimestamp" not in metadata:
            owners = _owners(manifest)
            if owners and owners <= self._dead:
                self.mark_deleted(ref)
                return True
            return False
        return self._advance_deletion(ref, manifest)

    def _advance_deletion(self, ref: Ref, manifest: Manifest) -> bool:
        metadata = manifest["metadata"]
        finalizers = list(metadata.get("finalizers", ()))
        held_by = self.dependents(metadata["uid"]) if FOREGROUND in finalizers else []
        if ref.kind == "Namespace" and not ref.group:
            held_by = [other for other in self.objects if other.namespace == ref.name]
        waiting = [other for other in held_by if "deletionTimestamp" not in self.objects[other]["metadata"]]
        for other in waiting:
            if other in self.objects:
                self.mark_deleted(other)
        if waiting or held_by:
            return bool(waiting)
        if FOREGROUND in finalizers:
            finalizers.remove(FOREGROUND)
            metadata["finalizers"] = finalizers
        if finalizers:
            return False
        self._remove(ref)
        return True


def _owners(manifest: Manifest) -> set[str]:
    return {owner["uid"] for owner in manifest["metadata"].get("ownerReferences") or () if "uid" in owner}
