"""Whether gateways really send what they say: shares of requests since a weight was taken up, look after look.

In: by Canary the weight that every replica claims, and the replicas' counters. Out: a problem, or nothing where too few
requests tell. Counters grow when a request ends: one that began before the weight changed may speak against it, so a
problem lasts as long as there are such requests and `PROBATION_S` longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from operators.canary.terms import Reading, Slot

from .shares import confirmed, shares

SETTLE_S = 1.0
"""A reading so young may be from before the weight."""
WINDOW_S = 30.0
PROBATION_S = 5.0
SLOT: Slot = "b"


@dataclass
class _Window:
    percent: int
    before: int
    since: float
    first: Sequence[Reading] | None = None
    problem: str = ""
    bad_at: float = float("-inf")


class Windows:
    """One window for each Canary; kept in memory, for a restart only makes it begin anew."""

    def __init__(self) -> None:
        self._windows: dict[str, _Window] = {}

    def look(self, key: str, percent: int, readings: Sequence[Reading], now: float) -> str:
        """Return why the requests sent do not bear out that slot b gets `percent`; '' where nothing speaks against."""
        window = self._windows.get(key)
        if window is None or window.percent != percent:
            before = window.percent if window else percent
            window = self._windows[key] = _Window(percent, before, now)
        if window.first is None:
            if now - window.since >= SETTLE_S:
                window.first, window.since = readings, now
        elif (problem := _against(window, readings)) or now - window.since > WINDOW_S:
            window.first, window.since = readings, now
            window.problem, window.bad_at = (problem, now) if problem else (window.problem, window.bad_at)
        return window.problem if now - window.bad_at < PROBATION_S else ""

    def forget(self, key: str) -> None:
        """Keep nothing of a Canary."""
        self._windows.pop(key, None)


def _against(window: _Window, readings: Sequence[Reading]) -> str:
    assert window.first is not None  # noqa: S101 - the caller has looked
    for replica, share in shares(window.first, readings, SLOT).items():
        if confirmed(share, percent=window.percent, before=window.before) is False:
            return (
                f"{replica} says {window.percent} % for slot {SLOT}, and sent it {share.slot:.0f} of "
                f"{share.requests:.0f} requests"
            )
    return ""
