"""What a receipt is told after each look: rendered, applied, healthy, or why not. Pure."""

from __future__ import annotations

from . import health
from .actions import StartOperation
from .models import Application, ApplicationStatus
from .plan import Plan
from .receipts_model import Applied, Failed, Healthy, Progressing, Rendered, Stage
from .seen import Seen


def stages(app: Application, seen: Seen, plan: Plan) -> tuple[str, list[Stage]]:
    """Return the revision that a look was about, and what it tells, in order; '' where it is about none."""
    status = plan.status or app.status
    if seen.target is None:
        trouble = seen.troubles[0] if seen.troubles else None
        return "", [Failed(trouble.message, trouble.file, trouble.line)] if trouble else []
    changed = sum(entry.differs for entry in seen.target.objects)
    told: list[Stage] = []
    begins = any(isinstance(action, StartOperation) for action in plan.actions)
    if begins or not changed:
        told.append(Rendered(len(seen.target.objects), changed))
    return seen.target.revision, [*told, *_outcome(app, status, seen)]


def _outcome(app: Application, status: ApplicationStatus, seen: Seen) -> list[Stage]:
    state = status.operation_state
    errors = [condition.message for condition in status.conditions if condition.type.endswith("Error")]
    if errors:
        return [Failed(errors[0])]
    if state is not None and state.phase == "Running":
        waits = state.finished_at is not None
        return [Failed(state.message or "failed") if waits else Progressing(state.message or "syncs")]
    if status.sync is None or status.sync.status != "Synced":
        policy = app.spec.sync_policy
        if policy is None or policy.automated is None or policy.automated.enabled is False:
            return [Progressing("out of sync: automation is off, it waits for a sync by hand")]
        return [Progressing("out of sync")]
    verdict = status.health.status if status.health else health.UNKNOWN
    if verdict in (health.HEALTHY, health.SUSPENDED):
        return [Applied(), Healthy()]
    return [Applied(), _unhealthy(verdict, seen)]


def _unhealthy(verdict: str, seen: Seen) -> Stage:
    entries = (
        [(entry.ref, health.health_of(entry.live)) for entry in seen.target.objects if entry.live]
        if seen.target
        else []
    )
    worst = [(ref, one) for ref, one in entries if one is not None and one.status == verdict]
    text = f"{worst[0][0]}: {worst[0][1].message}" if worst else verdict
    return Failed(text) if verdict == health.DEGRADED else Progressing(text)
