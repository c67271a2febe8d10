"""Tables of a view, as rows: one place says what they contain, the text and the Markdown form only how they look.

In:  reports and differences.
Out: tables.
"""

from __future__ import annotations

from collections.abc import Iterator

from cluster.prices import Price
from cluster.reports.cost.bottom_up import Comparison
from cluster.reports.cost.difference import Difference
from cluster.reports.cost.model import Line
from cluster.reports.cost.report import Report
from cluster.reports.table import Table
from cluster.usage import Range

THREE = ("$low", "$expected", "$high")
MOST_NAMED = 2
"""More resources than that are counted instead of named."""


def money(amount: float) -> str:
    """Return dollars and cents."""
    return f"{amount:,.2f}"


def three(amount: Range) -> tuple[str, str, str]:
    """Return low, expected and high in dollars and cents."""
    return money(amount.low), money(amount.expected), money(amount.high)


def signed(amount: float) -> str:
    """Return dollars and cents with the sign."""
    return f"{amount:+,.2f}"


def percent(share: float) -> str:
    """Return whole per cents with the sign; nothing is +0%."""
    return f"{round(share, 2) + 0.0:+.0%}"


def quantity(value: Range) -> str:
    """Return a quantity: one number where it is exact."""
    if value.is_exact:
        return f"{value.low:,.6g}"
    return f"{value.low:,.6g} / {value.expected:,.6g} / {value.high:,.6g}"


def of_price(price: Price) -> str:
    """Return a price with its unit."""
    return f"{price.value:g} {price.unit}"


def of_source(price: Price) -> str:
    """Return where a price comes from and of when."""
    when = f"seen {price.as_of}" if price.undated else price.as_of
    return price.source if when in price.source else f"{price.source}, {when}"


def tiers(report: Report) -> Table:
    """The sum of each tier and of all."""
    total = report.cost.total
    rows = [
        (name, *three(amount), f"{amount.expected / total.expected:.0%}")
        for name, amount in report.cost.tiers().items()
    ]
    return Table("By tier", ("tier", *THREE, "$share"), (*rows, ("all", *three(total), "100%")))


def _marks(line: Line) -> str:
    marks = [f"by {line.declared_by}"] if line.is_declared else []
    marks += ["assumed"] if line.is_assumption else []
    return ", ".join(marks)


def lines(report: Report, most: int | None = None) -> Table:
    """Every charge with its price, dearest first; those of nothing are left out."""
    charged = sorted(
        (line for line in report.cost.lines if line.amount.high > 0),
        key=lambda line: (-line.amount.expected, line.resource, line.what),
    )
    rows = tuple(
        (
            line.resource, line.what, line.tier, *three(line.amount), quantity(line.quantity), of_price(line.price),
            of_source(line.price), _marks(line), line.note or "",
        )
        for line in charged[:most]
    )  # fmt: skip
    rest = "" if most is None or len(charged) <= most else f"The {most} dearest of {len(charged)}."
    heads = ("resource", "what", "tier", *THREE, "quantity", "price", "source", "marks", "note")
    return Table("Lines", heads, rows, rest)


def unpriced(report: Report) -> Table:
    """What costs and has no price."""
    rows = tuple((one.resource, one.what, one.reason) for one in report.cost.unpriced)
    return Table(f"Unpriced ({len(rows)})", ("resource", "what", "why"), rows)


def free(report: Report) -> Table:
    """What costs nothing by itself."""
    rows = tuple((one.type, str(one.count), one.reason) for one in report.cost.free)
    return Table(f"Free ({len(rows)} types)", ("type", "$count", "why"), rows)


def savings(report: Report) -> Table:
    """What could be saved, and what is already; what was looked at and does not apply says why."""
    rows = tuple(
        (
            one.name,
            _few(one.resources),
            "in effect" if one.in_effect else "possible",
            *(three(one.saved) if one.saved is not None else ("?", "?", "?")),
            one.reason,
        )
        for one in report.savings
        if one.saved is None or one.saved.high > 0 or not (one.in_effect or one.resources)
    )
    return Table("Savings", ("way", "of", "state", *THREE, "what it asks for"), rows)


def _few(resources: tuple[str, ...]) -> str:
    return ", ".join(resources) if len(resources) <= MOST_NAMED else f"{len(resources)} resources"


def break_evens(report: Report) -> Table:
    """Where a choice turns."""
    rows = tuple(
        (
            one.name,
            f"{one.at:,.1f} {one.unit}",
            "" if one.here is None else f"{one.here:,.1f}",
            one.verdict,
            one.arithmetic,
        )
        for one in report.break_evens
    )
    return Table("Break-evens", ("choice", "at", "$here", "verdict", "arithmetic"), rows)


def budgets(report: Report) -> Table:
    """Limits beside the forecast."""
    rows = tuple(
        (one.name, money(one.expected), money(one.by_rule), money(one.limit), "" if one.is_enough else "too low")
        for one in report.budgets
    )
    return Table("Budgets", ("budget", "$expected", "$by rule", "$limit", ""), rows)


def of_report(report: Report) -> Iterator[Table]:
    """Yield the tables of an environment's view."""
    yield tiers(report)
    yield lines(report)
    yield unpriced(report)
    yield savings(report)
    yield break_evens(report)
    yield budgets(report)


def of_difference(found: Difference) -> Iterator[Table]:
    """Yield the tables of a difference."""
    rows = [
        (name, money(one.expected), money(other.expected), signed(other.expected - one.expected))
        for name, (one, other) in found.tiers.items()
    ]
    one, other = found.totals
    whole = ("all", money(one.expected), money(other.expected), signed(found.expected))
    yield Table("By tier", ("tier", f"${found.before}", f"${found.after}", "$more"), (*rows, whole))
    changes = tuple(
        (
            change.resource,
            change.what,
            change.kind,
            "" if change.before is None else money(change.before.expected),
            "" if change.after is None else money(change.after.expected),
            signed(change.expected),
        )
        for change in found.changes
    )
    yield Table("Changes", ("resource", "what", "kind", "$before", "$after", "$more"), changes)
    if found.unpriced:
        yield Table("Newly unpriced", ("resource and what",), tuple((one,) for one in found.unpriced))


def estimates(found: tuple[Comparison, ...]) -> Table:
    """Estimates made by hand beside the forecast."""
    rows = tuple((one.name, money(one.estimate), money(one.forecast), percent(one.share)) for one in found)
    return Table("Beside estimates made by hand", ("what", "$estimate", "$forecast", "$difference"), rows)
