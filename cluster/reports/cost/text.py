"""A view as text for a terminal and as Markdown: the same tables.

In:  reports and differences. Out: text that ends in a line break.
"""

from __future__ import annotations

from collections.abc import Iterable

from cluster.reports.cost import tables
from cluster.reports.cost.difference import Difference
from cluster.reports.cost.report import Report
from cluster.reports.cost.tables import Table, money, signed

WIDEST = 60
"""Columns of text are cut at that many characters; Markdown and JSON have all of it."""


def headline(value: Report | Difference) -> str:
    """Return the one sentence that matters most."""
    if isinstance(value, Difference):
        return f"{value.after} costs {signed(value.expected)} US dollars a month against {value.before}."
    forecast, states = value.cost, value.cost.states()
    total = forecast.total
    return (
        f"{forecast.environment}: {money(total.expected)} US dollars a month "
        f"({money(total.low)} to {money(total.high)}); "
        f"{money(forecast.declared.expected)} of it by what controllers create, "
        f"{money(forecast.assumed.expected)} at assumed prices. Prices of {forecast.compiled}. "
        f"Types: {states['priced']} priced, {states['free']} free, {states['unpriced']} unpriced; "
        f"{len(forecast.unpriced)} charges without a price."
    )


def as_text(value: Report | Difference) -> str:
    """Return the view for a terminal."""
    parts = [headline(value), *(_text(table) for table in _tables(value))]
    return "\n\n".join(parts) + "\n"


def as_markdown(value: Report | Difference, level: int = 2) -> str:
    """Return the view as Markdown, its titles at a level."""
    parts = [headline(value), *(markdown_table(table, level) for table in _tables(value))]
    return "\n\n".join(parts) + "\n"


def _tables(value: Report | Difference) -> Iterable[Table]:
    return tables.of_difference(value) if isinstance(value, Difference) else tables.of_report(value)


def _text(table: Table) -> str:
    heads = [head.removeprefix("$") for head in table.heads]
    rows = [[_cut(cell) for cell in row] for row in table.rows]
    widths = [max(len(cell) for cell in column) for column in zip(heads, *rows, strict=True)]
    right = [head.startswith("$") for head in table.heads]
    shown = [_aligned(row, widths, right) for row in (heads, *rows)]
    before = [table.before] if table.before else []
    return "\n".join([table.title, *before, *shown]) if rows else f"{table.title}: none"


def _aligned(row: list[str], widths: list[int], right: list[bool]) -> str:
    cells = [
        cell.rjust(width) if to_right else cell.ljust(width)
        for cell, width, to_right in zip(row, widths, right, strict=True)
    ]
    return "  ".join(["", *cells]).rstrip()


def _cut(cell: str) -> str:
    return cell if len(cell) <= WIDEST else f"{cell[: WIDEST - 1]}…"


def markdown_table(table: Table, level: int = 2) -> str:
    """Return one table as Markdown under its title."""
    title = f"{'#' * level} {table.title}"
    if not table.rows:
        return f"{title}\n\nNone."
    heads = [head.removeprefix("$") for head in table.heads]
    marks = ["---:" if head.startswith("$") else "---" for head in table.heads]
    rows = [_row(row) for row in (heads, marks, *table.rows)]
    before = [table.before, ""] if table.before else []
    return "\n".join([title, "", *before, *rows])


def _row(cells: Iterable[str]) -> str:
    safe = [cell.replace("|", "\\|").replace("*", "\\*") for cell in cells]
    return f"| {' | '.join(safe)} |"
