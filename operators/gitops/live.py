"""The live objects that carry a mark, kept up to date by watching only the kinds Applications have or had objects of.

In: which kinds matter, and events. Out: the tracked objects by Application, and whether a name exists at all.
Trade-off: untracked objects of a watched kind are remembered by name only; a tracked one is kept without the parts
nobody reads. What the engine itself writes is taken in at once, so a plan never works from before its own writes.
"""

from __future__ import annotations

import asyncio
import math
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from operators.kit.kube import KubeApi, Manifest, Ref
from operators.kit.watches import Watched, Watches

from . import tracking

_NAMESPACE = Watched("", "v1", "Namespace")
_SYNC_TIMEOUT_S = 10.0


class Live:
    """The cache. `on_change(application)` is called when an object of an Application has changed."""

    def __init__(self, api: KubeApi, on_change: Callable[[str], None]) -> None:
        self._on_change = on_change
        self._wanted: dict[tuple[str, str], Watched] = {}
        self._objects: dict[Ref, Manifest] = {}
        self._owners: dict[Ref, str] = {}
        self._by_application: dict[str, set[Ref]] = defaultdict(set)
        self._names: set[Ref] = set()
        self._namespaces: dict[str, Manifest] = {}
        self._late: set[tuple[str, str]] = set()
        self._synced = asyncio.Event()
        self.watches = Watches(api, self._on_event, self._on_synced)

    async def follow(
        self, kinds: Sequence[tuple[str, str, str]], is_served: Callable[[tuple[str, str, str]], bool] = lambda _: True
    ) -> frozenset[tuple[str, str]]:
        """Watch these kinds (group, version, kind), too; return those that could not be read in time.

        A watch in a version that `is_served` does not know any more goes on in the one that is asked for.
        """
        wanted = dict(self._wanted)
        wanted.setdefault(("", "Namespace"), _NAMESPACE)
        asked = [(group, kind) for group, _, kind in kinds]
        for group, version, kind in kinds:
            watched = wanted.setdefault((group, kind), Watched(group, version, kind))
            is_stale = not is_served((group, watched.version, kind)) or self.watches.is_unserved(watched)
            if watched.version != version and is_stale:
                # Its version was taken from the CRD: begin anew with one that is served.
                wanted[(group, kind)] = Watched(group, version, kind)
                self._drop_kind(group, kind)
        if wanted != self._wanted:
            self._wanted = wanted
            self.watches.follow(wanted.values())
        # A kind that did not come in time once is not waited for again: its watch goes on trying by itself.
        with suppress(TimeoutError):
            async with asyncio.timeout(_SYNC_TIMEOUT_S):
                while set(self._unread(asked)) - self._late:
                    self._synced.clear()
                    await self._synced.wait()
        unread = frozenset(self._unread(asked))
        self._late = (self._late - set(asked)) | unread
        return unread

    def forget_kind(self, group: str, kind: str) -> None:
        """Stop watching a kind that the API server does not serve any more; its objects are gone with it."""
        watched = self._wanted.pop((group, kind), None)
        if watched is None:
            return
        self.watches.follow(self._wanted.values())
        self._drop_kind(group, kind)

    def tracked(self, application: str) -> tuple[Manifest, ...]:
        """Return all live objects of an Application, in an order of their own. Not to be changed in place."""
        return tuple(self._objects[ref] for ref in sorted(self._by_application.get(application, ())))

    def get(self, ref: Ref) -> Manifest | None:
        """Return a tracked object."""
        return self._objects.get(ref)

    def exists(self, ref: Ref) -> bool:
        """Whether an object of a watched kind exists, tracked or not."""
        return ref in self._names

    def namespace(self, name: str) -> Manifest | None:
        """Return labels and annotations of a namespace; None where it does not exist."""
        return self._namespaces.get(name)

    def take(self, manifest: Manifest) -> None:
        """Take in what an own write has returned, ahead of the watch."""
        ref = Ref.of(manifest)
        if (ref.group, ref.kind) in self._wanted:
            self._put(ref, manifest)

    def note_deletion(self, ref: Ref, now: str) -> None:
        """Remember that an object was asked to go, until the watch tells how it went."""
        known = self._objects.get(ref)
        if known is not None and "deletionTimestamp" not in known["metadata"]:
            self._objects[ref] = {**known, "metadata": {**known["metadata"], "deletionTimestamp": now}}

    def silent_s(self) -> float:
        """Return how long the quietest watch has not been heard of; endless where one has died."""
        return math.inf if self.watches.complaints() else 0.0

    async def close(self) -> None:
        """End all watches."""
        await self.watches.close()

    def _unread(self, kinds: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        wanted = [*kinds, ("", "Namespace")]
        return [key for key in wanted if not self.watches.is_synced(self._wanted[key])]

    def _on_synced(self, _watched: Watched) -> None:
        self._synced.set()

    def _on_event(self, ref: Ref, manifest: Manifest | None) -> None:
        if manifest is None:
            owner = self._drop(ref)
            if owner:
                self._on_change(owner)
            return
        before = self._owners.get(ref, "")
        if self._put(ref, manifest):
            for owner in {before, self._owners.get(ref, "")} - {""}:
                self._on_change(owner)

    def _put(self, ref: Ref, manifest: Manifest) -> bool:
        """Keep an object; False where this or a newer state of it is known already."""
        self._names.add(ref)
        if (ref.group, ref.kind) == ("", "Namespace"):
            fields = {key: manifest["metadata"].get(key) for key in ("name", "labels", "annotations")}
            self._namespaces[ref.name] = {"metadata": fields}
        known = self._objects.get(ref)
        if known is not None and _is_older(manifest, known):
            return False
        before, owner = self._owners.pop(ref, ""), tracking.owner_of(manifest)
        if before and before != owner:
            self._by_application[before].discard(ref)
        if not owner:
            return self._objects.pop(ref, None) is not None
        self._objects[ref] = compact(manifest)
        self._owners[ref] = owner
        self._by_application[owner].add(ref)
        return True

    def _drop_kind(self, group: str, kind: str) -> None:
        for ref in [ref for ref in self._names if (ref.group, ref.kind) == (group, kind)]:
            self._drop(ref)

    def _drop(self, ref: Ref) -> str:
        self._names.discard(ref)
        if (ref.group, ref.kind) == ("", "Namespace"):
            self._namespaces.pop(ref.name, None)
        self._objects.pop(ref, None)
        owner = self._owners.pop(ref, "")
        if owner:
            self._by_application[owner].discard(ref)
        return owner


def _is_older(manifest: Manifest, known: Manifest) -> bool:
    """Whether a state is not newer than the known one of the same object (resource versions count up, KEP-5504)."""
    one, other = manifest["metadata"], known["metadata"]
    if one.get("uid") != other.get("uid"):
        return False
    try:
        return int(one["resourceVersion"]) <= int(other["resourceVersion"])
    except (KeyError, ValueError):
        return False


def compact(manifest: Manifest) -> Manifest:
    """Return a copy without what nobody reads, with its keys shared among all objects."""
    metadata = dict(manifest["metadata"])
    entries = [entry for entry in metadata.get("managedFields") or [] if entry.get("subresource") != "status"]
    metadata["managedFields"] = [{key: entry[key] for key in _ENTRY if key in entry} for entry in entries]
    shared: Manifest = _shared({**manifest, "metadata": metadata})
    return shared


_ENTRY = ("manager", "operation", "subresource", "fieldsV1")


def _shared(value: Any) -> Any:
    if isinstance(value, dict):
        return {sys.intern(key): _shared(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shared(item) for item in value]
    return value
