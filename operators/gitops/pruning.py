"""What may be deleted during a sync: the rules that keep the engine from deleting wrongly. Pure.

Only objects that carry the Application's mark and were seen live come here at all. Any doubt (a failure while
looking, an incomplete look, an empty render, a kind that takes others' data along, more than the budget)
turns a deletion into a condition that names the remedy.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from operators.kit.kube import Manifest, Ref

from . import conditions
from .comparison import is_terminating
from .models import DELETION_APPROVED, Application, Operation
from .options import Options
from .seen import Seen, Target

_NAMED = 5
_MOMENT = timedelta(milliseconds=200)


@dataclass(frozen=True)
class Pruning:
    """The extra objects of a sync, sorted by what happens to them."""

    delete: tuple[Manifest, ...] = ()
    skip: tuple[tuple[Manifest, str], ...] = ()
    """With the reason."""
    awaiting: str = ""
    """The question put to a person; '' where nobody is asked."""
    refused: str = ""
    """Why this sync may not delete anything; it fails."""
    frozen: str = ""
    """Why nothing may be deleted at the moment; the sync waits."""
    wait: timedelta = timedelta(seconds=5)
    """How long, where it is frozen."""


def decide(app: Application, operation: Operation, target: Target, extra: tuple[Manifest, ...], seen: Seen) -> Pruning:
    """Decide about every extra object."""
    sync = operation.sync
    if sync is None or not extra:
        return Pruning()
    if not sync.prune:
        return Pruning(skip=tuple((live, "ignored (requires pruning)") for live in extra))
    chosen = Options.of(sync.sync_options)
    deletable = [live for live in extra if not is_terminating(live)]
    if deletable and not target.objects and not _allows_empty(app):
        return Pruning(refused=refuses_empty(target.revision))
    moved = [live for live in deletable if Ref.of(live) in seen.claims]
    deletable = [live for live in deletable if Ref.of(live) not in seen.claims]
    skip = [(live, f"belongs to {seen.claims[Ref.of(live)]} now") for live in moved]
    skip += [(live, "ignored (no prune)") for live in deletable if chosen.deletion("Prune", live) == "false"]
    confirm = [live for live in deletable if chosen.deletion("Prune", live) == "confirm"]
    free = [live for live in deletable if chosen.deletion("Prune", live) == "true"]
    over = _is_over_budget(operation, free, seen)
    asked = [*confirm, *free] if over else confirm
    question = _question(asked, over=over)
    if asked and not _is_approved(app, question):
        skip += [(live, "needs confirmation") for live in asked]
        free = [] if over else free
        confirm = []
    else:
        question = ""
    delete = (*free, *confirm)
    if delete and not seen.may_delete:
        return Pruning(frozen=_frozen(seen))
    if delete and seen.unsure:
        return Pruning(frozen=f"nothing is deleted until it is known what {seen.unsure} wants of it", wait=_MOMENT)
    return Pruning(tuple(delete), tuple(skip), question)


def refuses_empty(revision: str) -> str:
    """Say that an empty render deletes nothing."""
    return (
        f"revision {revision[:8]} renders no objects at all and syncing would delete everything; "
        "if that is meant, set spec.syncPolicy.automated.allowEmpty: true"
    )


def wants_empty(app: Application, target: Target) -> bool:
    """Whether automation may wipe everything out."""
    return bool(target.objects) or _allows_empty(app)


def _allows_empty(app: Application) -> bool:
    automated = app.spec.sync_policy.automated if app.spec.sync_policy else None
    return automated is not None and automated.allow_empty


def _is_over_budget(operation: Operation, free: list[Manifest], seen: Seen) -> bool:
    automated = operation.initiated_by is not None and operation.initiated_by.automated
    return automated and len(free) > seen.rules.deletion_budget and 2 * len(free) > len(seen.tracked)


def _question(asked: list[Manifest], *, over: bool) -> str:
    if not asked:
        return ""
    names = sorted(str(Ref.of(live)) for live in asked)
    listed = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    why = "more than the deletion budget would go" if over else "deleting it is for a person to confirm"
    return (
        f"{listed}: left Git, but {why}; annotate the Application with "
        f"{DELETION_APPROVED}=<the time now, as 2006-01-02T15:04:05Z> to delete"
    )


def _is_approved(app: Application, question: str) -> bool:
    """An approval counts for the very question that stood in the status when it was given."""
    asked = conditions.since(app.status.conditions, conditions.PRUNE_CONFIRMATION, question)
    approved = approval(app)
    return asked is not None and approved is not None and approved >= asked


def approval(app: Application) -> datetime | None:
    """Return when deletion was approved by annotation; None where it was not, or cannot be read."""
    text = app.annotation(DELETION_APPROVED)
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


def _frozen(seen: Seen) -> str:
    if seen.troubles:
        return f"nothing is deleted while this lasts: {seen.troubles[0].message}"
    return (
        "nothing is deleted until the API server has told of all kinds: `kubectl get apiservices` shows an APIService "
        "that does not answer, the engine's log a kind that it may not read"
    )
