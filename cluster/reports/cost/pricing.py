"""What a rule of pricing is given, and how it makes lines.

In:  the graph, a usage profile, the price data.
Out: lines. A price that the data lacks makes an `Unpriced` with the reason instead, never another figure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date

from cluster.graph.model import Graph, Resource
from cluster.prices import NoPriceError, Prices
from cluster.reports.cost.model import Line, Unpriced
from cluster.usage import ONE, Quantity, Range, Usage

DAYS_PER_MONTH = 365 / 12
HOURS_PER_WEEK = 168
FROM_GRAPH = "the graph"
OTHER_REGION = "the price of us-east-1 stands in for {region}'s"
BEYOND_TIER = "beyond {tier:,.0f} {unit} it costs less: an upper bound"


@dataclass(frozen=True, slots=True)
class Factor:
    """What a price is multiplied with, and why."""

    range: Range
    why: str
    is_assumption: bool = False


@dataclass(frozen=True)
class Pricing:
    """Everything that decides what a resource costs."""

    graph: Graph
    usage: Usage
    prices: Prices
    today: date | None = None
    """The day of which support of versions is judged; None: everything is supported."""
    home: str = field(default="us-east-1")
    """The Region of the price data."""

    @property
    def hours(self) -> float:
        """Hours of a month."""
        return self.prices.hours_per_month

    def line(
        self, resource: Resource, what: str, key: str, quantity: Quantity | Range | float, by: Factor | None = None
    ) -> Line | Unpriced:
        """Return a charge of a resource at the price of a key."""
        try:
            price = self.prices[key]
        except NoPriceError as error:
            return self.unpriced(resource, what, str(error))
        why = quantity.why if isinstance(quantity, Quantity) else FROM_GRAPH
        amount = quantity.range if isinstance(quantity, Quantity) else quantity
        amount = amount if isinstance(amount, Range) else Range.exactly(amount)
        notes = [by.why] if by else []
        elsewhere = self.elsewhere(resource)
        if elsewhere:
            notes.append(OTHER_REGION.format(region=elsewhere))
        if price.first_tier is not None and amount.high > price.first_tier:
            notes.append(BEYOND_TIER.format(tier=price.first_tier, unit=price.counted))
        return Line(
            resource=resource.key,
            type=resource.type,
            tier=self.tier(resource),
            what=what,
            quantity=amount,
            price=price,
            reason=why,
            factor=by.range if by else ONE,
            note="; ".join(notes),
            declared_by=resource.declared_by,
            is_assumption=price.assumption or bool(elsewhere) or bool(by and by.is_assumption),
        )

    def unpriced(self, resource: Resource, what: str, reason: str) -> Unpriced:
        """Return that something costs and nobody knows how much."""
        return Unpriced(resource.key, resource.type, self.tier(resource), what, reason)

    def tier(self, resource: Resource) -> str:
        """Return the tier by which it is tagged, of its provider where its type has no tags."""
        own = self.graph.tags(resource).get("tier")
        provider = self.graph.get(resource.provider)
        if own or provider is None:
            return own or "(none)"
        return str(provider.document("defaultTags").get("tags", {}).get("tier", "(none)"))

    def elsewhere(self, resource: Resource) -> str:
        """Return the Region a resource is in where that is not the one of the price data, else nothing."""
        region = self.graph.region(resource)
        return region if region and region != self.home else ""

    def share(self, quantity: Quantity, among: int) -> Quantity:
        """Return an equal part of what several resources carry together."""
        why = quantity.why if among == 1 else f"{quantity.why}; one of {among} equal parts"
        return Quantity(quantity.range * (1 / among), why)


Rule = Callable[[Resource, Pricing], Iterable[Line | Unpriced]]
