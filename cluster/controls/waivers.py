"""What is known not to hold, and why it may stay so for a while.

In:  this table, edited by hand and reviewed as any change.
Out: waivers: for one control at one resource of some environments, with an owner, a reason and an end.

A waiver that has expired, or that matches nothing any more, is itself a finding: neither a forgotten risk nor a
forgotten excuse stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

LONGEST = timedelta(days=366)


@dataclass(frozen=True)
class Waiver:
    """Why a control need not hold at one resource until a day."""

    control: str
    resource: str
    """Key of the resource, as the finding names it."""
    environments: tuple[str, ...]
    owner: str
    reason: str
    granted: date
    expires: date

    def __post_init__(self) -> None:
        if not (self.owner and self.reason and self.environments):
            raise ValueError(f"waiver of {self.control}: owner, reason and environments are needed")
        if not self.granted <= self.expires <= self.granted + LONGEST:
            raise ValueError(f"waiver of {self.control}: it ends between its start and a year later, not {self.expires}")

    def __str__(self) -> str:
        return f"{self.control} at {self.resource}"


WAIVERS: tuple[Waiver, ...] = ()
