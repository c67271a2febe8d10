"""Whether automation starts a sync, with Argo CD's rules. Pure.

Only what is OutOfSync; once for each revision and source; after a failure not again until something changes;
repairs of drift only where selfHeal is on and an earlier sync of that revision succeeded, at once the first time and
less and less often when the drift comes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from operators.kit.kube import Ref

from . import pruning, retry
from .comparison import Comparison
from .models import (
    Application,
    ApplicationSource,
    Automated,
    InitiatedBy,
    Operation,
    OperationState,
    SyncOperation,
    SyncResource,
)
from .seen import Seen, Target


@dataclass(frozen=True)
class Decision:
    """Start this sync, or say why not, or come back later."""

    operation: Operation | None = None
    error: str = ""
    """For a SyncError condition."""
    awaiting: str = ""
    """A question put to a person."""
    wait: timedelta | None = None


def decide(app: Application, seen: Seen, comparison: Comparison, now: datetime) -> Decision:
    """Decide about a sync by automation; the caller has made sure that none is under way."""
    policy, target = app.spec.sync_policy, seen.target
    if policy is None or policy.automated is None or policy.automated.enabled is False:
        return Decision()
    if target is None or target.blocked or seen.troubles or comparison.code != "OutOfSync":
        return Decision()
    automated = policy.automated
    differing = [entry for entry in target.objects if entry.differs]
    if not differing and not automated.prune:
        return Decision()
    if automated.prune and not pruning.wants_empty(app, target):
        return Decision(error=pruning.refuses_empty(target.revision))
    operation = _operation(app, automated, target)
    last = app.status.operation_state
    if not _already_attempted(last, target, app.spec.source):
        return Decision(operation)
    if last is None or last.phase != "Succeeded":
        text = (last.message if last else "") or "no reason given"
        return Decision(error=f"Failed last sync attempt to {target.revision}: {text}")
    return _heal(app, operation, target, comparison, seen, now)


def _heal(
    app: Application, operation: Operation, target: Target, comparison: Comparison, seen: Seen, now: datetime
) -> Decision:
    """Repair drift, or carry out a deletion that has been approved meanwhile."""
    policy = app.spec.sync_policy
    automated = policy.automated if policy and policy.automated else Automated()
    wanted = pruning.decide(app, operation, target, comparison.extra, seen)
    if not automated.self_heal and not (wanted.delete and pruning.approval(app)):
        return Decision(awaiting=wanted.awaiting)
    refs = [entry.ref for entry in target.objects if entry.differs] if automated.self_heal else []
    refs += [Ref.of(live) for live in wanted.delete]
    if not refs or operation.sync is None:
        return Decision(awaiting=wanted.awaiting)
    attempts, wait = retry.heal_wait(app.status.operation_state, now)
    if wait > timedelta(0):
        return Decision(awaiting=wanted.awaiting, wait=wait)
    resources = tuple(
        SyncResource.model_validate(
            {"group": ref.group, "kind": ref.kind, "name": ref.name, "namespace": ref.namespace}
        )
        for ref in sorted(refs)
    )
    sync = operation.sync.but(resources=resources, auto_heal_attempts_count=attempts + 1)
    return Decision(operation.but(sync=sync), awaiting=wanted.awaiting)


def _operation(app: Application, automated: Automated, target: Target) -> Operation:
    policy = app.spec.sync_policy
    fields: dict[str, Any] = {"revision": target.revision}
    if automated.prune:
        fields["prune"] = True
    if policy is not None and policy.sync_options:
        fields["sync_options"] = policy.sync_options
    chosen = policy.retry if policy is not None and policy.retry is not None else retry.DEFAULT
    return Operation(sync=SyncOperation(**fields), initiated_by=InitiatedBy(automated=True), retry=chosen)


def _already_attempted(last: OperationState | None, target: Target, source: ApplicationSource | None) -> bool:
    """Whether the last sync was for this content: the same commit (or one with equal paths) and the same source."""
    if last is None or last.sync_result is None or not target.is_at(last.sync_result.revision):
        return False
    return _without_revision(last.sync_result.source) == _without_revision(source)


def _without_revision(source: ApplicationSource | None) -> dict[str, Any]:
    return {key: value for key, value in source.wire().items() if key != "targetRevision"} if source else {}
