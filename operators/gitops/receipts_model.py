"""What a receipt knows: the way of one push through every application it touches.

In:  stages as the loop notes them. Out: what they add up to, and the JSON that is stored and served.
Pure: no IO and no clock. Everything that comes from outside passes `clean()`, because it ends in somebody's terminal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from .scrub import clean, one_line


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
            found = {"failed": Failed(clean(message), one_line(file), line)}
        case Superseded(by):
            found = {"superseded_by": by, "failed": None}
        case Removed():
            found = {"removed": True, "failed": None}
        case Progressing(message):
            found = {"waiting": one_line(message)}
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
    reported: Mapping[str, str] = field(default_factory=dict)
    """By application, the state that the commit shows on its Git host (`commit_status`)."""

    @property
    def done(self) -> bool:
        """Whether every application the push touches has come to its end."""
        return self.expected and all(entry.done for entry in self.entries.values())

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
            **({"reported": dict(self.reported)} if self.reported else {}),
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
            reported={str(name): str(state) for name, state in dict(data.get("reported") or {}).items()},
        )


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
