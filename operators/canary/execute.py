"""Do what a plan says: one function for each action, IO out.

Every function does one write, guarded by what was seen (resourceVersion, uid, JSON-patch `test`): where somebody was
faster, `Conflict` has the whole thing looked at again. What exists by the same name and hash is as good as made.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from operators.kit.errors import ApiError, Conflict, NotFound, Retry
from operators.kit.kube import KubeApi, Manifest, Ref

from . import actions
from .configs import COPY_OF, content_hash
from .models import FINALIZER, KIND, Canary, parse
from .names import MANAGER
from .seen import CANARY_LABEL, OWNED_BY


async def add_finalizer(api: KubeApi, resource: Manifest, _: actions.AddFinalizer) -> None:
    """Under the version that was seen: finalizers are a list."""
    await _set_finalizers(api, resource, [*(resource["metadata"].get("finalizers") or ()), FINALIZER])


async def remove_finalizer(api: KubeApi, resource: Manifest, _: actions.RemoveFinalizer) -> None:
    """The Canary goes with this."""
    kept = [one for one in resource["metadata"].get("finalizers") or () if one != FINALIZER]
    await _set_finalizers(api, resource, kept)


async def _set_finalizers(api: KubeApi, resource: Manifest, finalizers: list[str]) -> None:
    metadata = {"finalizers": finalizers, "resourceVersion": resource["metadata"]["resourceVersion"]}
    await api.patch(Ref.of(resource), {"metadata": metadata}, field_manager=MANAGER)


async def set_capacity(api: KubeApi, resource: Manifest, action: actions.SetCapacity) -> None:
    """Under the version that was seen: an autoscaler may have written it meanwhile."""
    metadata = {"resourceVersion": resource["metadata"]["resourceVersion"]}
    await api.patch(
        Ref.of(resource), {"metadata": metadata, "spec": {"replicas": action.replicas}}, field_manager=MANAGER
    )


async def copy_config(api: KubeApi, resource: Manifest, action: actions.CopyConfig) -> None:
    """Copy what is there now, if it still is what was hashed."""
    canary = parse(resource)
    source = await api.get(action.source)
    if source is None or content_hash(source) != action.hash:
        raise Retry(f"{action.source} has just changed", after_s=0.2)
    kept: Manifest = {key: source[key] for key in ("data", "binaryData", "type") if key in source}
    copy: Manifest = {
        "apiVersion": "v1",
        "kind": action.source.kind,
        "metadata": {
            "name": action.name,
            "namespace": action.source.namespace,
            "labels": {CANARY_LABEL: canary.name},
            "annotations": {COPY_OF: action.source.name, OWNED_BY: canary.uid},
        },
        "immutable": True,
        **kept,
    }
    with suppress(Conflict):  # its name is its content
        await api.create(copy, field_manager=MANAGER)


async def remove_copy(api: KubeApi, _: Manifest, action: actions.RemoveCopy) -> None:
    """Gone already is as good."""
    await api.delete(action.ref)


async def apply(api: KubeApi, _: Manifest, action: actions.FillSlot | actions.ApplySlotService) -> None:
    """These objects are the operator's alone."""
    await api.apply(action.manifest, field_manager=MANAGER, force=True)


async def scale(api: KubeApi, _: Manifest, action: actions.ScaleSlot | actions.ScaleTemplate) -> None:
    """Under the version that was seen."""
    body = {"metadata": {"resourceVersion": action.resource_version}, "spec": {"replicas": action.replicas}}
    await api.patch(action.ref, body, field_manager=MANAGER)


async def put(api: KubeApi, _: Manifest, action: actions.SwitchApex | actions.WriteRoute) -> None:
    """Replace what was seen, or make what was not there."""
    if action.resource_version:
        await api.replace(action.manifest, field_manager=MANAGER)
    else:
        await api.create(action.manifest, field_manager=MANAGER)


async def patch_route(api: KubeApi, _: Manifest, action: actions.PatchRoute) -> None:
    """A `test` that fails is a Conflict."""
    await api.patch(action.ref, list(action.patch), kind="json", field_manager=MANAGER)


async def restore_template(api: KubeApi, _: Manifest, action: actions.RestoreTemplate) -> None:
    """Replace what was seen."""
    await api.replace(action.manifest, field_manager=MANAGER)


async def release_object(api: KubeApi, _: Manifest, action: actions.ReleaseObject) -> None:
    """Gone already is as good."""
    with suppress(NotFound):
        await api.patch(action.ref, action.patch, field_manager=MANAGER)


async def remove_object(api: KubeApi, _: Manifest, action: actions.RemoveObject) -> None:
    """Delete this very object, with its pods."""
    await api.delete(action.ref, uid=action.uid)


async def run_job(api: KubeApi, resource: Manifest, action: actions.RunJob) -> None:
    """One of that name is this one, started by a life before this one, if it belongs to this Canary."""
    try:
        await api.create(action.manifest, field_manager=MANAGER)
    except Conflict:
        ref = Ref.of(action.manifest)
        found = await api.get(ref)
        owners = (found or {"metadata": {}})["metadata"].get("ownerReferences") or ()
        if all(owner.get("uid") != resource["metadata"]["uid"] for owner in owners):
            raise Retry(f"Job {ref.name} is somebody else's: remove it, or rename the gate") from None


async def emit(api: KubeApi, resource: Manifest, action: actions.Emit) -> None:
    """Once for each turn of each release: the name says which. No turn waits for somebody to be told of it."""
    canary = parse(resource)
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    name = f"{canary.name}.{canary.uid[:8]}.{canary.status.attempt}.{action.event.lower()}"
    event: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": canary.namespace},
        "involvedObject": _involved(canary, resource),
        "type": action.type,
        "reason": action.event,
        "message": action.reason[:1000],
        "source": {"component": MANAGER},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    with suppress(Conflict, ApiError):
        await api.create(event, field_manager=MANAGER)


def _involved(canary: Canary, resource: Manifest) -> dict[str, str]:
    return {
        "apiVersion": resource["apiVersion"],
        "kind": KIND,
        "name": canary.name,
        "namespace": canary.namespace,
        "uid": canary.uid,
    }


EXECUTE: Mapping[type, Callable[[KubeApi, Manifest, Any], Awaitable[None]]] = {
    actions.AddFinalizer: add_finalizer,
    actions.RemoveFinalizer: remove_finalizer,
    actions.SetCapacity: set_capacity,
    actions.CopyConfig: copy_config,
    actions.RemoveCopy: remove_copy,
    actions.FillSlot: apply,
    actions.ScaleSlot: scale,
    actions.ApplySlotService: apply,
    actions.SwitchApex: put,
    actions.WriteRoute: put,
    actions.PatchRoute: patch_route,
    actions.ScaleTemplate: scale,
    actions.RestoreTemplate: restore_template,
    actions.ReleaseObject: release_object,
    actions.RemoveObject: remove_object,
    actions.RunJob: run_job,
    actions.Emit: emit,
}
