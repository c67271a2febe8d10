"""The end of an Application: its objects go with it, or stay, as its finalizer says. Pure.

Without the finalizer everything stays. With it, the objects go in reverse waves, each wave gone before the next.
Nothing of this needs Git: a broken repository does not keep an Application from being deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from operators.kit.kube import Manifest, Propagation, Ref

from . import pruning, waves
from .actions import Action, DeleteObject, RemoveFinalizer
from .comparison import is_terminating
from .models import DELETION_APPROVED, FINALIZER, GROUP, KIND, Application
from .options import Options
from .seen import Seen

_OURS = (FINALIZER, f"{FINALIZER}/foreground", f"{FINALIZER}/background")
_HOOKS = ("pre-delete-finalizer.argocd.argoproj.io", "post-delete-finalizer.argocd.argoproj.io")
_LOOK_AGAIN = timedelta(seconds=10)


@dataclass(frozen=True)
class Ending:
    """What is to be done about a deleted Application."""

    steps: tuple[tuple[Action, ...], ...] = ()
    problem: str = ""
    """For a DeletionError condition."""
    requeue_after: timedelta | None = None


def advance(app: Application, seen: Seen) -> Ending:
    """Return the next step of a deletion that was asked for."""
    ours = tuple(name for name in app.metadata.finalizers if name in _OURS)
    unserved = _unserved(app)
    if not ours or unserved:
        return Ending(problem=unserved)
    if not seen.may_delete or seen.unsure:
        return _frozen(seen)
    policy = app.spec.sync_policy
    options = Options.of(policy.sync_options if policy else ())
    left = [live for live in _own(app, seen) if options.deletion("Delete", live) != "false"]
    if not left:
        return Ending(((RemoveFinalizer(ours, "all of its objects are gone"),),))
    failures = [outcome for outcome in seen.outcomes if outcome.code == "SyncFailed"]
    if failures:
        problem = f"{failures[0].ref} cannot be deleted: {failures[0].message}"
        return Ending(problem=problem, requeue_after=_LOOK_AGAIN)
    unconfirmed = [
        live
        for live in left
        if options.deletion("Delete", live) == "confirm" and not _is_approved(app) and not is_terminating(live)
    ]
    question = _question(unconfirmed)
    for group in waves.pruning_waves([live for live in left if live not in unconfirmed]):
        due = tuple(_delete(live, ours) for live in group if not is_terminating(live))
        return Ending((due,) if due else (), problem=question, requeue_after=timedelta(seconds=30))
    return Ending(problem=question)


def _unserved(app: Application) -> str:
    """Name the finalizers of deletion hooks: nobody serves them, and the Application would hang without a word."""
    found = [name for name in app.metadata.finalizers if name.partition("/")[0] in _HOOKS]
    if not found:
        return ""
    return (
        f"finalizer {', '.join(found)}: PreDelete and PostDelete hooks are not served yet, so nothing is deleted; take "
        f"it out of metadata.finalizers (kubectl -n {app.metadata.namespace} edit application {app.name}) to go on "
        "without them"
    )


def _frozen(seen: Seen) -> Ending:
    if seen.may_delete:  # what another Application is about to want is known in a moment
        return Ending(requeue_after=timedelta(milliseconds=200))
    reason = seen.troubles[0].message if seen.troubles else "not all of its kinds have been read"
    return Ending(problem=f"its objects are not deleted while this lasts: {reason}", requeue_after=_LOOK_AGAIN)


def _own(app: Application, seen: Seen) -> list[Manifest]:
    itself = Ref(GROUP, KIND, app.metadata.namespace, app.name)
    return [
        live
        for live in seen.tracked
        if not live["metadata"].get("ownerReferences")
        and (ref := Ref.of(live)) != itself
        and (ref not in seen.claims or is_terminating(live))
    ]


def _delete(live: Manifest, finalizers: Sequence[str]) -> DeleteObject:
    propagation: Propagation = "Background" if f"{FINALIZER}/background" in finalizers else "Foreground"
    ref = Ref.of(live)
    return DeleteObject(ref, str(live["metadata"].get("uid") or ""), f"{ref}: its Application is deleted", propagation)


def _is_approved(app: Application) -> bool:
    approved = pruning.approval(app)
    return approved is not None and app.deleted_at is not None and approved >= app.deleted_at


def _question(unconfirmed: list[Manifest]) -> str:
    if not unconfirmed:
        return ""
    names = ", ".join(sorted(str(Ref.of(live)) for live in unconfirmed)[:5])
    return (
        f"{names}: deleting it is for a person to confirm; annotate the Application with "
        f"{DELETION_APPROVED}=<the time now, as 2006-01-02T15:04:05Z>, or the object with "
        "argocd.argoproj.io/sync-options: Delete=false to keep it"
    )
