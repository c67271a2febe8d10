"""What the figures of cost come to: what drives them, what is fixed, what could be saved first.

In:  the reports of all environments.
Out: the section that opens docs/architecture/cost.md. It says nothing that the lines below it do not add up to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cluster.reports.cost.model import Line, total
from cluster.reports.cost.report import Report
from cluster.reports.cost.savings import Saving
from cluster.reports.cost.tables import money
from cluster.reports.table import Table, markdown_table

DRIVERS = 6
FIRST = 3
"""As many drivers and savings of an environment are named."""


def analysis(reports: Sequence[Report]) -> str:
    """Return the section."""
    parts = ["## In short", *(_sentence(report) for report in reports)]
    parts += [markdown_table(_drivers(report), 3) for report in reports]
    parts.append(markdown_table(_first(reports), 3))
    return "\n\n".join(parts)


def _sentence(report: Report) -> str:
    cost = report.cost
    whole, fixed = cost.total, total(line for line in cost.lines if _is_fixed(line))
    name, amount = max(((line.resource, line.amount) for line in cost.lines), key=lambda one: one[1].high - one[1].low)
    widest = f"{name}'s: {money(amount.low)} to {money(amount.high)}"
    return (
        f"**{cost.environment}**: {money(whole.expected)}. {money(fixed.expected)} "
        f"({fixed.expected / whole.expected:.0%}) is paid whether anybody comes or not; the rest follows use, "
        f"and makes a quiet month {money(whole.low)} and a busy one {money(whole.high)}. "
        f"The widest single range is {widest}. "
        f"{money(cost.assumed.expected)} stand on assumed prices; charges without a price: {len(cost.unpriced)}."
    )


def _is_fixed(line: Line) -> bool:
    return line.amount.is_exact


def _drivers(report: Report) -> Table:
    whole = report.cost.total.expected
    found = list(report.cost.resources().items())[:DRIVERS]
    rows = tuple((name, money(amount.expected), f"{amount.expected / whole:.0%}") for name, amount in found)
    share = sum(amount.expected for _, amount in found) / whole
    said = f"{len(found)} of {len(report.cost.resources())} resources are {share:.0%} of the cost."
    return Table(f"What drives {report.cost.environment}", ("resource", "$expected", "$share"), rows, said)


def _first(reports: Sequence[Report]) -> Table:
    rows = tuple(
        (report.cost.environment, one.name, ", ".join(one.resources[:2]) or "all", money(amount), one.reason)
        for report in reports
        for one, amount in _possible(report)
    )
    said = (
        f"The {FIRST} largest of each environment, not in effect yet. They are not to be added up: a commitment "
        "for nodes that become Spot is paid twice. Commit after 30 steady days."
    )
    return Table("What to save first", ("environment", "way", "of", "$expected", "what it asks for"), rows, said)


def _possible(report: Report) -> Iterator[tuple[Saving, float]]:
    found = [
        (one, one.saved.expected)
        for one in report.savings
        if not one.in_effect and one.saved is not None and one.saved.expected > 0
    ]
    yield from sorted(found, key=lambda pair: -pair[1])[:FIRST]
