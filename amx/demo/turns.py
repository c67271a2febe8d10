"""A release's turns, as `kubectl` tells them and as the story shows them: phase, weight, and what users hear. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .users import Heard

BAR = 20
"""Cells; each stands for 5 %."""
ENDS = frozenset({"Idle", "Succeeded", "RolledBack", "Held", "Frozen"})
"""Phases that nothing follows on by itself."""
ALL_NEW = frozenset({"Draining", "Succeeded"})
"""Phases after a promotion: the candidate is stable, and its weight is not told any more."""


@dataclass(frozen=True)
class Turn:
    """What the Canary said at one moment."""

    attempt: int
    """Counts its releases."""
    phase: str
    percent: int
    """The new version's share of the requests, as the gateway confirms it."""
    message: str = ""

    @property
    def is_end(self) -> bool:
        """Whether nothing follows by itself."""
        return self.phase in ENDS

    def is_like(self, other: Turn) -> bool:
        """Whether there is nothing new to show."""
        return (self.attempt, self.phase, self.percent) == (other.attempt, other.phase, other.percent)


def turns_of(lines: Iterable[str]) -> Iterator[Turn]:
    """Read lines of attempt|phase|confirmed weight|message; a weight that is not confirmed now is the last one."""
    percent = 0
    for line in lines:
        attempt, phase, weight, message = (line.split("|", 3) + [""] * 4)[:4]
        percent = 100 if phase in ALL_NEW else int(weight or percent)
        yield Turn(int(attempt or 0), phase, percent, message)


def told(turn: Turn, seconds: float, heard: Heard) -> str:
    """Return one line of the chart."""
    filled = round(turn.percent * BAR / 100)
    bar = "█" * filled + "·" * (BAR - filled)
    errors = heard.failed + heard.on_purpose
    return (
        f"{seconds:5.1f} s  {turn.phase:<11} {turn.percent:>3} %  {bar}  {heard.recent_percent:>3} % of answers new, "
        f"{errors} of {heard.answers} failed"
    )
