"""FakeKubeApi: the `KubeApi` Protocol over a Store. What its writes do to field ownership is in `writes.py`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

from operators.kit.errors import ApiError, Conflict, NotFound, Unavailable
from operators.kit.kube import Discovery, Manifest, ObjectList, Propagation, Ref, WatchEvent
from operators.kit.merge import merge_patch

from .faults import Call, Faults, copy
from .kinds import Kinds, Served
from .patches import json_patch, matches_labels
from .store import FOREGROUND, Store
from .writes import (
    Author,
    apply,
    carry_system_metadata,
    check_version,
    counts_as_generation,
    defined_kind,
    is_same,
    update,
)


class FakeKubeApi:
    """An API server in memory. Beside the Protocol: `seed`, `find`, `calls`, `writes`, `faults`, `kinds`."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        namespaces: Iterable[str] = ("default", "kube-system", "argocd"),
    ) -> None:
        self.faults = Faults()
        self.calls: list[Call] = []
        self.kinds = Kinds()
        self.discovery_complete = True
        self.store = Store(now)
        for name in namespaces:
            self.seed({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    # -- what a test does beside the Protocol ----------------------------------------------------------------------

    @property
    def writes(self) -> list[Call]:
        """The calls meant to change something, in order."""
        return [call for call in self.calls if call.is_write]

    def seed(self, *manifests: Manifest) -> None:
        """Put objects there as they are, status and managedFields included; replaces what has the same name."""
        for manifest in manifests:
            ref = self._address(Ref.of(manifest))
            given = copy(manifest)
            given["metadata"].setdefault("managedFields", [])
            if (before := self.store.objects.get(ref)) is not None:
                given["metadata"].setdefault("uid", before["metadata"]["uid"])
            self._keep(ref, given, is_new=before is None)

    def find(self, ref: Ref) -> Manifest | None:
        """Read an object without a recorded call."""
        found = self.store.objects.get(self._address(ref))
        return copy(found) if found is not None else None

    # -- the Protocol ----------------------------------------------------------------------------------------------

    async def get(self, ref: Ref) -> Manifest | None:
        """As in KubeApi."""
        call = await self._begin("get", ref)
        if (ref.group, ref.version, ref.kind) not in self.kinds.table:
            return None
        found = self.find(ref)
        self.faults.check(call, after=True)
        return found

    async def list(
        self, group: str, version: str, kind: str, *, namespace: str = "", label_selector: str = ""
    ) -> ObjectList:
        """As in KubeApi; sorted by namespace and name."""
        call = await self._begin("list", Ref(group, kind, namespace, "", version), label_selector=label_selector)
        self._served(call.ref)
        chosen = [
            copy(manifest)
            for ref, manifest in sorted(self.store.objects.items())
            if (ref.group, ref.kind) == (group, kind)
            and (not namespace or ref.namespace == namespace)
            and matches_labels(label_selector, manifest["metadata"].get("labels") or {})
        ]
        self.faults.check(call, after=True)
        return ObjectList(tuple(chosen), self.store.version)

    async def apply(
        self,
        manifest: Manifest,
        *,
        field_manager: str,
        force: bool = False,
        dry_run: bool = False,
        validate: bool = True,
    ) -> Manifest:
        """As in KubeApi."""
        ref = Ref.of(manifest)
        options = {"field_manager": field_manager, "force": force, "dry_run": dry_run, "validate": validate}
        call = await self._begin("apply", ref, manifest, **options)
        served = self._served(ref)
        ref = self._address(ref)
        live = self.store.objects.get(ref)
        if live is not None:
            check_version(manifest, live)
        after = apply(copy(manifest), live, Author(field_manager, "Apply", self.store.time()), force=force)
        if served.has_status:
            _keep_status(after, live)
        kept = after if dry_run else self._write(ref, live, after, served)
        self.faults.check(call, after=True)
        return copy(kept)

    async def create(self, manifest: Manifest, *, field_manager: str = "") -> Manifest:
        """As in KubeApi; `generateName` gets a number."""
        given = copy(manifest)
        if not given["metadata"].get("name") and (prefix := given["metadata"].get("generateName")):
            given["metadata"]["name"] = f"{prefix}{self.store.version}"
        ref = Ref.of(given)
        call = await self._begin("create", ref, given, field_manager=field_manager)
        served = self._served(ref)
        ref = self._address(ref)
        if ref in self.store.objects:
            raise Conflict(f"{ref} already exists")
        if served.has_status:
            given.pop("status", None)
        kept = self._write(ref, None, update(given, None, self._author(field_manager)), served)
        self.faults.check(call, after=True)
        return copy(kept)

    async def replace(self, manifest: Manifest, *, field_manager: str = "") -> Manifest:
        """As in KubeApi."""
        call = await self._begin("replace", Ref.of(manifest), manifest, field_manager=field_manager)
        kept = self._change(Ref.of(manifest), copy(manifest), field_manager=field_manager)
        self.faults.check(call, after=True)
        return kept

    async def patch(
        self,
        ref: Ref,
        body: object,
        *,
        kind: Literal["merge", "json"] = "merge",
        subresource: str = "",
        field_manager: str = "",
    ) -> Manifest:
        """As in KubeApi; the only subresource here is status."""
        options = {"kind": kind, "subresource": subresource, "field_manager": field_manager}
        call = await self._begin("patch", ref, body, **options)
        live = self.find(ref)
        if live is None:
            raise NotFound(404, "NotFound", f"{ref} not found")
        patch: Any = body
        patched = merge_patch(live, copy(patch)) if kind == "merge" else json_patch(live, patch)
        kept = self._change(ref, patched, subresource=subresource, field_manager=field_manager)
        self.faults.check(call, after=True)
        return kept

    async def delete(
        self, ref: Ref, *, propagation: Propagation = "Background", uid: str = "", resource_version: str = ""
    ) -> bool:
        """As in KubeApi."""
        options = {"propagation": propagation, "uid": uid, "resource_version": resource_version}
        call = await self._begin("delete", ref, **options)
        discovery = self.kinds.discovery(complete=self.discovery_complete)
        if (ref.group, ref.version, ref.kind) not in discovery.resources:
            version = discovery.version_of(ref.group, ref.kind)
            if version is None and discovery.complete:
                return False
            if version is None:
                raise Unavailable(503, "DiscoveryIncomplete", f"{ref}: its kind may be served or not")
            ref = replace(ref, version=version)
        ref = self._address(ref)
        live = self.store.objects.get(ref)
        if live is None:
            return False
        metadata = live["metadata"]
        for wanted, key in ((uid, "uid"), (resource_version, "resourceVersion")):
            if wanted and wanted != metadata[key]:
                raise Conflict(f"{ref}: the {key} in the precondition ({wanted}) does not match {metadata[key]}")
        if propagation == "Orphan":
            self._orphan(metadata["uid"])
        self.store.mark_deleted(ref, FOREGROUND if propagation == "Foreground" else "")
        if ref.kind == "CustomResourceDefinition":
            for other in [o for o in self.store.objects if (o.group, o.kind) == defined_kind(live)]:
                self.store.mark_deleted(other)
            self.kinds.remove_crd(live)
        self.faults.check(call, after=True)
        return True

    async def watch(
        self, group: str, version: str, kind: str, *, namespace: str = "", resource_version: str = ""
    ) -> AsyncIterator[WatchEvent]:
        """As in KubeApi: without a version the present objects come first; ends when `store.cut()` is called."""
        call = await self._begin("watch", Ref(group, kind, namespace, "", version), resource_version=resource_version)
        self._served(call.ref)
        cuts, position = self.store.cuts, resource_version or self.store.version
        if not resource_version:
            for ref, manifest in sorted(self.store.objects.items()):
                if (ref.group, ref.kind) == (group, kind) and namespace in ("", ref.namespace):
                    yield WatchEvent("ADDED", copy(manifest))
        while True:
            for number, event in self.store.events_since(position):
                position = str(number)
                ref = Ref.of(event.object)
                if (ref.group, ref.kind) == (group, kind) and namespace in ("", ref.namespace):
                    yield WatchEvent(event.type, copy(event.object))
            if cuts != self.store.cuts:
                return
            if position == self.store.version:
                await self.store.change()
            self.faults.check(call, after=True)

    async def discover(self, *, fresh: bool = False) -> Discovery:
        """As in KubeApi; `discovery_complete = False` plays a group that does not answer."""
        await self._begin("discover", Ref("", "", "", ""), fresh=fresh)
        return self.kinds.discovery(complete=self.discovery_complete)

    # -- inside ----------------------------------------------------------------------------------------------------

    async def _begin(self, verb: str, ref: Ref, body: Any = None, **options: Any) -> Call:
        call = Call(verb, ref, copy(body) if isinstance(body, dict) else body, options)
        self.calls.append(call)
        await asyncio.sleep(0)
        self.faults.check(call)
        return call

    def _served(self, ref: Ref) -> Served:
        served = self.kinds.table.get((ref.group, ref.version, ref.kind))
        if served is None:
            raise NotFound(404, "NotFound", f'no matches for kind "{ref.kind}" in version "{ref.api_version}"')
        return served

    def _address(self, ref: Ref) -> Ref:
        namespaced = self._served(ref).resource.namespaced
        return ref if namespaced else Ref(ref.group, ref.kind, "", ref.name, ref.version)

    def _author(self, field_manager: str) -> Author:
        return Author(field_manager or "unknown", "Update", self.store.time())

    def _change(self, ref: Ref, after: Manifest, *, subresource: str = "", field_manager: str = "") -> Manifest:
        served = self._served(ref)
        ref = self._address(ref)
        live = self.store.objects.get(ref)
        if live is None or (subresource and not (subresource == "status" and served.has_status)):
            raise NotFound(404, "NotFound", f"{ref} {subresource}".strip() + " not found")
        check_version(after, live)
        if subresource:
            after = {**copy(live), "status": after.get("status", {})}
        elif served.has_status:
            _keep_status(after, live)
        author = self._author(field_manager)
        return copy(self._write(ref, live, update(after, live, author, subresource=subresource), served))

    def _write(self, ref: Ref, live: Manifest | None, after: Manifest, served: Served) -> Manifest:
        if live is None:
            self._check_namespace(ref, served)
            return self._keep(ref, after, is_new=True)
        after = carry_system_metadata(after, live)
        if is_same(after, live):
            return live
        if served.has_generation and counts_as_generation(after, live, has_status=served.has_status):
            after["metadata"]["generation"] = live["metadata"].get("generation", 1) + 1
        return self._keep(ref, after, is_new=False)

    def _keep(self, ref: Ref, manifest: Manifest, *, is_new: bool) -> Manifest:
        if ref.kind == "CustomResourceDefinition":
            self.kinds.add_crd(manifest)
            manifest["status"] = {
                "conditions": [{"type": "Established", "status": "True", "reason": "InitialNamesAccepted"}]
            }
        if is_new:
            return self.store.add(ref, manifest, has_generation=self._served(ref).has_generation)
        return self.store.update(ref, manifest)

    def _check_namespace(self, ref: Ref, served: Served) -> None:
        if not served.resource.namespaced:
            return
        namespace = self.store.objects.get(Ref("", "Namespace", "", ref.namespace))
        if namespace is None:
            raise NotFound(404, "NotFound", f'namespaces "{ref.namespace}" not found')
        if "deletionTimestamp" in namespace["metadata"]:
            raise ApiError(403, "Forbidden", f"unable to create {ref}: namespace {ref.namespace} is being terminated")

    def _orphan(self, uid: str) -> None:
        for ref in self.store.dependents(uid):
            manifest = copy(self.store.objects[ref])
            owners = [owner for owner in manifest["metadata"]["ownerReferences"] if owner.get("uid") != uid]
            manifest["metadata"]["ownerReferences"] = owners
            self.store.update(ref, manifest)


def _keep_status(after: Manifest, live: Manifest | None) -> None:
    after.pop("status", None)
    if live is not None and "status" in live:
        after["status"] = copy(live)["status"]
