"""The clocks of a release: they stand while it is suspended, and a step's hold while its weight is not confirmed. Pure.

In: a `Situation`. Out: the next status, or nothing where no clock stops or starts. A clock is the moment since when
something lasts; one that stood begins so much later. Trade-off: what stops or starts costs a turn, and no look between.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from .models import CanaryStatus
from .situation import MOVING, Situation

_CLOCKS = ("phase_since", "step_since", "looking_since", "unconfirmed_at")
LOSSES = 3
"""So often a candidate may lose pods within LOST_WITHIN; the last time ends it."""
LOST_WITHIN = timedelta(minutes=10)


def keep_time(at: Situation) -> CanaryStatus | None:
    """Stop the clocks of a release that is suspended, and let them go on; None where neither is to be done."""
    status = at.status
    if at.spec.suspend:
        is_news = status.suspended_at is None and status.phase in MOVING
        return status.but(suspended_at=at.now) if is_news else None
    stood = status.suspended_at
    if stood is None:
        return None
    if status.phase not in MOVING:
        return status.but(suspended_at=None)
    later = {name: _later(getattr(status, name), stood, at.now) for name in _CLOCKS}
    gates = tuple(
        gate.but(since=_later(gate.since, stood, at.now)) if gate.state == "Waiting" else gate for gate in status.gates
    )
    return status.but(suspended_at=None, gates=gates, **later)


def hold(at: Situation) -> CanaryStatus | None:
    """Stop a step's hold while its weight is not confirmed; None where it runs."""
    status = at.status
    if not at.is_confirmed(status.weight.desired):
        return status if status.unconfirmed_at is not None else status.but(unconfirmed_at=at.now)
    if status.unconfirmed_at is None:
        return None
    return status.but(unconfirmed_at=None, step_since=_later(status.step_since, status.unconfirmed_at, at.now))


def held_for(at: Situation) -> timedelta | None:
    """How long the step's weight has been confirmed; None before it was."""
    if at.status.step_since is None:
        return None
    return (at.status.unconfirmed_at or at.now) - at.status.step_since


def lost(at: Situation) -> tuple[datetime, ...]:
    """When the candidate has lost pods lately, now included where it has; a capacity that grows takes none."""
    recent = tuple(one for one in at.status.lost if at.now - one < LOST_WITHIN)
    return (*recent, at.now) if at.idle.ready < at.idle.replicas else recent


def _later(since: datetime | None, stood: datetime, now: datetime) -> datetime | None:
    """When it would have begun, had the clock not stood since `stood`."""
    return None if since is None else since + (now - max(since, stood))
