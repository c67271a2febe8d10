"""A test switch: end the process at a chosen action, as a node failure would.

CANARY_KILL_AT=`Action:before|after[:nth]` (SwitchApex:after:2). Never set it in earnest. The names come from
`actions.ACTION_TYPES`, so a test that goes through all of them cannot miss a new one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Literal

from .actions import ACTION_TYPES, Action

EXIT_CODE = 137
Moment = Literal["before", "after"]


def _die() -> None:
    os._exit(EXIT_CODE)


class KillSwitch:
    """Counts the moments and ends the process at the chosen one."""

    def __init__(self, at: str = "", die: Callable[[], None] = _die) -> None:
        name, _, rest = at.partition(":")
        moment, _, number = rest.partition(":")
        known = {kind.__name__ for kind in ACTION_TYPES}
        if at and (name not in known or moment not in ("before", "after")):
            raise ValueError(f"CANARY_KILL_AT={at!r}: write Action:before|after[:nth]; actions: {sorted(known)}")
        self._name, self._moment, self._left = name, moment, int(number or 1)
        self._die = die

    def at(self, action: Action, moment: Moment) -> None:
        """Come past a moment."""
        if type(action).__name__ != self._name or moment != self._moment:
            return
        self._left -= 1
        if self._left == 0:
            self._die()
