"""What a receipt is told after each look: rendered, applied, healthy, or why not. Pure.

Degraded is told as a failure only when it has lasted: right after an apply many an object is so for a moment (an
autoscaler without metrics, what the push mends), and a failure ends the stream of the push.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from operators.kit.kube import Manifest, Ref

from . import health
from .actions import ApplyObject, PruneObject, ReplaceObject, StartOperation
from .comparison import extra_objects
from .health import Health
from .health.automatrix import GROUP as PLATFORM
from .models import GROUP, KIND, Application
from .plan import Plan
from .receipts_model import Applied, Failed, Healthy, Progressing, Rendered, Stage
from .seen import Seen

FAIR_CHANCE = timedelta(seconds=10)
"""For so long after the last sync, and after it became so, an Application may be Degraded without having failed."""


def fair_chance(app: Application, plan: Plan, now: datetime) -> timedelta | None:
    """Return how long an Application that is Degraded may still mend; None where it is not, or had its chance."""
    status = plan.status or app.status
    if status.health is None or status.health.status != health.DEGRADED:
        return None
    state = status.operation_state
    times = (status.health.last_transition_time, state.finished_at if state is not None else None)
    since = max((time for time in times if time is not None), default=None)
    left = since + FAIR_CHANCE - now if since is not None else timedelta(0)
    return left if left > timedelta(0) else None


def stages(app: Application, seen: Seen, plan: Plan, now: datetime) -> tuple[str, list[Stage]]:
    """Return the revision that a look was about, and what it tells, in order; '' where it is about none."""
    if seen.target is None:
        trouble = seen.troubles[0] if seen.troubles else None
        return "", [Failed(trouble.message, trouble.file, trouble.line)] if trouble else []
    changed = sum(entry.differs for entry in seen.target.objects)
    told: list[Stage] = []
    begins = any(isinstance(action, StartOperation) for action in plan.actions)
    if begins or not changed:
        told.append(Rendered(len(seen.target.objects), changed, _pruned(app, seen, plan) if begins else 0))
    return seen.target.revision, [*told, *_outcome(app, seen, plan, now)]


def _pruned(app: Application, seen: Seen, plan: Plan) -> int:
    """Return how many objects the sync that begins here takes away."""
    state = plan.status.operation_state if plan.status is not None else None
    prunes = state is not None and state.operation.sync is not None and state.operation.sync.prune
    return len(extra_objects(app, seen.target, seen.tracked)) if prunes and seen.target is not None else 0


def removed_applications(plan: Plan) -> list[Ref]:
    """Return the Applications that a plan prunes."""
    pruned = [action.ref for action in plan.actions if isinstance(action, PruneObject)]
    return [ref for ref in pruned if (ref.group, ref.kind) == (GROUP, KIND)]


def written_applications(plan: Plan) -> dict[Ref, Manifest]:
    """Return the Applications that a plan writes, as they shall be."""
    written = [action.manifest for action in plan.actions if isinstance(action, ApplyObject | ReplaceObject)]
    found = {Ref.of(manifest): manifest for manifest in written}
    return {ref: manifest for ref, manifest in found.items() if (ref.group, ref.kind) == (GROUP, KIND)}


def held_back(told: list[Stage], parent: str) -> list[Stage]:
    """Return what is told of an Application while the one it belongs to may be about to remove it."""
    return [
        Progressing(f"waits for {parent}: {stage.message}") if isinstance(stage, Failed) else stage for stage in told
    ]


def _outcome(app: Application, seen: Seen, plan: Plan, now: datetime) -> list[Stage]:
    status = plan.status or app.status
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
    return [Applied(), _once_applied(app, seen, plan, now)]


def _once_applied(app: Application, seen: Seen, plan: Plan, now: datetime) -> Stage:
    status = plan.status or app.status
    verdict = status.health.status if status.health else health.UNKNOWN
    undecided = _undecided(seen, now) if verdict == health.SUSPENDED else ""
    if undecided:
        return Progressing(undecided)
    if verdict in (health.HEALTHY, health.SUSPENDED):
        return Healthy()
    text = _unhealthy(verdict, seen, now)
    is_final = verdict == health.DEGRADED and fair_chance(app, plan, now) is None
    return Failed(text) if is_final else Progressing(text)


def _undecided(seen: Seen, now: datetime) -> str:
    """Return which release waits for somebody, who may yet turn it down; '' where what is suspended is meant to be."""
    waits = [(ref, one) for ref, one in _at(health.SUSPENDED, seen, now) if ref.group == PLATFORM]
    return f"{waits[0][0]}: {waits[0][1].message}" if waits else ""


def _at(verdict: str, seen: Seen, now: datetime) -> list[tuple[Ref, Health]]:
    """Return the objects with a verdict."""
    live = [entry.live for entry in seen.target.objects if entry.live] if seen.target else []
    found = health.healths_of(live, now)
    return [(ref, one) for ref, one in found.items() if one is not None and one.status == verdict]


def _unhealthy(verdict: str, seen: Seen, now: datetime) -> str:
    worst = _at(verdict, seen, now)
    if not worst:
        return verdict
    ref, one = min(worst, key=lambda entry: entry[0] not in seen.causes)  # one that says why comes first
    return f"{ref}: {one.because(seen.causes.get(ref, '')).message}"
