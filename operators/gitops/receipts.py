"""Receipts: what became of a push, told to whoever follows it and kept for `amx receipt`.

In:  the loop's notes (`announced`, `expect`, `note`: all synchronous, none of them waits for IO).
Out: an asynchronous stream of `Said` per follower, and one ConfigMap per push (written by `receipts_store`, later).
Trade-off: memory is the truth while the engine runs and the ConfigMap follows a moment behind, so that a push never
waits for a write that only the reader of tomorrow needs. A kill loses at most that moment; the loop notes it anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from operators.kit.kube import KubeApi

from .receipts_model import (
    Applied,
    Entry,
    Failed,
    Healthy,
    Progressing,
    Receipt,
    Removed,
    Rendered,
    Stage,
    Superseded,
)
from .receipts_store import KEPT, ReceiptStore
from .receipts_text import PREFIX, closing_lines, entry_lines

__all__ = [
    "Applied",
    "Failed",
    "Healthy",
    "Progressing",
    "Receipt",
    "Receipts",
    "Removed",
    "Rendered",
    "Said",
    "Stage",
]

_NONE: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Said:
    """One record of a followed receipt; a line that is not `final` is replaced by the application's next one."""

    lines: tuple[str, ...]
    application: str = ""
    state: str = ""
    final: bool = True
    end: str = ""
    """`complete` or `timeout` on the last record of a stream."""

    def to_json(self) -> dict[str, Any]:
        """The form on the wire, one per line."""
        return {
            "application": self.application,
            "state": self.state,
            "final": self.final,
            "lines": list(self.lines),
            "end": self.end,
        }


