"""Do what a plan says: several actions at a time within a step, one step after the other.

In: an Application's manifest and a plan. Out: `Done`: what became of each object, and the Application as it is now.
A step with a failure is the last one. All publications of a step are one write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from operators.kit.errors import ApiError, Conflict
from operators.kit.kube import Manifest, Ref
from operators.kit.logging import get_logger
from operators.kit.metrics import ACTIONS

from . import publish, writing
from .actions import (
    DELETIONS,
    PUBLICATIONS,
    Action,
    ApplyObject,
    CreateNamespace,
    DeleteObject,
    Emit,
    MigrateFields,
    PruneObject,
    RemoveFinalizer,
    ReplaceObject,
)
from .context import Context, Done
from .plan import Plan
from .scrub import scrub
from .seen import Outcome

_AT_ONCE = 10
log = get_logger("gitops")


async def execute(context: Context, plan: Plan) -> Done:
    """Execute all steps in order; raise Conflict or ApiError only for a failed publication."""
    done = Done()
    slots = asyncio.Semaphore(_AT_ONCE)
    for step in plan.steps:
        publications = [action for action in step if isinstance(action, PUBLICATIONS)]
        others = [action for action in step if not isinstance(action, PUBLICATIONS)]
        work: list[Awaitable[object]] = [_one(context, slots, action) for action in others]
        if publications:
            work.append(publish.publish(context, publications, done))
        results = await asyncio.gather(*work, return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        found = [outcome for outcome in results if isinstance(outcome, Outcome)]
        done.outcomes.update({outcome.ref: outcome for outcome in found})
        done.changed = done.changed or bool(found)
        if failures:
            done.published = False
            log.warning("not published", object=context.name, reason=str(failures[0]))
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
            log.warning("failed", object=context.name, action=name, reason=action.reason, error=message)
            return None if isinstance(action, Emit) else Outcome(Ref.of(about), "SyncFailed", message, name)
        context.kill.at(action, "after")
    ACTIONS.labels("gitops", name, "done").inc()
    log.info("done", object=context.name, action=name, reason=action.reason)
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


EXECUTE: Mapping[type[Action], Callable[[Context, Any], Awaitable[Outcome | None]]] = {
    CreateNamespace: writing.create_namespace,
    MigrateFields: writing.migrate_fields,
    ApplyObject: writing.apply,
    ReplaceObject: writing.replace,
    **dict.fromkeys(DELETIONS, writing.delete),
    RemoveFinalizer: publish.remove_finalizer,
    Emit: publish.emit,
}
"""By action class; the classes of PUBLICATIONS are written together by `publish`."""
