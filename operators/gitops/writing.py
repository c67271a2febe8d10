"""Write to the objects of an Application: one function for each action, each returns what it came to."""

from __future__ import annotations

import asyncio
from typing import Any

from operators.kit.errors import Conflict, NotFound
from operators.kit.kube import KubeApi, Manifest, Ref

from . import migration, tracking
from .actions import ApplyObject, CreateNamespace, DeleteObject, MigrateFields, PruneObject, ReplaceObject
from .context import Context
from .diff import MANAGER
from .models import ResultCode, format_time
from .seen import Outcome

_GONE_S = 30.0
_DELETE_TRIES = 5
_SCALED = frozenset({("apps", "Deployment"), ("apps", "StatefulSet")})


async def create_namespace(context: Context, action: CreateNamespace) -> Outcome:
    """Make a namespace, or set its managed labels and annotations."""
    metadata: dict[str, Any] = {"name": action.name}
    if action.labels:
        metadata["labels"] = dict(action.labels)
    if action.annotations:
        metadata["annotations"] = dict(action.annotations)
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    context.live.take(await context.api.apply(manifest, field_manager=MANAGER, force=True))
    return Outcome(Ref.of(manifest), "Synced", f"namespace {action.name} made")


async def migrate_fields(context: Context, action: MigrateFields) -> Outcome | None:
    """Take over the fields of another manager."""
    present = await context.api.get(action.ref)
    patch = migration.patch(present, action.manager, MANAGER) if present is not None else None
    if patch is not None:
        context.live.take(await context.api.patch(action.ref, patch, kind="json"))
    return None


async def apply(context: Context, action: ApplyObject) -> Outcome:
    """Write an object by server-side apply."""
    await _keep_replicas(context.api, action.manifest)
    result = await context.api.apply(action.manifest, field_manager=MANAGER, force=True, validate=action.validate)
    context.live.take(result)
    return _synced(action.manifest, "serverside-applied")


async def _keep_replicas(api: KubeApi, manifest: Manifest) -> None:
    ref = Ref.of(manifest)
    if (ref.group, ref.kind) not in _SCALED or "replicas" in manifest["spec"]:
        return
    present = await api.get(ref)
    kept = migration.keeping_replicas(present, manifest, MANAGER) if present is not None else None
    if kept is not None:
        await api.apply(kept, field_manager=f"{MANAGER}-replicas")


async def replace(context: Context, action: ReplaceObject) -> Outcome:
    """Replace an object as a whole, or delete it and make it anew."""
    ref = Ref.of(action.manifest)
    if action.recreate:
        await context.api.delete(ref, uid=action.uid, propagation="Foreground")
        await _gone(context.api, ref, action.uid)
    present = await context.api.get(ref)
    if present is None:
        result = await context.api.apply(action.manifest, field_manager=MANAGER, force=True)
    else:
        metadata = {**action.manifest["metadata"], "resourceVersion": present["metadata"]["resourceVersion"]}
        result = await context.api.replace({**action.manifest, "metadata": metadata}, field_manager=MANAGER)
    context.live.take(result)
    return _synced(action.manifest, "replaced")


async def _gone(api: KubeApi, ref: Ref, uid: str) -> None:
    async with asyncio.timeout(_GONE_S):
        while await _is_there(api, ref, uid):  # noqa: ASYNC110 - it is the API server that is polled
            await asyncio.sleep(0.1)


async def _is_there(api: KubeApi, ref: Ref, uid: str) -> bool:
    present = await api.get(ref)
    return present is not None and present["metadata"].get("uid") == uid


async def delete(context: Context, action: PruneObject | DeleteObject) -> Outcome:
    """Delete the very object that was seen, and only while it belongs to this Application.

    One that was made anew meanwhile is somebody's wish and stays; so does one that another Application has taken over.
    """
    if not action.uid:
        raise Conflict(f"{action.ref} was seen without a uid: it is not deleted")
    for attempt in range(_DELETE_TRIES):
        present = await context.api.get(action.ref)
        if present is None or present["metadata"].get("uid") != action.uid:
            break
        owner = tracking.owner_of(present)
        if owner != context.application["metadata"]["name"]:
            text = f"it belongs to {owner} now" if owner else "it carries the mark of no Application any more"
            return Outcome(action.ref, "PruneSkipped", text)
        version = str(present["metadata"].get("resourceVersion") or "")
        try:
            await context.api.delete(
                action.ref, uid=action.uid, resource_version=version, propagation=action.propagation
            )
            break
        except NotFound:
            break
        except Conflict:  # somebody wrote to it: whose it is has to be looked at again
            if attempt == _DELETE_TRIES - 1:
                raise
    if present is not None and present["metadata"].get("uid") != action.uid:
        raise Conflict(f"{action.ref} was made anew meanwhile: it is not deleted")
    context.live.note_deletion(action.ref, format_time(context.now()))
    return Outcome(action.ref, "Pruned", "pruned")


def _synced(manifest: Manifest, verb: str) -> Outcome:
    ref = Ref.of(manifest)
    kind = f"{ref.kind.lower()}.{ref.group}" if ref.group else ref.kind.lower()
    code: ResultCode = "Synced"
    return Outcome(ref, code, f"{kind}/{ref.name} {verb}")
