"""The page docs/architecture/cost.md, written from the view alone.

In:  the reports of all environments.
Out: Markdown. Nothing in it is written by hand, so that a test can compare the committed page with this.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from itertools import pairwise

from cluster.reports.cost import tables
from cluster.reports.cost.analysis import analysis
from cluster.reports.cost.bottom_up import Comparison, comparisons
from cluster.reports.cost.difference import difference
from cluster.reports.cost.report import Report
from cluster.reports.cost.tables import money, quantity, signed, three
from cluster.reports.table import Table, markdown_table
from cluster.usage import Quantity, Usage

PLACE = "docs/architecture/cost.md"
COMMAND = ".venv/bin/python -m cluster.reports.cost"
INTRODUCTION = (
    """\
What each environment costs in a month in US dollars, before anything is created: list prices of us-east-1, without
taxes, discounts and free tiers. Every figure is computed from the resources that the program would create. Nodes, disks
and the load balancer are made by controllers later; they are declared, and marked with who makes them. How much is used
is assumed, not measured; the last table has each figure with its reason.""",
    f"""\
This page is written by `{COMMAND} document`, and a test fails when it differs. All lines of one environment:
`{COMMAND} show prod`, with `--format json` or `--format markdown` for other forms.
Two environments or two saved graphs: `{COMMAND} difference staging prod`;
`{COMMAND} save prod` writes a graph, to be compared with after a change.""",
)
DEAREST = 15
CHANGES = 12


def document(reports: Sequence[Report]) -> str:
    """Return the page for some environments, in their order."""
    parts = [
        "# Cost",
        *INTRODUCTION,
        markdown_table(_totals(reports)),
        analysis(reports),
        _estimates(comparisons(*(report.cost for report in reports))),
        *(_environment(report) for report in reports),
        *(_between(one, other) for one, other in pairwise(reports)),
        markdown_table(_free(reports)),
        markdown_table(_usage([report.usage for report in reports])),
    ]
    return "\n\n".join(parts) + "\n"


def _totals(reports: Iterable[Report]) -> Table:
    rows = []
    for report in reports:
        cost = report.cost
        states = cost.states()
        rows.append(
            (
                cost.environment, *three(cost.total), money(cost.declared.expected), money(cost.assumed.expected),
                f"{states['priced']} / {states['free']} / {states['unpriced']}", str(len(cost.unpriced)),
            )
        )  # fmt: skip
    heads = ("environment", *tables.THREE, "$declared", "$at assumed prices", "types priced / free / unpriced")
    return Table("Totals", (*heads, "$charges without a price"), tuple(rows))


def _estimates(found: tuple[Comparison, ...]) -> str:
    parts = [markdown_table(tables.estimates(found))]
    for one in (one for one in found if one.reasons):
        rows = tuple((why, money(amount)) for why, amount in one.reasons)
        title = f"Why {one.name} differs by {tables.percent(one.share)}"
        before = (
            f"The estimate leaves these out; without them the forecast is {tables.percent(one.unexplained)} off, "
            "which is within a tenth."
            if abs(one.unexplained) <= abs(one.share)
            else ""
        )
        parts.append(markdown_table(Table(title, ("what", "$expected"), rows, before), 3))
    return "\n\n".join(parts)


def _environment(report: Report) -> str:
    name = report.cost.environment
    shown = (
        tables.tiers(report),
        _dearest(report),
        tables.unpriced(report),
        tables.savings(report),
        tables.break_evens(report),
        tables.budgets(report),
    )
    parts = (markdown_table(Table(f"{name}: {one.title}", one.heads, one.rows, one.before), 3) for one in shown)
    return "\n\n".join([f"## {name}", f"`{COMMAND} show {name}`", *parts])


def _dearest(report: Report) -> Table:
    """The dearest lines, without the columns that only the whole list needs."""
    whole = tables.lines(report, DEAREST)
    keep = [index for index, head in enumerate(whole.heads) if head not in ("tier", "note")]
    rows = tuple(tuple(row[index] for index in keep) for row in whole.rows)
    return Table(whole.title, tuple(whole.heads[index] for index in keep), rows, whole.before)


def _between(one: Report, other: Report) -> str:
    found = difference(one.cost, other.cost)
    by_tier, changes, *_ = tables.of_difference(found)
    title = f"From {found.before} to {found.after}: {signed(found.expected)}"
    rest = f"The {CHANGES} largest of {len(changes.rows)} changes." if len(changes.rows) > CHANGES else ""
    shown = Table("Changes", changes.heads, changes.rows[:CHANGES], rest)
    named = [Table(f"{found.before} to {found.after}: {one.title}", *_rest(one)) for one in (by_tier, shown)]
    parts = [f"## {title}", f"`{COMMAND} difference {found.before} {found.after}`"]
    return "\n\n".join([*parts, *(markdown_table(table, 3) for table in named)])


def _rest(table: Table) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...], str]:
    return table.heads, table.rows, table.before


def _free(reports: Iterable[Report]) -> Table:
    reasons = {one.type: one.reason for report in reports for one in report.cost.free}
    kinds = tuple((kind, why) for kind, why in sorted(reasons.items()))
    return Table("Free types", ("type", "why"), kinds, "They cost nothing by themselves.")


def _figures(usage: Usage) -> Iterator[tuple[str, Quantity]]:
    for field in fields(usage):
        value = getattr(usage, field.name)
        if isinstance(value, Quantity):
            yield field.name, value
    for name, taken in usage.logs_gb.items():
        yield f"logs_gb {name}", taken
    for name, asked in usage.queue_million.items():
        yield f"queue_million {name}", asked
    for name, bucket in usage.buckets.items():
        yield f"bucket {name}, GB", bucket.gb
        yield f"bucket {name}, 1000 writes", bucket.puts_k
        yield f"bucket {name}, 1000 reads", bucket.gets_k


def _usage(usages: Sequence[Usage]) -> Table:
    columns = [dict(_figures(usage)) for usage in usages]
    rows = tuple(
        (name, *(quantity(column[name].range) for column in columns), columns[0][name].why) for name in columns[0]
    )
    heads = ("figure", *(f"${usage.environment}" for usage in usages), "why")
    return Table(
        "Usage, assumed", heads, rows, "A month's: low / expected / high. `cluster/usage/figures.py` has them."
    )
