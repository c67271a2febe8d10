"""A forecast of cost as values: lines with their prices, what is free, and what nobody can price.

In:  lines as the rules make them.
Out: sums by tier, resource and type; every figure is US dollars a month, as low, expected and high.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce

from cluster.graph.model import PROGRAM
from cluster.prices import Price
from cluster.usage import NOTHING, ONE, Range

PULUMI_EKS = "pulumi-eks"


@dataclass(frozen=True, slots=True)
class Line:
    """One charge: a quantity, its price, and what comes of it."""

    resource: str
    """Key of the resource in the graph."""
    type: str
    tier: str
    what: str
    """What is charged: `hours`, `data processed`."""
    quantity: Range
    """A month's, in what the price counts."""
    price: Price
    reason: str
    """Where the quantity comes from."""
    factor: Range = ONE
    """What the price is multiplied with: the share that Spot costs, two for Multi-AZ."""
    note: str = ""
    """What else has to be known: the factor, a tier that is passed, another Region."""
    declared_by: str = PROGRAM
    is_assumption: bool = False
    """Whether the price is no published one for this: an allowance, a share of Spot, another Region's."""

    @property
    def amount(self) -> Range:
        """US dollars a month."""
        return self.quantity * self.price.value * self.factor

    @property
    def key(self) -> tuple[str, str]:
        """What names the line, the same in every graph that has it."""
        return self.resource, self.what

    @property
    def is_declared(self) -> bool:
        """Whether something else than `pulumi up` creates the resource."""
        return self.declared_by not in (PROGRAM, PULUMI_EKS)


@dataclass(frozen=True, slots=True)
class Unpriced:
    """Something that costs, and the data has no price of it."""

    resource: str
    type: str
    tier: str
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Free:
    """A type that costs nothing by itself."""

    type: str
    count: int
    reason: str


@dataclass(frozen=True)
class Cost:
    """The forecast of one environment."""

    environment: str
    compiled: str
    """Date of the price data."""
    lines: tuple[Line, ...]
    unpriced: tuple[Unpriced, ...]
    free: tuple[Free, ...]
    unknown: tuple[str, ...] = ()
    """Types of which nobody has said whether they cost; the tests let none through."""

    @property
    def total(self) -> Range:
        """Everything that has a price."""
        return total(self.lines)

    @property
    def declared(self) -> Range:
        """The part that controllers cause, not the program itself."""
        return total(line for line in self.lines if line.is_declared)

    @property
    def assumed(self) -> Range:
        """The part whose price is an assumption."""
        return total(line for line in self.lines if line.is_assumption)

    def tiers(self) -> dict[str, Range]:
        """Return the sum of each tier, dearest first."""
        return self._by(lambda line: line.tier)

    def resources(self) -> dict[str, Range]:
        """Return the sum of each resource that costs something, dearest first."""
        return {key: amount for key, amount in self._by(lambda line: line.resource).items() if amount.high > 0}

    def of(self, *resources: str) -> Range:
        """Return the sum of some resources."""
        return total(line for line in self.lines if line.resource in resources)

    def _by(self, name: Callable[[Line], str]) -> dict[str, Range]:
        sums: dict[str, Range] = {}
        for line in self.lines:
            sums[name(line)] = sums.get(name(line), NOTHING) + line.amount
        return dict(sorted(sums.items(), key=lambda item: (-item[1].expected, item[0])))

    def states(self) -> Counter[str]:
        """Return how many resource types are priced, free, unpriced, and unknown."""
        priced = {line.type for line in self.lines}
        without = {one.type for one in self.unpriced} - priced
        return Counter(priced=len(priced), free=len(self.free), unpriced=len(without), unknown=len(self.unknown))


def total(lines: Iterable[Line]) -> Range:
    """Return the sum of lines."""
    return reduce(Range.__add__, (line.amount for line in lines), NOTHING)
