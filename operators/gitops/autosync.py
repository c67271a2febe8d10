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
from .comparison import Comparison, extra_objects
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
from .seen import Compared, Seen, Target


@dataclass(frozen=True)
class Decision:
    """Start this sync, or say why not, or come back later."""

    operation: Operation | None = None
    error: str = ""
    """For a SyncError condition."""
    wait: timedelta | None = None


def decide(app: Application, seen: Seen, comparison: Comparison, now: datetime) -> Decision:
    """Decide about a sync by automation; the caller has made sure that none is under way."""
    policy, target = app.spec.sync_policy, seen.target
    if policy is None or policy.automated is None or policy.automated.enabled is False or target is None:
        return Decision()
    differing = [entry for entry in target.objects if entry.differs]
    has_work = comparison.code == "OutOfSync" and (differing or policy.automated.prune)
    if target.blocked or seen.troubles or not has_work:
        return Decision()
    automated = policy.automated
    if automated.prune and not pruning.wants_empty(app, target):
        return Decision(error=pruning.refuses_empty(target.revision))
    operation = _operation(app, automated, target)
    last = app.status.operation_state
    if last is None or not _already_attempted(last, target, app.spec.source):
        return Decision(operation)
    if last.phase == "Succeeded":
        return _heal(app, operation, _to_heal(app, operation, differing, seen), now)
    return Decision(error=f"Failed last sync attempt to {target.revision}: {last.message or 'no reason given'}")


def _to_heal(app: Application, operation: Operation, differing: list[Compared], seen: Seen) -> list[Ref]:
    """Return what a commit that was synced well before needs: drift, or a deletion that has been approved meanwhile."""
    automated = app.spec.sync_policy.automated if app.spec.sync_policy else None
    heals = automated is not None and automated.self_heal
    refs = [entry.ref for entry in differing] if heals else []
    if seen.target is not None and (heals or pruning.approval(app)):
        extra = extra_objects(app, seen.target, seen.tracked)
        refs += [Ref.of(live) for live in pruning.decide(app, operation, seen.target, extra, seen).delete]
    return refs


def _heal(app: Application, operation: Operation, refs: list[Ref], now: datetime) -> Decision:
    """Sync only what needs it, after the wait that repeated repairs have to keep."""
    if not refs or operation.sync is None:
        return Decision()
    attempts, wait = retry.heal_wait(app.status.operation_state, now)
    if wait > timedelta(0):
        return Decision(wait=wait)
    resources = tuple(
        SyncResource.model_validate(
            {"group": ref.group, "kind": ref.kind, "name": ref.name, "namespace": ref.namespace}
        )
        for ref in sorted(refs)
    )
    sync = operation.sync.but(resources=resources, auto_heal_attempts_count=attempts + 1)
    return Decision(operation.but(sync=sync))


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
    return is_same_source(last.sync_result.source, source)


def is_same_source(one: ApplicationSource | None, other: ApplicationSource | None) -> bool:
    """Whether two sources render the same at the same commit."""
    return _without_revision(one) == _without_revision(other)


def _without_revision(source: ApplicationSource | None) -> dict[str, Any]:
    return {key: value for key, value in source.wire().items() if key != "targetRevision"} if source else {}
