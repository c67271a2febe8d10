"""Publish: what is written to the Application itself, its status first of all, and the events about it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from operators.kit.errors import Invalid
from operators.kit.kube import KubeApi, Manifest, Ref
from operators.kit.logging import get_logger

from . import conditions
from .actions import Action, Emit, FinishOperation, PatchStatus, RemoveAnnotation, RemoveFinalizer, StartOperation
from .context import Context, Done
from .diff import MANAGER
from .models import ApplicationStatus, format_time
from .statuspatch import merge_patch

log = get_logger("gitops")


async def publish(context: Context, actions: Sequence[Action], done: Done) -> None:
    """Write all publications of a step at once; a write that takes the `operation` field insists on what was seen."""
    body: dict[str, Any] = {}
    version = context.application["metadata"]["resourceVersion"]
    for action in actions:
        context.kill.at(action, "before")
        match action:
            case StartOperation(patch=patch, takes_field=takes) | FinishOperation(patch=patch, takes_field=takes):
                _merge_status(body, patch)
                if takes:
                    body["operation"] = None
                    body.setdefault("metadata", {})["resourceVersion"] = version
            case PatchStatus(patch=patch):
                _merge_status(body, patch)
            case RemoveAnnotation(name=name):
                body.setdefault("metadata", {}).setdefault("annotations", {})[name] = None
    if body:
        done.application = await context.api.patch(Ref.of(context.application), body, field_manager=MANAGER)
    for action in actions:
        context.kill.at(action, "after")
        log.info("published", object=context.name, action=type(action).__name__, reason=action.reason)


def _merge_status(body: dict[str, Any], patch: Mapping[str, Any]) -> None:
    if patch:
        body["status"] = {**body.get("status", {}), **patch}


async def remove_finalizer(context: Context, action: RemoveFinalizer) -> None:
    """Let a deleted Application go, unless it has changed meanwhile."""
    ref = Ref.of(context.application)
    present = await context.api.get(ref)
    if present is None:
        return
    kept = [name for name in present["metadata"].get("finalizers") or [] if name not in action.finalizers]
    version = present["metadata"]["resourceVersion"]
    body = {"metadata": {"finalizers": kept or None, "resourceVersion": version}}
    await context.api.patch(ref, body, field_manager=MANAGER)


async def emit(context: Context, action: Emit) -> None:
    """Write an Event about the Application."""
    event = build_event(context.application, action, context.now())
    await context.api.create(event, field_manager=MANAGER)


def build_event(application: Manifest, action: Emit, at: datetime) -> Manifest:
    """Return an Event about an Application."""
    metadata, now = application["metadata"], format_time(at)
    subject = {
        "apiVersion": application["apiVersion"],
        "kind": application["kind"],
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata.get("uid"),
    }
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata['name']}.{uuid.uuid4().hex[:16]}", "namespace": metadata["namespace"]},
        "involvedObject": subject,
        "type": action.type,
        "reason": action.event,
        "message": action.reason[:1000],
        "source": {"component": "gitops-engine"},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }


async def refuse(api: KubeApi, manifest: Manifest, error: Invalid, now: datetime) -> Manifest | None:
    """Tell that an Application cannot be read at all; return it as written, None where that is told already."""
    status = manifest.get("status") if isinstance(manifest.get("status"), dict) else {}
    try:
        old = ApplicationStatus.model_validate(status or {})
    except ValueError:
        old = ApplicationStatus()
    found = conditions.renewed(old.conditions, [("InvalidSpecError", str(error))], now)
    patch = merge_patch(old.wire(), old.but(conditions=found).wire())
    return await api.patch(Ref.of(manifest), {"status": patch}) if patch else None
