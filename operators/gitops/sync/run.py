"""One sync under way, and the ways a look at it can end: it goes on, or it is over. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from operators.gitops import health, retry, waves
from operators.gitops.actions import Action
from operators.gitops.models import Application, OperationState, Phase, SyncOperation, SyncResource, SyncResult
from operators.gitops.options import NEEDS_CONFIRMATION, Options
from operators.gitops.results import Results
from operators.gitops.seen import Compared, Seen, Target
from operators.kit.kube import Ref

Steps = tuple[tuple[Action, ...], ...]


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
class Sync:
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

    def health_of(self, task: Compared) -> health.Health | None:
        """Return the health of an object that was applied."""
        if task.live is None:
            return health.Health(health.MISSING, "it is gone")
        verdict = health.health_of(task.live, self.now)
        return verdict.because(self.seen.causes.get(task.ref, "")) if verdict is not None else None

    def recreates(self, task: Compared) -> bool:
        """Whether a live object is deleted and made anew: only where asked, only its own, and never data of others."""
        if not self.options.has("Force", task.desired) or task.live is None:
            return False
        if (task.ref.group, task.ref.kind) in NEEDS_CONFIRMATION or task.shared_with or not self.seen.may_delete:
            return False
        return bool(task.refused) or self.options.has("Replace", task.desired)

    def go_on(self, message: str, steps: Steps = (), requeue_after: timedelta | None = None) -> Progress:
        """Return that there is more to do, or to wait for."""
        state = self.state.but(phase="Running", message=message, sync_result=self._result())
        return Progress(state, steps, requeue_after)

    def end(self, phase: Phase, message: str) -> Progress:
        """Return that it ends, or is laid aside until its next retry."""
        return end(self.state.but(sync_result=self._result()), phase, message, self.now)

    def _result(self) -> SyncResult:
        return (self.state.sync_result or SyncResult()).but(resources=self.results.listed())


def is_selected(resources: Iterable[SyncResource], ref: Ref) -> bool:
    """Whether a selective sync is about this object; one that selects nothing is about all."""
    chosen = tuple(resources)
    return not chosen or any(
        (entry.group, entry.kind, entry.name) == (ref.group, ref.kind, ref.name)
        and entry.namespace in ("", ref.namespace)
        for entry in chosen
    )


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
