"""What an environment costs in a month, before anything is created.

    seen = report(graph, profile(load("prod")))     # cost, savings, break-evens, budgets
    seen.cost.total.expected                        # US dollars a month
    seen.cost.tiers(), seen.cost.resources()        # the same by tier and by resource
    seen.cost.lines[0].price.source                 # where a price comes from
    difference(one.cost, other.cost)                # of two environments, or of two commits
    as_text(seen), as_markdown(seen), as_json(seen) # also of a difference

Pure functions over the graph. A price that the data lacks is never guessed: it is `unpriced`, counted, and shown.
"""

from cluster.reports.cost import tables
from cluster.reports.cost.difference import Difference, difference
from cluster.reports.cost.document import document
from cluster.reports.cost.estimate import cost
from cluster.reports.cost.model import Cost, Free, Line, Unpriced
from cluster.reports.cost.report import Report, as_json, report
from cluster.reports.cost.text import as_markdown, as_text, headline

__all__ = [
    "Cost",
    "Difference",
    "Free",
    "Line",
    "Report",
    "Unpriced",
    "as_json",
    "as_markdown",
    "as_text",
    "cost",
    "difference",
    "document",
    "headline",
    "report",
    "tables",
]