class Receipts:
    """The receipts of one engine; all methods belong to the event loop's thread.

    `await load()` once before use; `run()` is the writer, for the life of the engine.
    """

    def __init__(
        self, api: KubeApi, *, namespace: str = "argocd", now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._now = now
        self._store = ReceiptStore(api, namespace)
        self._receipts: dict[str, Receipt] = {}
        self._changed = asyncio.Event()
        self._heard: Callable[[Receipt], None] = lambda _: None

    async def load(self) -> None:
        """Read the receipts an earlier engine left; an unfinished one goes on where it was."""
        for receipt in await self._store.read():
            self._receipts.setdefault(receipt.revision, receipt)

    async def run(self) -> None:
        """Write what changes, until cancelled; the last changes are written on the way out."""
        await self._store.run()

    def on_change(self, heard: Callable[[Receipt], None]) -> None:
        """Have `heard(receipt)` called with every change of one, from within the note; it must not raise."""
        self._heard = heard

    def all(self) -> list[Receipt]:
        """Every receipt that is known."""
        return list(self._receipts.values())

    def reported(self, application: str, revision: str, state: str) -> None:
        """A commit shows this state of an application on its Git host; kept, so that nobody posts it again."""
        receipt = self._receipts.get(revision)
        if receipt is not None:
            self._put(replace(receipt, reported={**receipt.reported, application: state}))

    def announced(self, repo_url: str, before: str, after: str, received_at: datetime | None = None) -> None:
        """A push was received; `after` is its revision, 40 hex digits.

        Told twice (a redelivered webhook), the second is nothing new. A branch that returns to an old revision from
        elsewhere is a push of its own, with a receipt that starts afresh.
        """
        known = self._receipts.get(after)
        if known is None or (known.done and known.repo_url and known.before != before):
            known = Receipt(after, received_at or self._now())
        if not known.repo_url:
            self._put(replace(known, repo_url=repo_url, before=before), persist=False)

    def expect(
        self, revision: str, applications: Sequence[str], unchanged: int = 0, *, overtaken: Mapping[str, str] = _NONE
    ) -> list[str]:
        """Say which applications this push touches; return those that are waited for.

        `unchanged` is how many it leaves alone, `overtaken` the newer commit of those that have gone past this one.
        What an older push still had under way for the same applications is thereby superseded, and so is this push
        where a newer one has been first. A push that touches none has its receipt in memory only: a busy repository's
        other branches would drive out those worth keeping.
        """
        receipt = self._at(revision)
        newer = {**{name: self._newer(name, receipt) for name in applications}, **overtaken}
        new = {name: Entry(name, superseded_by=by) for name, by in newer.items()}
        entries = {**new, **receipt.entries}
        for name in applications:
            self._supersede(name, revision)
        by = receipt.superseded_by or ("" if entries else self._successor(receipt))
        known = replace(receipt, expected=True, unchanged=unchanged, entries=entries, superseded_by=by)
        self._put(known, persist=bool(entries))
        return [name for name in applications if not entries[name].done]

    def join(self, application: str, revision: str, parent: str, *, is_new: bool) -> bool:
        """Wait for an application too whose own manifest this push has changed, through `parent`; False if known."""
        receipt = self._receipts.get(revision)
        through = receipt.entries.get(parent) if receipt is not None else None
        if receipt is None or through is None or through.done or application in receipt.entries:
            return False
        self._supersede(application, revision)
        unchanged = receipt.unchanged if is_new else max(0, receipt.unchanged - 1)
        entries = {**receipt.entries, application: Entry(application)}
        self._put(replace(receipt, entries=entries, unchanged=unchanged))
        return True

    def is_awaited(self, application: str, revision: str) -> bool:
        """Whether a push still waits for an application."""
        entry = receipt.entries.get(application) if (receipt := self._receipts.get(revision)) else None
        return entry is not None and not entry.done

    def overtaken(self, revision: str, by: str) -> None:
        """A push that nobody has looked at yet is not looked at any more: a newer one stands in its place."""
        receipt = self._at(revision)
        if revision != by and not receipt.expected:
            self._put(replace(receipt, expected=True, superseded_by=by), persist=bool(receipt.entries))

    def note(self, application: str, revision: str, stage: Stage) -> None:
        """One application came one stage further with this revision.

        Not every note belongs to a push: what self-heal does at a revision that is long healthy changes no receipt.
        A note of an application the push was not expected to touch (a new one, from an app-of-apps) joins it
        when it says something: a change, a failure or its end.
        """
        receipt = self._home(application, revision, stage)
        entry = receipt.entries.get(application)
        if entry is None:
            worth_saying = isinstance(stage, Failed | Removed) or (
                isinstance(stage, Rendered) and stage.changed + stage.removed > 0
            )
            if receipt.expected and not worth_saying:
                return
            entry = Entry(application)
        elapsed_s = max(0.0, (self._now() - receipt.received_at).total_seconds())
        after = entry.after(stage, elapsed_s)
        if after != entry or application not in receipt.entries:
            self._supersede(application, receipt.revision)
            self._put(replace(receipt, entries={**receipt.entries, application: after}))

    def gone(self, application: str) -> None:
        """An application does not exist any more: nothing of it is waited for."""
        for receipt in list(self._receipts.values()):
            entry = receipt.entries.get(application)
            if entry is not None and not entry.done:
                self._put(replace(receipt, entries={**receipt.entries, application: entry.after(Removed(), 0.0)}))

    def is_being_applied(self, application: str, revision: str) -> bool:
        """Whether a push has still to be applied to an application it touches."""
        receipt = self._receipts.get(revision)
        entry = receipt.entries.get(application) if receipt is not None else None
        return entry is not None and not entry.done and entry.applied_s is None

    def get(self, revision: str) -> Receipt | None:
        """The receipt of a revision (or of a unique beginning of at least 7 digits of it), or None."""
        if revision in self._receipts or len(revision) < 7:
            return self._receipts.get(revision)
        found = [receipt for sha, receipt in self._receipts.items() if sha.startswith(revision)]
        return found[0] if len(found) == 1 else None

    async def follow(self, revision: str, timeout_s: float) -> AsyncIterator[Said]:
        """Tell what is known and then every change, until all is done or `timeout_s` have passed.

        A revision nobody has announced yet is waited for: after a restart the announcement may be the engine's own.
        """
        told: dict[str, Entry] = {}
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            changed = self._changed
            receipt = self.get(revision)
            for name, entry in (receipt.entries if receipt else {}).items():
                if told.get(name) != entry and entry != Entry(name):
                    told[name] = entry
                    yield Said(tuple(entry_lines(entry)), name, entry.state, final=entry.done)
            if receipt is not None and receipt.done:
                yield Said(tuple(closing_lines(receipt)), end="complete")
                return
            if not await _wait(changed, deadline):
                yield Said(tuple(_unfinished_lines(receipt, revision, timeout_s)), end="timeout")
                return

    def _home(self, application: str, revision: str, stage: Stage) -> Receipt:
        """The receipt a note belongs to.

        An application that an earlier push touched becomes healthy at the revision of a later, unrelated push. A commit
        that nobody has announced, and that changes something, is a push of its own.
        """
        own = self._receipts.get(revision)
        if own is None and isinstance(stage, Rendered) and stage.changed + stage.removed > 0:
            return self._at(revision)
        if own is not None and application in own.entries:
            return own
        waiting = (r for r in self._receipts.values() if application in r.entries and not r.entries[application].done)
        if own is None or own.expected:
            return next(waiting, own or self._at(revision))
        return own

    def _supersede(self, application: str, by: str) -> None:
        newer = self._at(by).received_at
        for receipt in list(self._receipts.values()):
            entry = receipt.entries.get(application)
            if receipt.revision != by and receipt.received_at <= newer and entry is not None and not entry.done:
                self._put(replace(receipt, entries={**receipt.entries, application: entry.after(Superseded(by), 0.0)}))

    def _newer(self, application: str, receipt: Receipt) -> str:
        """The newest push of an application that came after this one; '' where there is none."""
        later = [r for r in self._receipts.values() if r.received_at > receipt.received_at and application in r.entries]
        return max(later, key=lambda one: one.received_at).revision if later else ""

    def _successor(self, receipt: Receipt) -> str:
        """The push that was made on top of this one, where it came before this one was looked at."""
        later = (r.revision for r in self._receipts.values() if r.before == receipt.revision)
        return next((revision for revision in later if revision != receipt.revision), "")

    def _at(self, revision: str) -> Receipt:
        return self._receipts.get(revision) or Receipt(revision, self._now())

    def _put(self, receipt: Receipt, *, persist: bool = True) -> None:
        self._receipts[receipt.revision] = receipt
        if persist:
            self._store.save(receipt)
        if len(self._receipts) > 4 * KEPT:
            oldest = min(self._receipts.values(), key=lambda one: (not one.done, one.received_at))
            del self._receipts[oldest.revision]
        self._changed.set()
        self._changed = asyncio.Event()
        self._heard(receipt)


def _unfinished_lines(receipt: Receipt | None, revision: str, timeout_s: float) -> list[str]:
    open_entries = [entry for entry in (receipt.entries.values() if receipt else ()) if not entry.done]
    lines = [line for entry in open_entries for line in entry_lines(entry)]
    return [*lines, f"{PREFIX}  not finished after {timeout_s:.0f} s; `amx receipt {revision[:12]}` tells the end"]


async def _wait(changed: asyncio.Event, deadline: float) -> bool:
    """Wait for the next change; False when the deadline came first."""
    try:
        async with asyncio.timeout_at(deadline):
            await changed.wait()
    except TimeoutError:
        return False
    return True
