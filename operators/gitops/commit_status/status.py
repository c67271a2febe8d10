"""What a commit is told of one Application: a state, and a sentence of at most 140 characters. Pure.

A commit that a newer one has overtaken before it was healthy was never proven, so it does not end as a success; and
what has failed stays failed until a later try succeeds, so that a retry does not turn a red cross yellow and red again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from operators.gitops.receipts_model import Entry, Receipt
from operators.gitops.receipts_text import steps
from operators.gitops.scrub import one_line

DESCRIPTION_MAX = 140
"""GitHub's limit; GitLab's is 255."""
CONTEXT_MAX = 255


class State(StrEnum):
    """How far an Application has come with a commit; each Git host has its own words for it."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    """Applied, or tried to be, and not healthy."""
    ERROR = "error"
    """Nothing was applied: the commit could not be rendered."""
    SUPERSEDED = "superseded"


_FAILED = (State.FAILURE, State.ERROR)
_SETTLED = (State.SUCCESS, State.SUPERSEDED)


@dataclass(frozen=True, slots=True)
class Status:
    """One status of one commit (40 or 64 hex digits)."""

    revision: str
    context: str
    state: State
    description: str
    target_url: str = ""


def state_of(entry: Entry) -> State:
    """Return the state of an Application at a commit."""
    if entry.superseded_by:
        return State.SUPERSEDED
    if entry.removed or entry.healthy_s is not None:
        return State.SUCCESS
    if entry.failed is not None:
        return State.FAILURE if entry.rendered is not None else State.ERROR
    return State.PENDING


def is_news(receipt: Receipt, entry: Entry) -> bool:
    """Whether the commit does not say yet what has become of an Application.

    Without an announced push nobody has said which Applications a commit touches: it is told only of those it changes.
    """
    was, now = receipt.reported.get(entry.application, ""), state_of(entry)
    if not was:
        changed = entry.rendered is not None and entry.rendered.changed + entry.rendered.removed > 0
        return now is not State.SUPERSEDED and (receipt.expected or changed)
    if was in _SETTLED or (was in _FAILED and now is State.PENDING):
        return False
    return was != now


def describe(entry: Entry) -> str:
    """Return the sentence: what was done, or why it failed."""
    if entry.failed is None:
        return shorten(" · ".join(steps(entry)) or "waiting for its turn")
    place = f"{entry.failed.file}:{entry.failed.line}" if entry.failed.line else entry.failed.file
    message = one_line(entry.failed.message) or "failed"
    return shorten(message if not place or message.startswith(f"{place}:") else f"{place}: {message}")


def shorten(text: str, limit: int = DESCRIPTION_MAX) -> str:
    """Return the text on one line, cut where it is too long."""
    line = one_line(text)
    return line if len(line) <= limit else line[: limit - 1] + "…"
