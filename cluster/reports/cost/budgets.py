"""The budgets of the program beside the forecast they should follow.

In:  the graph and its forecast; budgets themselves are free, so that there is no circle.
Out: for each budget the forecast, the limit, and what the limit would be by the rule.
"""

from __future__ import annotations

from dataclasses import dataclass

from cluster.graph.model import Graph
from cluster.reports.cost.model import Cost

HEADROOM = 1.5
"""A budget is that much more than what is expected."""
ALARM = 0.8
"""Share of a budget from which its alarm on actual cost tells: then a fifth more than expected was spent."""
BUDGET = "aws:budgets/budget:Budget"
WHOLE = "environment"


@dataclass(frozen=True, slots=True)
class Budget:
    """One budget, US dollars a month."""

    name: str
    expected: float
    limit: float

    @property
    def by_rule(self) -> float:
        """The limit that the forecast asks for."""
        return self.expected * HEADROOM

    @property
    def is_enough(self) -> bool:
        """Whether a month as expected rings no alarm."""
        return self.expected < self.limit * ALARM


def budgets(graph: Graph, forecast: Cost) -> tuple[Budget, ...]:
    """Return the budgets of an environment, the whole first."""
    tiers = forecast.tiers()
    found = []
    for resource in graph.of_type(BUDGET):
        expected = forecast.total.expected if resource.name == WHOLE else 0.0
        if resource.name in tiers:
            expected = tiers[resource.name].expected
        found.append(Budget(resource.name, expected, float(resource.get("limitAmount", 0))))
    return tuple(sorted(found, key=lambda one: (one.name != WHOLE, one.name)))
