"""The next step of a sync under way: what to apply now, what to wait for, when it has ended. Pure.

In: the operation's state as published (so that a restarted engine goes on where the last one stopped), the target it
syncs to, and what was seen. Out: `Progress`: the new state and the steps to execute.
Order: everything is tried first (dry run), then wave by wave, each healthy before the next, then pruning, backwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

from operators.kit.kube import Manifest, Ref

from . import health, namespaces, pruning, retry, waves
from .actions import Action, ApplyObject, MigrateFields, PruneObject, ReplaceObject
from .comparison import extra_objects
from .models import (
    Application,
    OperationState,
    Phase,
    ResourceResult,
    SyncOperation,
    SyncResource,
    SyncResult,
)
from .options import NEEDS_CONFIRMATION, Options
from .results import Results
from .seen import Compared, Seen, Target

Steps = tuple[tuple[Action, ...], ...]
SUCCESS = "successfully synced (all tasks run)"
_CLIENT_SIDE = "kubectl-client-side-apply"


@dataclass(frozen=True)
class Progress:
    """How far a sync has come."""

    state: OperationState
    steps: Steps = ()
    requeue_after: timedelta | None = None
    awaiting: str = ""
    """A question put to a person."""
    frozen: str = ""
    """Why nothing may be deleted at the moment."""


@dataclass(frozen=True)
class _Sync:
    """One sync under way: what all of its steps look at."""

    app: Application
    state: OperationState
    operation: SyncOperation
    target: Target
    seen: Seen
    now: datetime
    options: Options
    tasks: tuple[Compared, ...]
    results: Results

    @property
    def waves(self) -> list[tuple[int, list[Compared]]]:
        """The tasks by wave, in order."""
        ordered = sorted(self.tasks, key=lambda task: waves.order(task.desired))
        return [(wave, list(group)) for wave, group in groupby(ordered, key=lambda task: waves.wave_of(task.desired))]


def advance(app: Application, state: OperationState, target: Target, seen: Seen, now: datetime) -> Progress:
    """Return the next step of the sync in `state`, whose phase is Running."""
    operation = state.operation.sync or SyncOperation()
    force = ("Force=true",) if operation.sync_strategy is not None and operation.sync_strategy.force else ()
    options = Options.of((), (*operation.sync_options, *force))
    results = Results.of(state, seen.outcomes)
    run = _Sync(app, state, operation, target, seen, now, options, (), results)
    run = replace(run, tasks=_tasks(run))
    progress = _refusal(run)
    if progress is None and operation.dry_run:
        for task in run.tasks:
            results.add(task.desired, "Synced", "dry run: accepted")
        progress = _end(run, "Succeeded", "dry run: nothing was written")
    return progress or _namespace(run) or _apply(run) or _prune(run)


def _tasks(run: _Sync) -> tuple[Compared, ...]:
    chosen = [task for task in run.target.objects if is_selected(run.operation.resources, task.ref)]
    if run.options.has("ApplyOutOfSyncOnly"):
        chosen = [task for task in chosen if task.differs or task.ref in run.results]
    return tuple(chosen)


def is_selected(resources: Iterable[SyncResource], ref: Ref) -> bool:
    """Whether a selective sync is about this object; one that selects nothing is about all."""
    chosen = tuple(resources)
    return not chosen or any(
        (entry.group, entry.kind, entry.name) == (ref.group, ref.kind, ref.name)
        and entry.namespace in ("", ref.namespace)
        for entry in chosen
    )


def _refusal(run: _Sync) -> Progress | None:
    """End the sync before anything is written where a part of it cannot succeed."""
    if run.target.blocked:
        return _end(run, "Failed", run.target.blocked)
    shared = [task for task in run.tasks if task.shared_with]
    if shared and run.options.has("FailOnSharedResource"):
        names = ", ".join(f"{task.ref} (of {task.shared_with})" for task in shared)
        return _end(run, "Failed", f"FailOnSharedResource: other Applications own {names}")
    open_tasks = [task for task in run.tasks if task.ref not in run.results]
    refused = [task for task in open_tasks if task.refused and not _recreates(run, task)]
    for task in refused:
        run.results.add(task.desired, "SyncFailed", task.refused)
    if refused:
        return _end(run, "Failed", _first_failure("objects are refused, nothing was applied", refused[0], len(refused)))
    unknown = [task for task in open_tasks if not task.served and not _will_be_served(run, task)]
    if unknown:
        task = unknown[0]
        text = (
            f"the API server does not serve {task.ref.api_version} {task.ref.kind} ({task.ref}); "
            "add its CRD to this Application or install it first"
        )
        run.results.add(task.desired, "SyncFailed", text)
        return _end(run, "Failed", text)
    return None


def _first_failure(text: str, task: Compared, count: int) -> str:
    more = f" (and {count - 1} more)" if count > 1 else ""
    return f"one or more {text}: {task.ref}: {task.refused}{more}"


def _will_be_served(run: _Sync, task: Compared) -> bool:
    if run.options.has("SkipDryRunOnMissingResource", task.desired):
        return True
    return any(defines(other.desired, task.ref) for other in run.target.objects)


def defines(manifest: Manifest, ref: Ref) -> bool:
    """Whether an object is the CRD of a kind."""
    spec = manifest.get("spec") or {}
    return (
        manifest.get("kind") == "CustomResourceDefinition"
        and spec.get("group") == ref.group
        and (spec.get("names") or {}).get("kind") == ref.kind
    )


def _namespace(run: _Sync) -> Progress | None:
    action = namespaces.due(run.app, run.target, run.seen, run.options)
    failed = run.results.namespace_failure(run.app.spec.destination.namespace)
    if action is None:
        return None
    if failed:
        return _end(run, "Failed", f"the namespace {action.name} cannot be made: {failed}")
    return _go_on(run, f"making namespace {action.name}", ((action,),))


def _apply(run: _Sync) -> Progress | None:
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


def _apply_wave(run: _Sync, wave: int, tasks: list[Compared]) -> Progress | None:
    for task in tasks:
        if task.ref not in run.results and not task.differs:
            run.results.add(task.desired, "Synced", "unchanged", verdict=_health_of(run, task))
        run.results.judge(task.ref, _health_of(run, task))
    failed = [task for task in tasks if run.results.code(task.ref) == "SyncFailed"]
    if failed:
        first = run.results.message(failed[0].ref)
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        return _end(run, "Failed", f"one or more objects failed to apply: {failed[0].ref}: {first}{more}")
    pending = [task for task in tasks if task.ref not in run.results]
    if not pending:
        return None
    ready = [task for task in pending if task.served]
    if not ready:
        kinds = ", ".join(sorted({task.ref.kind for task in pending}))
        return _go_on(run, f"waiting for the API server to serve {kinds}", requeue_after=timedelta(seconds=1))
    ordered = sorted(ready, key=lambda task: waves.order(task.desired))
    steps = tuple(
        tuple(action for task in group for action in _actions(run, task))
        for _, group in groupby(ordered, key=lambda task: waves.step_of(task.desired))
    )
    migrations = tuple(action for step in steps for action in step if isinstance(action, MigrateFields))
    rest = tuple(tuple(action for action in step if not isinstance(action, MigrateFields)) for step in steps)
    in_wave = f" of wave {wave}" if len(run.waves) > 1 else ""
    return _go_on(run, f"applying {len(ready)} objects{in_wave}", ((migrations,) if migrations else ()) + rest)


def _actions(run: _Sync, task: Compared) -> list[Action]:
    reason = f"{task.ref} is missing" if task.live is None else f"{task.ref} differs in {_listed(task.fields)}"
    if _recreates(run, task) and task.live is not None:
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


def _recreates(run: _Sync, task: Compared) -> bool:
    """Whether a live object is deleted and made anew: only where asked, only its own, and never data of others."""
    if not run.options.has("Force", task.desired) or task.live is None:
        return False
    if (task.ref.group, task.ref.kind) in NEEDS_CONFIRMATION or task.shared_with or not run.seen.may_delete:
        return False
    return bool(task.refused) or run.options.has("Replace", task.desired)


def _waits_for_all(run: _Sync) -> bool:
    """PruneLast: also the last wave must be healthy before anything is pruned."""
    extra = extra_objects(run.app, run.target, run.seen.tracked) if run.operation.prune else ()
    return any(run.options.has("PruneLast", live) for live in extra)


def _await_health(run: _Sync, tasks: list[Compared]) -> Progress | None:
    waiting = []
    for task in tasks:
        verdict = _health_of(run, task)
        run.results.judge(task.ref, verdict)
        if verdict is not None and verdict.status == health.DEGRADED:
            return _end(run, "Failed", f"{task.ref} is degraded: {verdict.message or 'no reason given'}")
        if verdict is not None and verdict.status not in (health.HEALTHY, health.SUSPENDED):
            waiting.append((task.ref, verdict.message))
    if waiting:
        ref, message = waiting[0]
        more = f" and {len(waiting) - 1} more" if len(waiting) > 1 else ""
        return _go_on(run, f"waiting for healthy state of {ref}{more}: {message}")
    left = run.seen.rules.wave_delay - (run.now - run.seen.applied_at) if run.seen.applied_at else timedelta(0)
    return _go_on(run, "waiting before the next wave", requeue_after=left) if left > timedelta(0) else None


def _health_of(run: _Sync, task: Compared) -> health.Health | None:
    if task.live is None:
        return health.Health(health.MISSING, "it is gone")
    return health.health_of(task.live, run.now)


def _prune(run: _Sync) -> Progress:
    extra = extra_objects(run.app, run.target, run.seen.tracked)
    extra = tuple(live for live in extra if is_selected(run.operation.resources, Ref.of(live)))
    wanted = pruning.decide(run.app, run.state.operation, run.target, extra, run.seen)
    if wanted.refused:
        return _end(run, "Failed", wanted.refused)
    if wanted.frozen:
        return replace(_go_on(run, wanted.frozen, requeue_after=wanted.wait), frozen=wanted.frozen)
    for live, why in wanted.skip:
        run.results.add(live, "PruneSkipped", why)
    skipped = {Ref.of(live) for live, _ in wanted.skip}
    going = [live for live in extra if Ref.of(live) not in skipped]
    late = {Ref.of(live) for live in going if run.options.has("PruneLast", live)}
    groups = waves.pruning_waves([live for live in going if Ref.of(live) not in late])
    groups += waves.pruning_waves([live for live in going if Ref.of(live) in late])
    for number, group in enumerate(groups):
        progress = _prune_group(run, group, wanted.delete, is_last=number == len(groups) - 1)
        if progress is not None:
            return replace(progress, awaiting=wanted.awaiting)
    return replace(_end(run, "Succeeded", SUCCESS), awaiting=wanted.awaiting)


def _prune_group(run: _Sync, group: list[Manifest], allowed: tuple[Manifest, ...], *, is_last: bool) -> Progress | None:
    failed = [live for live in group if run.results.code(Ref.of(live)) == "SyncFailed"]
    if failed:
        ref = Ref.of(failed[0])
        return _end(run, "Failed", f"{ref} cannot be pruned: {run.results.message(ref)}")
    pending = [live for live in group if Ref.of(live) not in run.results and any(live is one for one in allowed)]
    if pending:
        step = tuple(_prune_action(run, live) for live in pending)
        return _go_on(run, f"pruning {len(pending)} objects", (step,))
    if is_last:
        return None
    return _go_on(run, f"waiting for the deletion of {Ref.of(group[0])}", requeue_after=timedelta(seconds=30))


def _prune_action(run: _Sync, live: Manifest) -> PruneObject:
    ref, uid = Ref.of(live), str(live["metadata"].get("uid") or "")
    match run.options.value("PrunePropagationPolicy", live).lower():
        case "background":
            return PruneObject(ref, uid, f"{ref} left Git", "Background")
        case "orphan":
            return PruneObject(ref, uid, f"{ref} left Git", "Orphan")
    return PruneObject(ref, uid, f"{ref} left Git", "Foreground")


def _go_on(run: _Sync, message: str, steps: Steps = (), requeue_after: timedelta | None = None) -> Progress:
    state = run.state.but(phase="Running", message=message, sync_result=_result(run))
    return Progress(state, steps, requeue_after)


def _end(run: _Sync, phase: Phase, message: str) -> Progress:
    state = run.state.but(sync_result=_result(run))
    return end(state, phase, message, run.now)


def _result(run: _Sync) -> SyncResult:
    old = run.state.sync_result or SyncResult()
    return old.but(resources=run.results.listed())


def end(state: OperationState, phase: Phase, message: str, now: datetime) -> Progress:
    """End a sync, or lay it aside until its next retry."""
    count = state.retry_count or 0
    if phase in ("Failed", "Error") and retry.may_retry(state) and state.operation.retry is not None:
        wait = retry.wait_before(state.operation.retry, count + 1)
        text = f"{message}. Retrying attempt #{count + 1} at {(now + wait).strftime('%H:%M:%S')} UTC."
        again = state.but(phase="Running", message=text, retry_count=count + 1, finished_at=now)
        return Progress(again, requeue_after=wait)
    text = f"{message} (retried {count} times)" if count and phase != "Succeeded" else message
    return Progress(state.but(phase=phase, message=text, finished_at=now))


def failed_results(state: OperationState) -> tuple[ResourceResult, ...]:
    """Return what failed in a sync."""
    return tuple(
        result for result in (state.sync_result.resources if state.sync_result else ()) if result.status == "SyncFailed"
    )
