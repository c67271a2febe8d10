"""Argo CD's conditions: type, message, since when. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from .models import Condition

PRUNE_CONFIRMATION = "PruneConfirmationWarning"
PRUNE_FROZEN = "PruneFrozenWarning"


def renewed(old: Iterable[Condition], found: Iterable[tuple[str, str]], now: datetime) -> tuple[Condition, ...]:
    """Return the conditions to publish; one that says the same as before keeps its time."""
    since = {(condition.type, condition.message): condition.last_transition_time for condition in old}
    return tuple(
        Condition(type=kind, message=message, last_transition_time=since.get((kind, message)) or now)
        for kind, message in sorted(set(found))
    )


def since(conditions: Iterable[Condition], kind: str, message: str) -> datetime | None:
    """Return since when exactly this has been said; None where it has not."""
    for condition in conditions:
        if condition.type == kind and condition.message == message:
            return condition.last_transition_time
    return None
