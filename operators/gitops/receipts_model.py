"""What a receipt says: the way of one push through every application it touches.

In:  stages as the loop notes them. Out: the lines a pusher reads and the JSON that is stored and served.
Pure: no IO and no clock. Everything that comes from outside passes `clean()`, because it ends in somebody's terminal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

PREFIX = "gitops"
MESSAGE_LIMIT = 2000
"""Characters of one message that are kept; the whole of it stands in the Application's conditions."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The manifests stand: how many objects, how many of them this push changes, and how many others it prunes."""

    objects: int
    changed: int
    removed: int = 0


@dataclass(frozen=True, slots=True)
class Applied:
    """Everything is written; seconds since the push was received, counted by `Receipts` where None."""

    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Healthy:
    """It runs; seconds as in `Applied`. The last stage."""

    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Progressing:
    """What is being waited for, also between two attempts: `Deployment web: 1 of 2 ready`."""

    message: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Why it stopped, with the file of the repository and the line where they are known."""

    message: str
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Superseded:
    """A newer push of the same application came before this one was healthy."""

    by: str


@dataclass(frozen=True, slots=True)
class Removed:
    """The application itself is gone, pruned by the one it belonged to or deleted by a person. The last stage."""


Stage = Rendered | Applied | Healthy | Progressing | Failed | Superseded | Removed


@dataclass(frozen=True, slots=True)
class Entry:
    """How far one application has come with one revision."""

    application: str
    rendered: Rendered | None = None
    applied_s: float | None = None
    healthy_s: float | None = None
    waiting: str = ""
    failed: Failed | None = None
    superseded_by: str = ""
    removed: bool = False

    @property
    def done(self) -> bool:
        """Whether nothing more is waited for; a failure is overtaken when a retry succeeds."""
        return self.settled or self.failed is not None

    @property
    def settled(self) -> bool:
        """Whether nothing that follows can change it."""
        return self.healthy_s is not None or bool(self.superseded_by) or self.removed

    @property
    def state(self) -> str:
        """The newest stage as one word."""
        words = (
            ("Superseded", self.superseded_by),
            ("Removed", self.removed),
            ("Healthy", self.healthy_s is not None),
            ("Failed", self.failed),
            ("Applied", self.applied_s is not None),
            ("Rendered", self.rendered),
        )
        return next((word for word, reached in words if reached), "Pending")

    def after(self, stage: Stage, elapsed_s: float) -> Entry:
        """Return the entry with one more stage; `elapsed_s` fills in where the stage names no seconds."""
        if self.settled:
            return self
        if isinstance(stage, Rendered) and self.failed is None:
            is_repeated = self.rendered is not None and not stage.changed
            if is_repeated or self.applied_s is not None:
                return self  # looked at anew after it was applied: the figures of the push stand
        if isinstance(stage, Applied) and self.applied_s is not None:
            stage = Applied(self.applied_s)  # told again with every look; the first time is when it was applied
        return replace(self, **{"waiting": "", **_reached(stage, elapsed_s)})


def _reached(stage: Stage, elapsed_s: float) -> dict[str, Any]:
    """The fields of an Entry that a stage sets."""
    found: dict[str, Any]
    match stage:
        case Rendered():
            found = {"rendered": stage, "applied_s": None, "failed": None}
        case Applied(seconds):
            found = {"applied_s": _or(seconds, elapsed_s), "failed": None}
        case Healthy(seconds):
            found = {"healthy_s": _or(seconds, elapsed_s), "failed": None}
        case Failed(message, file, line):
            found = {"failed": Failed(clean(message), _one_line(file), line)}
        case Superseded(by):
            found = {"superseded_by": by, "failed": None}
        case Removed():
            found = {"removed": True, "failed": None}
        case Progressing(message):
            found = {"waiting": _one_line(message)}
    return found


@dataclass(frozen=True, slots=True)
class Receipt:
    """One push; `expected` is whether the loop has said which applications it touches."""

    revision: str
    received_at: datetime
    repo_url: str = ""
    before: str = ""
    expected: bool = False
    unchanged: int = 0
    entries: Mapping[str, Entry] = field(default_factory=dict)
    superseded_by: str = ""
    """A newer push that came before anybody looked at this one."""

    @property
    def done(self) -> bool:
        """Whether every application the push touches has come to its end."""
        return self.expected and all(entry.done for entry in self.entries.values())

    def lines(self) -> list[str]:
        """Every line in full, as `amx receipt` prints them."""
        found = [line for entry in self.entries.values() for line in entry_lines(entry)]
        return [*found, *closing_lines(self)]

    def to_json(self) -> dict[str, Any]:
        """The form that is stored and that `amx receipt --output json` prints."""
        return {
            "revision": self.revision,
            "before": self.before,
            "repository": self.repo_url,
            "receivedAt": self.received_at.astimezone(UTC).isoformat(),
            "expected": self.expected,
            "done": self.done,
            "unchanged": self.unchanged,
            "supersededBy": self.superseded_by,
            "applications": [_entry_json(entry) for entry in self.entries.values()],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Receipt:
        """Read what `to_json` wrote; raises KeyError, TypeError or ValueError where it is something else."""
        return cls(
            revision=str(data["revision"]),
            received_at=datetime.fromisoformat(data["receivedAt"]),
            repo_url=str(data.get("repository", "")),
            before=str(data.get("before", "")),
            expected=bool(data.get("expected")),
            unchanged=int(data.get("unchanged", 0)),
            entries={item["name"]: _entry_from(item) for item in data.get("applications", [])},
            superseded_by=str(data.get("supersededBy", "")),
        )


def entry_lines(entry: Entry) -> list[str]:
    """One line that grows with every stage, and the further lines of a failure.

    `gitops  hub-dev  rendered 7 objects · 2 changed · applied 0.8 s · healthy 3.1 s`
    """
    steps: list[str] = []
    if entry.rendered:
        count = entry.rendered.objects
        steps += [f"rendered {count} object{'' if count == 1 else 's'}", f"{entry.rendered.changed} changed"]
        steps += [f"{entry.rendered.removed} removed"] if entry.rendered.removed else []
    if entry.applied_s is not None:
        steps.append(f"applied {entry.applied_s:.1f} s")
    if entry.healthy_s is not None:
        steps.append(f"healthy {entry.healthy_s:.1f} s")
    if entry.superseded_by:
        steps.append(f"superseded by {entry.superseded_by[:12]}")
    if entry.removed:
        steps.append("removed")
    if entry.waiting:
        steps.append(entry.waiting)
    more: list[str] = []
    if entry.failed:
        first, *more = entry.failed.message.splitlines() or [""]
        place = f"{entry.failed.file}:{entry.failed.line}" if entry.failed.line else entry.failed.file
        named = not place or first.startswith(f"{place}:")
        steps.append(" ".join(["failed", *([] if named else [f"{place}:"]), first]))
        if entry.rendered is None:
            more.append("nothing was applied; the running version stays")
    head = f"{PREFIX}  {entry.application}  "
    return [head + (" · ".join(steps) or "waiting for its turn"), *(f"{head}  {line}" for line in more)]


def closing_lines(receipt: Receipt) -> list[str]:
    """What is said of the push as a whole: that it touches nothing, or how many applications it left alone."""
    if receipt.superseded_by and not receipt.entries:
        return [f"{PREFIX}  superseded by {receipt.superseded_by[:12]}"]
    plural = "application" if receipt.unchanged == 1 else "applications"
    if receipt.expected and not receipt.entries:
        return [f"{PREFIX}  no application is touched by this push"]
    return [f"{PREFIX}  {receipt.unchanged} {plural} unchanged"] if receipt.unchanged else []


def clean(text: str) -> str:
    """Make text from outside fit for a terminal, a ConfigMap and a stranger's eyes.

    Control characters go, credentials in URLs go, and so does the excerpt that the API server's JSON decoder quotes
    around an error, which for a Secret is the secret itself.
    """
    text = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\t", "  "))
    text = _USERINFO.sub(r"\1***@", text)
    text = _EXCERPT.sub(r"\1|(left out)|", text)
    text = "\n".join(line.rstrip() for line in text.strip().splitlines() if line.strip())
    return text if len(text) <= MESSAGE_LIMIT else text[: MESSAGE_LIMIT - 1] + "…"


_CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_USERINFO = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/\s@]+@", re.IGNORECASE)
_EXCERPT = re.compile(r"((?:error found in #\d+ byte of|bigger context) \.\.\.)\|.*?\|(?=\.\.\.|$)", re.DOTALL)


def _one_line(text: str) -> str:
    return " ".join(clean(text).split())


def _or(seconds: float | None, elapsed_s: float) -> float:
    return round(elapsed_s if seconds is None else seconds, 3)


def _entry_json(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.application,
        "state": entry.state,
        "rendered": asdict(entry.rendered) if entry.rendered else None,
        "appliedSeconds": entry.applied_s,
        "healthySeconds": entry.healthy_s,
        "waiting": entry.waiting,
        "failed": asdict(entry.failed) if entry.failed else None,
        "supersededBy": entry.superseded_by,
        "removed": entry.removed,
    }


def _entry_from(item: Mapping[str, Any]) -> Entry:
    return Entry(
        application=str(item["name"]),
        rendered=Rendered(**item["rendered"]) if item.get("rendered") else None,
        applied_s=item.get("appliedSeconds"),
        healthy_s=item.get("healthySeconds"),
        waiting=str(item.get("waiting", "")),
        failed=Failed(**item["failed"]) if item.get("failed") else None,
        superseded_by=str(item.get("supersededBy", "")),
        removed=bool(item.get("removed")),
    )
