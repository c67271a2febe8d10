"""Decide what an Application needs next.

In:  the Application, everything observed (`Seen`), and the time.
Out: a `Plan`: steps of actions (those of one step may run together), the status they publish, and when to look again.
Trade-off: a sync is decided anew at each look, from what stands in the status; so a killed engine goes on where it
stopped, at the price of one more look for each wave.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from . import conditions, deletion, progress, refusals
from .actions import (
    ACTION_TYPES,
    Action,
    ApplyObject,
    Emit,
    FinishOperation,
    PatchStatus,
    RemoveAnnotation,
    ReplaceObject,
    StartOperation,
)
from .comparison import Comparison, compare
from .models import (
    REFRESH,
    SKIP_RECONCILE,
    Application,
    ApplicationStatus,
    ComparedTo,
    HealthStatus,
    History,
    OperationState,
    SyncStatus,
)
from .seen import Seen
from .statuspatch import merge_patch

__all__ = ["ACTION_TYPES", "Action", "Plan", "plan"]

_HISTORY = 10


@dataclass(frozen=True)
class Plan:
    """The next steps; an empty plan means that all is as it should be."""

    steps: tuple[tuple[Action, ...], ...] = ()
    status: ApplicationStatus | None = None
    """The whole status as it is to be published; None where it is left alone."""
    requeue_after: timedelta | None = None

    @property
    def actions(self) -> tuple[Action, ...]:
        """All actions in order."""
        return tuple(action for step in self.steps for action in step)


def plan(app: Application, seen: Seen, now: datetime) -> Plan:
    """Return the next steps for an Application."""
    now = now.replace(microsecond=0)  # what is published has whole seconds
    if app.annotation(SKIP_RECONCILE).lower() == "true":
        return Plan()  # also its end waits: "leave it alone" says nothing of deleting what it runs
    if app.deleted_at is not None:
        return _ending(app, seen, now)
    comparison = compare(app, seen, now)
    moved = progress.advance(app, seen, comparison, now)
    status = _status(app, seen, comparison, moved, now)
    decided = _plan(app, status, moved)
    waits = [moved.requeue_after, _until(comparison, now), seen.ask_again]
    return replace(decided, requeue_after=min((wait for wait in waits if wait is not None), default=None))


def _until(comparison: Comparison, now: datetime) -> timedelta | None:
    """Return the time until the health has to be judged anew; whole seconds, and never before it changes."""
    return max(comparison.until - now, timedelta(seconds=1)) if comparison.until is not None else None


def _ending(app: Application, seen: Seen, now: datetime) -> Plan:
    ending = deletion.advance(app, seen)
    if not ending.steps and not ending.problem:
        return Plan(requeue_after=ending.requeue_after)
    found = [("DeletionError", ending.problem)] if ending.problem else []
    status = app.status.but(conditions=conditions.renewed(app.status.conditions, found, now))
    if status.conditions == app.status.conditions:
        return Plan(ending.steps, requeue_after=ending.requeue_after)
    patch = PatchStatus(merge_patch(app.status.wire(), status.wire()), ending.problem or "its deletion goes on")
    return Plan(((patch,), *ending.steps), status, ending.requeue_after)


def _status(
    app: Application, seen: Seen, comparison: Comparison, moved: progress.Moved, now: datetime
) -> ApplicationStatus:
    old = app.status
    found: list[tuple[str, str]] = [(trouble.condition, trouble.message) for trouble in seen.troubles]
    found += refusals.warnings(app, seen.target)
    found += [("SyncError", moved.error)] if moved.error else []
    found += [(conditions.PRUNE_CONFIRMATION, moved.awaiting)] if moved.awaiting else []
    found += [(conditions.PRUNE_FROZEN, moved.frozen)] if moved.frozen else []
    if seen.target is not None:
        found += list(seen.target.warnings)
        found += [("SyncError", seen.target.blocked)] if seen.target.blocked else []
        found += [
            ("SharedResourceWarning", f"{entry.ref} belongs to Application {entry.shared_with}, too")
            for entry in seen.target.objects
            if entry.shared_with
        ]
    fields: dict[str, Any] = {
        "sync": _sync_status(app, seen, comparison),
        "health": _health_status(old, comparison.health, now),
        "conditions": conditions.renewed(old.conditions, found, now),
        "resources": comparison.resources,
    }
    if seen.target is not None:
        fields["source_type"] = seen.target.source_type
    if moved.state is not None:
        fields["operation_state"] = moved.state
    if moved.is_success and _counts_for_history(moved.state):
        fields["history"] = _history(app, moved.state)
    status = old.but(**fields)
    if app.annotation(REFRESH) or merge_patch(old.wire(), status.wire()):
        status = status.but(reconciled_at=now)
    return status


def _sync_status(app: Application, seen: Seen, comparison: Comparison) -> SyncStatus:
    if seen.target is None:
        return (app.status.sync or SyncStatus()).but(status="Unknown")
    compared = ComparedTo(source=app.spec.source, destination=app.spec.destination)
    if app.spec.ignore_differences:
        compared = compared.but(ignore_differences=app.spec.ignore_differences)
    return SyncStatus(status=comparison.code, compared_to=compared, revision=seen.target.revision)


def _health_status(old: ApplicationStatus, verdict: str, now: datetime) -> HealthStatus:
    if old.health is not None and old.health.status == verdict:
        return old.health
    return HealthStatus(status=verdict, last_transition_time=now)


def _counts_for_history(state: OperationState | None) -> bool:
    sync = state.operation.sync if state is not None else None
    return sync is not None and not sync.dry_run and not sync.resources


def _history(app: Application, state: OperationState | None) -> tuple[History, ...]:
    if state is None or state.sync_result is None:
        return app.status.history
    limit = _HISTORY if app.spec.revision_history_limit is None else max(0, app.spec.revision_history_limit)
    last = app.status.history[-1].id if app.status.history else -1
    entry = History(
        id=last + 1,
        revision=state.sync_result.revision,
        deploy_started_at=state.started_at,
        deployed_at=state.finished_at,
        source=state.sync_result.source,
        initiated_by=state.operation.initiated_by,
    )
    kept = (*app.status.history, entry)
    return kept[-limit:] if limit else ()


def _plan(app: Application, status: ApplicationStatus, moved: progress.Moved) -> Plan:
    patch = merge_patch(app.status.wire(), status.wire())
    publication: list[Action] = []
    if moved.is_end:
        publication.append(FinishOperation(patch, moved.reason, takes_field=moved.takes_field))
        publication.append(_event(moved))
    elif moved.is_new:
        publication.append(StartOperation(patch, moved.reason, takes_field=moved.takes_field))
    elif patch:
        publication.append(PatchStatus(patch, moved.reason or "what was seen has changed"))
    if app.annotation(REFRESH):
        publication.append(RemoveAnnotation(REFRESH, "the refresh is done"))
    return Plan(_arranged(app, tuple(publication), moved.steps), status, moved.requeue_after)


def _arranged(
    app: Application, publication: tuple[Action, ...], steps: tuple[tuple[Action, ...], ...]
) -> tuple[tuple[Action, ...], ...]:
    """Publish together with the first step; but before it where objects are new.

    An object that stands in no status would be forgotten if the engine died right after making it.
    """
    if not publication:
        return steps
    known = {(entry.group or "", entry.kind, entry.namespace or "", entry.name) for entry in app.status.resources}
    made = [action.manifest for step in steps for action in step if isinstance(action, ApplyObject | ReplaceObject)]
    is_known = all(_identity(manifest) in known for manifest in made)
    if steps and is_known:
        return ((*publication, *steps[0]), *steps[1:])
    return (publication, *steps)


def _identity(manifest: dict[str, Any]) -> tuple[str, str, str, str]:
    metadata = manifest["metadata"]
    group = str(manifest["apiVersion"]).rpartition("/")[0]
    return (group, manifest["kind"], metadata.get("namespace") or "", metadata["name"])


def _event(moved: progress.Moved) -> Emit:
    if moved.is_success:
        return Emit("Normal", "OperationCompleted", moved.reason)
    return Emit("Warning", "OperationFailed", moved.reason)
