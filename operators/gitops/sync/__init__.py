"""The next step of a sync under way: what to apply now, what to wait for, when it has ended. Pure.

In: the operation's state as published (so that a restarted engine goes on where the last one stopped), the target it
syncs to, and what was seen. Out: `Progress`: the new state and the steps to execute.
Order: `admission` (everything is tried first), `applying` wave by wave, then `removing`, backwards.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from operators.gitops.models import Application, OperationState, SyncOperation
from operators.gitops.options import Options
from operators.gitops.results import Results
from operators.gitops.seen import Compared, Seen, Target

from . import admission, applying, removing
from .admission import defines
from .run import Progress, Sync, end, is_selected

__all__ = ["Progress", "advance", "defines", "end", "is_selected"]


def advance(app: Application, state: OperationState, target: Target, seen: Seen, now: datetime) -> Progress:
    """Return the next step of the sync in `state`, whose phase is Running."""
    operation = state.operation.sync or SyncOperation()
    force = ("Force=true",) if operation.sync_strategy is not None and operation.sync_strategy.force else ()
    options = Options.of((), (*operation.sync_options, *force))
    results = Results.of(state, seen.outcomes)
    run = Sync(app, state, operation, target, seen, now, options, (), results)
    run = replace(run, tasks=_tasks(run))
    progress = admission.refusal(run)
    if progress is None and operation.dry_run:
        for task in run.tasks:
            results.add(task.desired, "Synced", "dry run: accepted")
        progress = run.end("Succeeded", "dry run: nothing was written")
    return progress or admission.namespace(run) or applying.apply(run) or removing.prune(run)


def _tasks(run: Sync) -> tuple[Compared, ...]:
    chosen = [task for task in run.target.objects if is_selected(run.operation.resources, task.ref)]
    if run.options.has("ApplyOutOfSyncOnly"):
        chosen = [task for task in chosen if task.differs or task.ref in run.results]
    return tuple(chosen)
