"""What an environment costs in a month, before anything is created.

    forecast = cost(graph, profile(load("prod")))
    forecast.total.expected                       # US dollars a month
    forecast.tiers(), forecast.resources()        # the same by tier and by resource
    forecast.lines[0].price.source                # where a price comes from
    savings(graph, forecast, usage), break_evens(graph, usage)
    difference(one, other)                        # of two environments, or of two commits

Pure functions over the graph. A price that the data lacks is never guessed: it is `unpriced`, counted, and shown.
"""

from cluster.reports.cost.estimate import cost
from cluster.reports.cost.model import Cost, Free, Line, Unpriced

__all__ = ["Cost", "Free", "Line", "Unpriced", "cost"]
