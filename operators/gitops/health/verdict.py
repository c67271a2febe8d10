"""The words health is told in, and their order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from operators.kit.kube import Manifest

HEALTHY = "Healthy"
SUSPENDED = "Suspended"
PROGRESSING = "Progressing"
MISSING = "Missing"
DEGRADED = "Degraded"
UNKNOWN = "Unknown"

ORDER = (HEALTHY, SUSPENDED, PROGRESSING, MISSING, DEGRADED, UNKNOWN)
"""From best to worst."""


@dataclass(frozen=True, slots=True)
class Health:
    """One word of ORDER and why."""

    status: str
    message: str = ""
    until: datetime | None = None
    """Where time alone changes the word: before this the object is Progressing, from then on it is `status`."""

    def at(self, now: datetime) -> Health:
        """Return what it is at a time; `until` stays only while it lies ahead."""
        if self.until is None:
            return self
        return Health(PROGRESSING, self.message, self.until) if now < self.until else Health(self.status, self.message)

    def because(self, cause: str) -> Health:
        """Return it with what its pods say."""
        return replace(self, message=": ".join(filter(None, (self.message, cause)))) if cause else self


def worst(statuses: Iterable[str]) -> str:
    """Return the worst of them; Healthy where there are none."""
    return max(statuses, key=lambda status: ORDER.index(status) if status in ORDER else len(ORDER), default=HEALTHY)


def conditions_of(holder: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return a status' conditions by type."""
    return {str(entry.get("type")): entry for entry in holder.get("conditions") or [] if isinstance(entry, dict)}


def is_true(condition: dict[str, Any] | None) -> bool:
    """Whether a condition says True."""
    return condition is not None and condition.get("status") == "True"


def is_false(condition: dict[str, Any] | None) -> bool:
    """Whether a condition says False."""
    return condition is not None and condition.get("status") == "False"


def is_seen(manifest: Manifest) -> bool:
    """Whether the object's controller has looked at its present generation."""
    observed = (manifest.get("status") or {}).get("observedGeneration") or 0
    return int(observed) >= int((manifest.get("metadata") or {}).get("generation") or 0)
