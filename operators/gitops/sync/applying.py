"""Applying: wave by wave, each healthy before the next. Pure."""

from __future__ import annotations

from datetime import timedelta
from itertools import groupby

from operators.gitops import health, waves
from operators.gitops.actions import Action, ApplyObject, MigrateFields, ReplaceObject
from operators.gitops.comparison import extra_objects
from operators.gitops.seen import Compared

from .run import Progress, Sync

_CLIENT_SIDE = "kubectl-client-side-apply"


def apply(run: Sync) -> Progress | None:
    """Apply the first wave that is not done, or wait for its health; None when all waves are applied."""
    all_waves = run.waves
    last_to_wait = len(all_waves) if _waits_for_all(run) else len(all_waves) - 1
    for number, (wave, tasks) in enumerate(all_waves):
        progress = _apply_wave(run, wave, tasks)
        if progress is None and number < last_to_wait:
            progress = _await_health(run, tasks)
        if progress is not None:
            return progress
    return None


def _apply_wave(run: Sync, wave: int, tasks: list[Compared]) -> Progress | None:
    for task in tasks:
        if task.ref not in run.results and not task.differs:
            run.results.add(task.desired, "Synced", "unchanged", verdict=run.health_of(task))
        run.results.judge(task.ref, run.health_of(task))
    failed = [task for task in tasks if run.results.code(task.ref) == "SyncFailed"]
    if failed:
        first = run.results.message(failed[0].ref)
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        return run.end("Failed", f"one or more objects failed to apply: {failed[0].ref}: {first}{more}")
    pending = [task for task in tasks if task.ref not in run.results]
    if not pending:
        return None
    ready = [task for task in pending if task.served]
    if not ready:
        kinds = ", ".join(sorted({task.ref.kind for task in pending}))
        return run.go_on(f"waiting for the API server to serve {kinds}", requeue_after=timedelta(seconds=1))
    ordered = sorted(ready, key=lambda task: waves.order(task.desired))
    steps = tuple(
        tuple(action for task in group for action in _actions(run, task))
        for _, group in groupby(ordered, key=lambda task: waves.step_of(task.desired))
    )
    migrations = tuple(action for step in steps for action in step if isinstance(action, MigrateFields))
    rest = tuple(tuple(action for action in step if not isinstance(action, MigrateFields)) for step in steps)
    in_wave = f" of wave {wave}" if len(run.waves) > 1 else ""
    return run.go_on(f"applying {len(ready)} objects{in_wave}", ((migrations,) if migrations else ()) + rest)


def _actions(run: Sync, task: Compared) -> list[Action]:
    reason = f"{task.ref} is missing" if task.live is None else f"{task.ref} differs in {_listed(task.fields)}"
    if run.recreates(task) and task.live is not None:
        uid = str(task.live["metadata"].get("uid") or "")
        return [ReplaceObject(task.desired, f"{reason}; Force: it is made anew", uid=uid, recreate=True)]
    if run.options.has("Replace", task.desired):
        return [ReplaceObject(task.desired, f"{reason}; Replace", uid="")]
    actions: list[Action] = []
    if task.live is not None and run.options.has("ClientSideApplyMigration", task.desired, default=True):
        managers = {entry.get("manager") for entry in task.live["metadata"].get("managedFields") or []}
        if _CLIENT_SIDE in managers:
            actions.append(MigrateFields(task.ref, f"{task.ref} was made with kubectl apply"))
    validate = run.options.has("Validate", task.desired, default=True)
    return [*actions, ApplyObject(task.desired, reason, validate=validate)]


def _listed(fields: tuple[str, ...]) -> str:
    shown = ", ".join(fields[:3]) or "what it owns"
    return f"{shown} and {len(fields) - 3} more" if len(fields) > 3 else shown


def _waits_for_all(run: Sync) -> bool:
    """PruneLast: also the last wave must be healthy before anything is pruned."""
    extra = extra_objects(run.app, run.target, run.seen.tracked) if run.operation.prune else ()
    return any(run.options.has("PruneLast", live) for live in extra)


def _await_health(run: Sync, tasks: list[Compared]) -> Progress | None:
    waiting = []
    for task in tasks:
        verdict = run.health_of(task)
        run.results.judge(task.ref, verdict)
        if verdict is not None and verdict.status == health.DEGRADED:
            return run.end("Failed", f"{task.ref} is degraded: {verdict.message or 'no reason given'}")
        if verdict is not None and verdict.status not in (health.HEALTHY, health.SUSPENDED):
            waiting.append((task.ref, verdict.message))
    if waiting:
        ref, message = waiting[0]
        more = f" and {len(waiting) - 1} more" if len(waiting) > 1 else ""
        return run.go_on(f"waiting for healthy state of {ref}{more}: {message}")
    left = run.seen.rules.wave_delay - (run.now - run.seen.applied_at) if run.seen.applied_at else timedelta(0)
    return run.go_on("waiting before the next wave", requeue_after=left) if left > timedelta(0) else None
