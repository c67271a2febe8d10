"""The life of syncs: begun by a person or by automation, moved on, retried, replaced by a newer one, ended. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from . import autosync, pruning, retry, sync
from .actions import Action
from .comparison import Comparison, extra_objects
from .models import (
    Application,
    InitiatedBy,
    Operation,
    OperationState,
    SyncOperation,
    SyncResult,
)
from .seen import Seen, Target


@dataclass(frozen=True)
class Moved:
    """What has become of an Application's sync in this look; all empty where there is none."""

    state: OperationState | None = None
    steps: tuple[tuple[Action, ...], ...] = ()
    requeue_after: timedelta | None = None
    error: str = ""
    awaiting: str = ""
    frozen: str = ""
    reason: str = ""
    is_new: bool = False
    takes_field: bool = False

    @property
    def is_end(self) -> bool:
        """Whether a sync ends here (and did not before)."""
        return self.state is not None and self.state.phase in ("Succeeded", "Failed", "Error")

    @property
    def is_success(self) -> bool:
        """Whether a sync succeeds here."""
        return self.state is not None and self.state.phase == "Succeeded"


def is_running(state: OperationState | None) -> bool:
    """Whether a sync is under way, or waits for its next retry."""
    return state is not None and state.phase in ("Running", "Terminating")


def advance(app: Application, seen: Seen, comparison: Comparison, now: datetime) -> Moved:
    """Move the sync of an Application on, or begin one."""
    state = app.status.operation_state
    if state is not None and is_running(state):
        return _go_on(app, state, seen, now)
    if app.operation is not None:
        return _begin(app, app.operation, seen, now, takes_field=True)
    decision = autosync.decide(app, seen, comparison, now)
    if decision.operation is not None:
        return _begin(app, decision.operation, seen, now)
    return Moved(error=decision.error, awaiting=_still_asked(app, state, seen), requeue_after=decision.wait)


def _still_asked(app: Application, last: OperationState | None, seen: Seen) -> str:
    """Repeat the question that the last sync left open, until it is answered or pointless."""
    if last is None or seen.target is None:
        return ""
    extra = extra_objects(app, seen.target, seen.tracked)
    return pruning.decide(app, last.operation, seen.target, extra, seen).awaiting


def _begin(app: Application, operation: Operation, seen: Seen, now: datetime, *, takes_field: bool = False) -> Moved:
    target = seen.syncing or seen.target
    initiator = operation.initiated_by or InitiatedBy()
    who = "automation" if initiator.automated else initiator.username or "the operation field"
    state = OperationState(operation=operation, phase="Running", started_at=now)
    if operation.sync is None:
        ended = sync.end(state, "Error", "operation.sync is missing: only syncs are served", now)
        return _moved(ended, takes_field=takes_field, reason="operation.sync is missing")
    if target is None:
        message = seen.troubles[0].message if seen.troubles else "there is nothing to sync to"
        ended = sync.end(state, "Error", message, now)
        return _moved(ended, takes_field=takes_field, reason=f"sync by {who}: {message}")
    state = _aimed(app, state, target)
    moved = _moved(sync.advance(app, state, target, seen, now), takes_field=takes_field)
    return Moved(**{**vars(moved), "reason": f"sync to {target.revision[:8]} by {who}: {moved.reason}"})


def _aimed(app: Application, state: OperationState, target: Target) -> OperationState:
    """Fix what a sync goes to."""
    operation = state.operation
    source = (operation.sync.source if operation.sync else None) or app.spec.source
    result = SyncResult(revision=target.revision, source=source)
    policy = app.spec.sync_policy
    if policy is not None and policy.managed_namespace_metadata is not None:
        result = result.but(managed_namespace_metadata=policy.managed_namespace_metadata)
    asked = operation.sync or SyncOperation()
    return state.but(sync_result=result, operation=operation.but(sync=asked.but(revision=target.revision)))


def _moved(progress: sync.Progress, *, takes_field: bool = False, reason: str = "") -> Moved:
    return Moved(
        state=progress.state,
        steps=progress.steps,
        requeue_after=progress.requeue_after,
        awaiting=progress.awaiting,
        frozen=progress.frozen,
        reason=reason or progress.state.message or "",
        is_new=True,
        takes_field=takes_field,
    )


def _go_on(app: Application, state: OperationState, seen: Seen, now: datetime) -> Moved:
    if state.phase == "Terminating":
        ended = state.but(phase="Failed", message="operation terminated", finished_at=now)
        return Moved(ended, reason="somebody asked for its end")
    target = seen.syncing or seen.target
    if target is None:
        text = seen.troubles[0].message if seen.troubles else "its commit cannot be had"
        if state.finished_at is None:
            return _settled(sync.end(state, "Error", text, now))
    newer = _superseding(state, seen)
    if newer is not None:
        text = f"superseded by {newer.revision[:8]}"
        return Moved(state.but(phase="Failed", message=text, finished_at=now), reason=text)
    if state.finished_at is not None:
        due = state.finished_at + retry.wait_before(state.operation.retry or retry.DEFAULT, state.retry_count or 1)
        if now < due or target is None:
            wait = max(due - now, timedelta(seconds=1 if target else 10))
            return Moved(state, requeue_after=wait)
        target = seen.target if _refreshes(state) and seen.target is not None else target
        state = _aimed(app, state, target).but(message=f"Retrying operation. Attempt #{state.retry_count}")
        state = _without_end(state)
    if target is None:
        return Moved(state)
    return _settled(sync.advance(app, state, target, seen, now))


def _settled(progress: sync.Progress) -> Moved:
    return Moved(**{**vars(_moved(progress)), "is_new": False})


def _without_end(state: OperationState) -> OperationState:
    fields = {name: getattr(state, name) for name in state.model_fields_set if name != "finished_at"}
    return OperationState.model_construct(_fields_set=set(fields), **fields)


def _refreshes(state: OperationState) -> bool:
    return state.operation.retry is not None and state.operation.retry.refresh


def _superseding(state: OperationState, seen: Seen) -> Target | None:
    """Return the newer commit (or spec.source) that makes an automated sync pointless; None where there is none.

    Argo CD would finish (or exhaust the retries of) the old one first; a fix must not wait for what it fixes.
    """
    initiator, newest = state.operation.initiated_by, seen.target
    if initiator is None or not initiator.automated or newest is None or newest.blocked or state.sync_result is None:
        return None
    if not newest.is_at(state.sync_result.revision):
        return newest
    begun_with = state.sync_result.source
    return newest if begun_with is not None and not autosync.is_same_source(begun_with, newest.source) else None
