"""Tell the receipts what each look came to, and which Applications a push touches.

In:  what was seen, decided and done. Out: notes in `Receipts`; the engine works the same without any.
A child of an app-of-apps is not judged by what its parent is about to replace: its failures are held back until the
push has been applied to the parent, and then it is looked at once more. A child whose manifest the push has changed is
told of once it is as the push says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from operators.kit.kube import Manifest
from operators.kit.merge import merge_patch
from operators.kit.queue import WorkQueue

from . import stages, tracking
from .context import Done
from .memory import Urgency
from .models import Application
from .plan import Plan
from .receipts import Receipts, Removed
from .roster import Roster
from .seen import Seen


class Teller:
    """What is told of Applications."""

    def __init__(self, receipts: Receipts | None, roster: Roster, queue: WorkQueue[str]) -> None:
        self._receipts = receipts
        self._roster = roster
        self._queue = queue
        self._expected: dict[str, str] = {}
        """By Application, the push it is touched by and was not looked at for yet."""
        self._held: dict[str, set[str]] = {}
        """By Application, those of its children whose failure is not told before it was applied."""
        self._joined: dict[str, tuple[str, Manifest]] = {}
        """By Application, the push that has changed its manifest, and the spec it has to have before it is told of."""

    @property
    def is_heard(self) -> bool:
        """Whether there are receipts at all."""
        return self._receipts is not None

    def expect(self, revision: str, touched: Iterable[str], overtaken: Mapping[str, str], unchanged: int) -> None:
        """Say which Applications a push touches, which have gone past it already, and how many it leaves alone."""
        if self._receipts is not None:
            awaited = self._receipts.expect(revision, list(touched), unchanged, overtaken=overtaken)
            self._expected.update(dict.fromkeys(awaited, revision))

    def tell(self, app: Application, seen: Seen, decided: Plan, now: datetime) -> None:
        """Tell what a look has found, before anything of it is done."""
        receipts = self._receipts
        if receipts is None or app.deleted_at is not None or self._waits(app):
            return
        revision, told = stages.stages(app, seen, decided, now)
        revision = self._joined.get(app.name, ("", {}))[0] or revision or self._expected.get(app.name, "")
        parent = tracking.owner_of(self._roster.get(app.name) or {"metadata": {}})
        if parent in self._roster and receipts.is_being_applied(parent, revision):
            self._held.setdefault(parent, set()).add(app.name)
            told = stages.held_back(told, parent)
        for stage in told if revision else ():
            receipts.note(app.name, revision, stage)
        if not receipts.is_being_applied(app.name, revision):
            for child in self._held.pop(app.name, ()):
                self._queue.add(child, priority=Urgency.TOUCHED)

    def tell_done(self, app: Application, seen: Seen, decided: Plan, done: Done) -> None:
        """Tell of the Applications that were pruned, and wait for those that were written."""
        if self._receipts is None or seen.target is None:
            return
        revision = seen.target.revision
        codes = {ref: outcome.code for ref, outcome in done.outcomes.items()}
        for ref in stages.removed_applications(decided):
            if codes.get(ref) == "Pruned":
                self._receipts.note(ref.name, revision, Removed())
        known = {entry.ref for entry in seen.target.objects if entry.live is not None}
        for ref, manifest in stages.written_applications(decided).items():
            is_joining = codes.get(ref) == "Synced" and ref.name != app.name
            if is_joining and self._receipts.join(ref.name, revision, app.name, is_new=ref not in known):
                self._joined[ref.name] = (revision, manifest.get("spec") or {})
                self._queue.add(ref.name, priority=Urgency.TOUCHED)

    def _waits(self, app: Application) -> bool:
        """Whether an Application is not yet what the push has made of it that waits for it."""
        revision, spec = self._joined.get(app.name, ("", {}))
        if revision and self._receipts is not None and not self._receipts.is_awaited(app.name, revision):
            del self._joined[app.name]
            return False
        said = app.spec.wire()
        return bool(revision) and merge_patch(said, spec) != said

    def gone(self, name: str) -> None:
        """An Application does not exist any more."""
        self._expected.pop(name, None)
        self._joined.pop(name, None)
        if self._receipts is not None:
            self._receipts.gone(name)
