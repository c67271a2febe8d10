"""One environment's whole view of cost, and the same as plain values for JSON.

In:  the graph, the environment's usage, the prices.
Out: `Report`; `as_json` of it or of a difference. Amounts in JSON are rounded to a hundredth of a cent.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from cluster.graph.model import Graph
from cluster.prices import Prices, load
from cluster.reports.cost.break_even import BreakEven, break_evens
from cluster.reports.cost.budgets import Budget, budgets
from cluster.reports.cost.difference import Difference
from cluster.reports.cost.estimate import cost
from cluster.reports.cost.model import Cost, Line
from cluster.reports.cost.savings import Saving, savings
from cluster.usage import Range, Usage

DIGITS = 4


@dataclass(frozen=True)
class Report:
    """Everything there is to say about the cost of one environment."""

    cost: Cost
    usage: Usage
    savings: tuple[Saving, ...]
    break_evens: tuple[BreakEven, ...]
    budgets: tuple[Budget, ...]


def report(graph: Graph, usage: Usage, prices: Prices | None = None, today: date | None = None) -> Report:
    """Return the view of a graph."""
    prices = prices or load()
    forecast = cost(graph, usage, prices, today)
    return Report(
        forecast,
        usage,
        savings(graph, forecast, usage, prices),
        break_evens(graph, usage, prices),
        budgets(graph, forecast),
    )


def as_json(value: Report | Difference) -> dict[str, Any]:
    """Return plain values for json.dumps."""
    return _of_difference(value) if isinstance(value, Difference) else _of_report(value)


def _range(value: Range | None) -> dict[str, float] | None:
    if value is None:
        return None
    return {
        "low": round(value.low, DIGITS),
        "expected": round(value.expected, DIGITS),
        "high": round(value.high, DIGITS),
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "resource": line.resource,
        "type": line.type,
        "tier": line.tier,
        "declaredBy": line.declared_by,
        "what": line.what,
        "amount": _range(line.amount),
        "quantity": _range(line.quantity),
        "reason": line.reason,
        "factor": _range(line.factor),
        "note": line.note,
        "isAssumption": line.is_assumption,
        "price": {
            "key": line.price.key,
            "value": line.price.value,
            "unit": line.price.unit,
            "source": line.price.source,
            "asOf": line.price.as_of,
            "isUndated": line.price.undated,
        },
    }


def _of_report(value: Report) -> dict[str, Any]:
    forecast = value.cost
    return {
        "environment": forecast.environment,
        "currency": "USD",
        "per": "month",
        "prices": forecast.compiled,
        "total": _range(forecast.total),
        "declared": _range(forecast.declared),
        "assumed": _range(forecast.assumed),
        "tiers": {name: _range(amount) for name, amount in forecast.tiers().items()},
        "resources": {name: _range(amount) for name, amount in forecast.resources().items()},
        "lines": [_line(line) for line in forecast.lines],
        "unpriced": [asdict(one) for one in forecast.unpriced],
        "free": [asdict(one) for one in forecast.free],
        "types": dict(forecast.states()),
        "savings": [{**asdict(one), "saved": _range(one.saved)} for one in value.savings],
        "breakEvens": [asdict(one) for one in value.break_evens],
        "budgets": [{**asdict(one), "byRule": round(one.by_rule, DIGITS)} for one in value.budgets],
    }


def _of_difference(value: Difference) -> dict[str, Any]:
    return {
        "before": value.before,
        "after": value.after,
        "total": {"before": _range(value.totals[0]), "after": _range(value.totals[1])},
        "tiers": {name: {"before": _range(a), "after": _range(b)} for name, (a, b) in value.tiers.items()},
        "changes": [
            {
                "resource": one.resource,
                "what": one.what,
                "kind": one.kind,
                "before": _range(one.before),
                "after": _range(one.after),
                "expected": round(one.expected, DIGITS),
            }
            for one in value.changes
        ],
        "unpriced": list(value.unpriced),
    }
