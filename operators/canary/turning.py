"""Turns of a release: entering a phase, going back, and what is kept of a release that has ended. Pure.

In: a `Situation`. Out: the `CanaryStatus` after the turn. When to turn is decided in `release`, `looking` and `wishes`.
"""

from __future__ import annotations

from typing import Any

from .models import CanaryStatus, GoingBack, Past, Phase, Weight, format_duration
from .situation import Situation

KEPT = 20


def turn(at: Situation, phase: Phase, message: str, **changes: Any) -> CanaryStatus:
    """Enter a phase."""
    if at.status.phase == phase:
        return at.status.but(doing=message, **changes)
    entered = {"phase": phase, "phase_since": at.now, "quiet_since": None, "unconfirmed_at": None, "doing": message}
    return at.status.but(**{**entered, **changes})


def go_back(at: Situation, outcome: str, reason: str) -> CanaryStatus:
    """Send everything to stable."""
    going = GoingBack.model_validate({"outcome": outcome, "reason": reason})
    return turn(at, "RollingBack", f"going back: {reason}", going_back=going, weight=desired(at, 0), forced=False)


def fail(at: Situation, reason: str) -> CanaryStatus:
    """Harm is certain: go back, or freeze where the user says that this is worse."""
    return turn(at, "Frozen", f"frozen: {reason}") if stays(at) else go_back(at, "Failed", reason)


def stays(at: Situation) -> bool:
    """Whether only a person may send this release back: it got requests, and the user says that going back is worse."""
    return at.status.phase == "Frozen" or (at.spec.failure.action == "Freeze" and at.status.exposed_at is not None)


def desired(at: Situation, weight: int) -> Weight:
    """The weight that shall be, beside what is."""
    return at.status.weight.but(desired=weight)


def overdue(at: Situation) -> CanaryStatus | None:
    """Give a candidate up whose pods do not become ready; the clock stands while it is suspended or at a gate."""
    started = max(
        [since for since in (at.status.phase_since, *(g.since for g in at.status.gates)) if since is not None]
    )
    if at.spec.suspend or at.now - started < at.spec.progress_deadline:
        return None
    why = f": {at.seen.trouble}" if at.seen.trouble else ""
    return fail(at, f"its pods were not ready within {format_duration(at.spec.progress_deadline)}{why}")


def past(at: Situation, outcome: str, reason: str) -> tuple[Past, ...]:
    """The history with the release that ends now."""
    candidate = at.status.candidate
    if candidate is None:
        return at.status.history
    ended = Past.model_validate(
        {
            "hash": candidate.hash,
            "image": candidate.image,
            "beside": at.status.stable.hash if at.status.stable else "",
            "outcome": outcome,
            "reason": reason,
            "alarm": at.status.alarm,
            "dispersion": max(
                (one.dispersion for one in at.status.metrics if one.dispersion is not None), default=None
            ),
            "started": candidate.since,
            "ended": at.now,
        }
    )
    return (ended, *at.status.history)[:KEPT]
