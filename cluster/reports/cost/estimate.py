"""The forecast: every resource of the graph through its rule.

In:  the graph, a usage profile, prices, and a day where support of versions matters.
Out: `Cost`. Every resource ends in one of priced, free or unpriced; a type in none of them is named as unknown.
"""

from __future__ import annotations

from collections import Counter
from datetime import date

from cluster.graph.model import Graph
from cluster.prices import Prices, load
from cluster.reports.cost.model import Cost, Free, Line, Unpriced
from cluster.reports.cost.pricing import Pricing
from cluster.reports.cost.rules import RULES, UNPRICED, free_reason
from cluster.usage import Usage


def cost(graph: Graph, usage: Usage, prices: Prices | None = None, today: date | None = None) -> Cost:
    """Return what a graph costs in a month of that usage."""
    prices = prices or load()
    of = Pricing(graph, usage, prices, today)
    charges: list[Line | Unpriced] = []
    free: Counter[str] = Counter()
    reasons: dict[str, str] = {}
    unknown: set[str] = set()
    for resource in graph:
        reason = free_reason(resource)
        if resource.type in RULES:
            charges += RULES[resource.type](resource, of)
        elif resource.type in UNPRICED:
            charges.append(of.unpriced(resource, *UNPRICED[resource.type]))
        elif reason is not None:
            free[resource.type] += 1
            reasons[resource.type] = reason
        else:
            unknown.add(resource.type)
            charges.append(of.unpriced(resource, "everything", "nobody has said what this type costs"))
    return Cost(
        environment=graph.environment,
        compiled=prices.compiled,
        lines=tuple(one for one in charges if isinstance(one, Line)),
        unpriced=tuple(one for one in charges if isinstance(one, Unpriced)),
        free=tuple(Free(kind, count, reasons[kind]) for kind, count in sorted(free.items())),
        unknown=tuple(sorted(unknown)),
    )
