"""Do what a plan says: one function for each action, several at a time within a step, one step after the other.

In: an Application's manifest and a plan. Out: `Done`: what became of each object, and the Application as it is now.
A step with a failure is the last one. All publications of a step are one write.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from operators.kit.errors import ApiError, Conflict, NotFound
from operators.kit.kube import KubeApi, Manifest, Ref
from operators.kit.logging import get_logger
from operators.kit.metrics import ACTIONS

from . import migration, tracking
from .actions import (
    DELETIONS,
    PUBLICATIONS,
    Action,
    ApplyObject,
    CreateNamespace,
    DeleteObject,
    Emit,
    FinishOperation,
    MigrateFields,
    PatchStatus,
    PruneObject,
    RemoveAnnotation,
    RemoveFinalizer,
    ReplaceObject,
    StartOperation,
)
from .diff import MANAGER
from .kill import KillSwitch
from .live import Live
from .models import ResultCode, format_time
from .plan import Plan
from .scrub import scrub
from .seen import Outcome

_AT_ONCE = 10
_GONE_S = 30.0
_DELETE_TRIES = 5
log = get_logger("gitops")


@dataclass
class Done:
    """What executing a plan came to."""

    outcomes: dict[Ref, Outcome] = field(default_factory=dict)
    application: Manifest | None = None
    """As the last write of it returned it."""
    published: bool = True
    """Whether every publication was written."""
    changed: bool = False
    """Whether anything but the Application was written."""


@dataclass(frozen=True)
class Context:
    """What the actions of one Application need."""

    api: KubeApi
    live: Live
    application: Manifest
    secrets: frozenset[str] = frozenset()
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    kill: KillSwitch = field(default_factory=KillSwitch)


async def execute(context: Context, plan: Plan) -> Done:
    """Execute all steps in order; raise Conflict or ApiError only for a failed publication."""
    done = Done()
    slots = asyncio.Semaphore(_AT_ONCE)
    for step in plan.steps:
        publications = [action for action in step if isinstance(action, PUBLICATIONS)]
        others = [action for action in step if not isinstance(action, PUBLICATIONS)]
        work: list[Awaitable[object]] = [_one(context, slots, action) for action in others]
        if publications:
            work.append(_publish(context, publications, done))
        results = await asyncio.gather(*work, return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        found = [outcome for outcome in results if isinstance(outcome, Outcome)]
        done.outcomes.update({outcome.ref: outcome for outcome in found})
        done.changed = done.changed or bool(found)
        if failures:
            done.published = False
            log.warning("not published", object=_name(context), reason=str(failures[0]))
            if not isinstance(failures[0], ApiError | Conflict):
                raise failures[0]
            return done
        if any(outcome.code == "SyncFailed" for outcome in found):
            return done
    return done


async def _one(context: Context, slots: asyncio.Semaphore, action: Action) -> Outcome | None:
    """Execute one action; its failure is an outcome, not an exception."""
    name = type(action).__name__
    async with slots:
        context.kill.at(action, "before")
        try:
            outcome = await EXECUTE[type(action)](context, action)
        except (ApiError, Conflict, TimeoutError) as error:
            about = _about(action)
            message = scrub(str(error) or type(error).__name__, about, context.secrets)
            ACTIONS.labels("gitops", name, "failed").inc()
            log.warning("failed", object=_name(context), action=name, reason=action.reason, error=message)
            return None if isinstance(action, Emit) else Outcome(Ref.of(about), "SyncFailed", message, name)
        context.kill.at(action, "after")
    ACTIONS.labels("gitops", name, "done").inc()
    log.info("done", object=_name(context), action=name, reason=action.reason)
    return replace(outcome, action=name) if outcome is not None else None


def _about(action: Action) -> Manifest:
    match action:
        case ApplyObject(manifest=manifest) | ReplaceObject(manifest=manifest):
            return manifest
        case PruneObject(ref=ref) | DeleteObject(ref=ref) | MigrateFields(ref=ref):
            metadata = {"name": ref.name, "namespace": ref.namespace}
            return {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata}
        case CreateNamespace(name=name):
            return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {}}


def _name(context: Context) -> str:
    return f"Application {context.application['metadata']['namespace']}/{context.application['metadata']['name']}"


# -- the Application itself --------------------------------------------------------------------------------------------


async def _publish(context: Context, actions: Sequence[Action], done: Done) -> None:
    """Write all publications of a step at once; a write that takes the `operation` field insists on what was seen."""
    body: dict[str, Any] = {}
    for action in actions:
        context.kill.at(action, "before")
        match action:
            case StartOperation(patch=patch, takes_field=takes) | FinishOperation(patch=patch, takes_field=takes):
                _merge_status(body, patch)
                if takes:
                    body["operation"] = None
                    body.setdefault("metadata", {})["resourceVersion"] = _metadata(context)["resourceVersion"]
            case PatchStatus(patch=patch):
                _merge_status(body, patch)
            case RemoveAnnotation(name=name):
                body.setdefault("metadata", {}).setdefault("annotations", {})[name] = None
    if body:
        done.application = await context.api.patch(Ref.of(context.application), body, field_manager=MANAGER)
    for action in actions:
        context.kill.at(action, "after")
        log.info("published", object=_name(context), action=type(action).__name__, reason=action.reason)


def _merge_status(body: dict[str, Any], patch: Mapping[str, Any]) -> None:
    if patch:
        body["status"] = {**body.get("status", {}), **patch}


def _metadata(context: Context) -> dict[str, Any]:
    metadata: dict[str, Any] = context.application["metadata"]
    return metadata


async def _remove_finalizer(context: Context, action: RemoveFinalizer) -> None:
    ref = Ref.of(context.application)
    present = await context.api.get(ref)
    if present is None:
        return
    kept = [name for name in present["metadata"].get("finalizers") or [] if name not in action.finalizers]
    version = present["metadata"]["resourceVersion"]
    body = {"metadata": {"finalizers": kept or None, "resourceVersion": version}}
    await context.api.patch(ref, body, field_manager=MANAGER)


async def _emit(context: Context, action: Emit) -> None:
    metadata, now = _metadata(context), format_time(context.now())
    subject = {
        "apiVersion": context.application["apiVersion"],
        "kind": context.application["kind"],
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata.get("uid"),
    }
    event = {
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
    await context.api.create(event, field_manager=MANAGER)


# -- its objects -------------------------------------------------------------------------------------------------------


async def _create_namespace(context: Context, action: CreateNamespace) -> Outcome:
    metadata: dict[str, Any] = {"name": action.name}
    if action.labels:
        metadata["labels"] = dict(action.labels)
    if action.annotations:
        metadata["annotations"] = dict(action.annotations)
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    context.live.take(await context.api.apply(manifest, field_manager=MANAGER, force=True))
    return Outcome(Ref.of(manifest), "Synced", f"namespace {action.name} made")


async def _migrate_fields(context: Context, action: MigrateFields) -> Outcome | None:
    present = await context.api.get(action.ref)
    patch = migration.patch(present, action.manager, MANAGER) if present is not None else None
    if patch is not None:
        context.live.take(await context.api.patch(action.ref, patch, kind="json"))
    return None


async def _apply(context: Context, action: ApplyObject) -> Outcome:
    result = await context.api.apply(action.manifest, field_manager=MANAGER, force=True, validate=action.validate)
    context.live.take(result)
    return _synced(action.manifest, "serverside-applied")


async def _replace(context: Context, action: ReplaceObject) -> Outcome:
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


async def _delete(context: Context, action: PruneObject | DeleteObject) -> Outcome:
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
        if owner != _metadata(context)["name"]:
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


EXECUTE: Mapping[type[Action], Callable[[Context, Any], Awaitable[Outcome | None]]] = {
    CreateNamespace: _create_namespace,
    MigrateFields: _migrate_fields,
    ApplyObject: _apply,
    ReplaceObject: _replace,
    **dict.fromkeys(DELETIONS, _delete),
    RemoveFinalizer: _remove_finalizer,
    Emit: _emit,
}
"""By action class; the classes of PUBLICATIONS are written together by `_publish`."""
