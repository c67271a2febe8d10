"""What two forecasts differ in: of two environments, or of one before and after a change.

In:  two forecasts.
Out: every line that is new, gone or different, the largest difference first, and the sums by tier.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

from cluster.reports.cost.model import Cost
from cluster.usage import NOTHING, Range

SMALLEST = 0.005
"""US dollars a month below which two lines are the same."""


@dataclass(frozen=True, slots=True)
class Change:
    """A line on both sides; nothing where it is on one only."""

    resource: str
    what: str
    before: Range | None
    after: Range | None

    @property
    def expected(self) -> float:
        """US dollars a month more; negative where it costs less."""
        return (self.after or NOTHING).expected - (self.before or NOTHING).expected

    @property
    def kind(self) -> str:
        """`new`, `gone` or `changed`."""
        return "new" if self.before is None else "gone" if self.after is None else "changed"


@dataclass(frozen=True)
class Difference:
    """Everything two forecasts differ in."""

    before: str
    after: str
    totals: tuple[Range, Range]
    tiers: dict[str, tuple[Range, Range]]
    changes: tuple[Change, ...]
    unpriced: tuple[str, ...]
    """What has no price after, and was not there before."""

    @property
    def expected(self) -> float:
        """US dollars a month more."""
        return self.totals[1].expected - self.totals[0].expected


def difference(before: Cost, after: Cost) -> Difference:
    """Return what changes from one forecast to another."""
    one, other = _sums(before), _sums(after)
    changes = [Change(*key, one.get(key), other.get(key)) for key in sorted({*one, *other})]
    moved = [change for change in changes if _differs(change)]
    tiers = {name: _pair(before, after, name) for name in sorted({*before.tiers(), *after.tiers()})}
    known = {(item.resource, item.what) for item in before.unpriced}
    return Difference(
        before=before.environment,
        after=after.environment,
        totals=(before.total, after.total),
        tiers=tiers,
        changes=tuple(sorted(moved, key=lambda change: (-abs(change.expected), change.resource, change.what))),
        unpriced=tuple(
            f"{item.resource}: {item.what}" for item in after.unpriced if (item.resource, item.what) not in known
        ),
    )


def _sums(cost: Cost) -> dict[tuple[str, str], Range]:
    found: dict[tuple[str, str], Range] = {}
    for line in cost.lines:
        found[line.key] = found.get(line.key, NOTHING) + line.amount
    return found


def _differs(change: Change) -> bool:
    one, other = change.before or NOTHING, change.after or NOTHING
    pairs = ((one.low, other.low), (one.expected, other.expected), (one.high, other.high))
    return any(abs(left - right) >= SMALLEST for left, right in pairs)


def _pair(before: Cost, after: Cost, tier: str) -> tuple[Range, Range]:
    return before.tiers().get(tier, NOTHING), after.tiers().get(tier, NOTHING)


def summed(changes: Iterable[Change]) -> float:
    """Return the sum of changes."""
    return reduce(lambda total, change: total + change.expected, changes, 0.0)
