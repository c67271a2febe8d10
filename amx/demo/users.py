"""Users of a service whose new version comes in steps: which version answered them, and whose failure a failure is.

In:  an address, a Host header, a rate, the new version's message. Out: counts, as they are at any moment.
A failure that a bad version makes on purpose is counted apart: every other one would be the platform's.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass

from .traffic import Answer, Target, Traffic

RATE_PER_S = 50.0
ON_PURPOSE = "failed on purpose"
"""What the sample tenant says when HUB_ERROR_RATE has it fail."""
RECENT = 50
"""Answers of which the share is told: the last second's."""


@dataclass(frozen=True)
class Heard:
    """What the users have heard so far."""

    answers: int = 0
    new: int = 0
    """By the new version, its failures too."""
    on_purpose: int = 0
    """Failures of the new version."""
    failed: int = 0
    """All other failures."""
    recent_percent: int = 0
    """The new version's share of the last answers."""
    first_new: float | None = None
    """When the new version answered first (monotonic clock)."""
    last_new: float | None = None


class Users(Traffic):
    """Sends requests and tells the two versions apart."""

    def __init__(self, target: Target, new: str, rate_per_s: float = RATE_PER_S) -> None:
        super().__init__(target, rate_per_s)
        self._new = new
        self._recent: deque[bool] = deque(maxlen=RECENT)
        self._answers = self._by_new = self._on_purpose = 0
        self._first_new: float | None = None
        self._last_new: float | None = None

    def heard(self) -> Heard:
        """Return what was heard so far."""
        with self._heard:
            percent = round(100 * sum(self._recent) / len(self._recent)) if self._recent else 0
            return Heard(
                self._answers,
                self._by_new,
                self._on_purpose,
                self._tally.failed,
                percent,
                self._first_new,
                self._last_new,
            )

    def _note(self, answer: Answer) -> None:
        on_purpose = answer.status == 500 and ON_PURPOSE in answer.text
        is_new = on_purpose or answer.message == self._new
        with self._heard:
            self._answers += 1
            self._by_new += is_new
            self._on_purpose += on_purpose
            self._recent.append(is_new)
            if is_new:
                self._last_new = time.monotonic()
                self._first_new = self._first_new or self._last_new
            super()._note(Answer(200, answer.text) if on_purpose else answer)
