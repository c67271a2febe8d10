"""A view as text for a terminal and as Markdown: the same tables.

In:  reports and differences. Out: text that ends in a line break.
"""

from __future__ import annotations

from collections.abc import Iterable

from cluster.reports.cost import tables
from cluster.reports.cost.difference import Difference
from cluster.reports.cost.report import Report
from cluster.reports.cost.tables import money, signed
from cluster.reports.table import Table, markdown_table, text_table


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
    parts = [headline(value), *(text_table(table) for table in _tables(value))]
    return "\n\n".join(parts) + "\n"


def as_markdown(value: Report | Difference, level: int = 2) -> str:
    """Return the view as Markdown, its titles at a level."""
    parts = [headline(value), *(markdown_table(table, level) for table in _tables(value))]
    return "\n\n".join(parts) + "\n"


def _tables(value: Report | Difference) -> Iterable[Table]:
    return tables.of_difference(value) if isinstance(value, Difference) else tables.of_report(value)
