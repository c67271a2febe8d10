"""How long to wait before trying again: failed syncs, and repairs of drift that comes back. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from . import durations
from .models import OperationState, Retry

DEFAULT = Retry(limit=5)
"""What automation uses where spec.syncPolicy.retry says nothing."""
_FIRST, _FACTOR, _LONGEST = timedelta(seconds=5), 2, timedelta(minutes=3)

_HEAL_FIRST, _HEAL_FACTOR, _HEAL_LONGEST = timedelta(seconds=2), 3, timedelta(seconds=300)
HEAL_COOLDOWN = timedelta(seconds=330)
"""An Application that needed no repair for this long starts with a quick one again."""


def check(retry: Retry) -> str:
    """Say what cannot be read in a retry policy, '' where all can."""
    backoff = retry.backoff
    try:
        durations.parse(backoff.duration if backoff else "", _FIRST)
        durations.parse(backoff.max_duration if backoff else "", _LONGEST)
    except ValueError as error:
        return str(error)
    return ""


def wait_before(retry: Retry, number: int) -> timedelta:
    """Return the wait before retry `number` (the first is 1)."""
    backoff = retry.backoff
    first = durations.parse(backoff.duration if backoff else "", _FIRST)
    longest = durations.parse(backoff.max_duration if backoff else "", _LONGEST)
    factor = backoff.factor if backoff and backoff.factor is not None else _FACTOR
    return _grown(first, factor, number - 1, longest)


def may_retry(state: OperationState) -> bool:
    """Whether a failed sync is tried again."""
    retry = state.operation.retry
    if retry is None or check(retry):
        return False
    return retry.limit < 0 or (state.retry_count or 0) < retry.limit


def heal_wait(last: OperationState | None, now: datetime) -> tuple[int, timedelta]:
    """Return how many repairs came before this one, and how long it has to wait still: the first goes at once."""
    if last is None or last.finished_at is None or last.operation.sync is None:
        return 0, timedelta(0)
    since = now - last.finished_at
    attempts = 0 if since > HEAL_COOLDOWN else last.operation.sync.auto_heal_attempts_count or 0
    if not attempts:
        return 0, timedelta(0)
    return attempts, max(timedelta(0), _grown(_HEAL_FIRST, _HEAL_FACTOR, attempts - 1, _HEAL_LONGEST) - since)


def _grown(first: timedelta, factor: int, times: int, longest: timedelta) -> timedelta:
    wait = first
    for _ in range(times):
        if wait >= longest or factor <= 1:
            break
        wait *= factor
    return min(wait, longest) if longest else wait
