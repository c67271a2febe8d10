"""What each type of resource costs: a rule by type, in a module for each concern, and the types that need none."""

from __future__ import annotations

from fnmatch import fnmatchcase

from cluster.graph.model import Resource
from cluster.reports.cost.pricing import Rule
from cluster.reports.cost.rules import compute, data, edge, network, observability, recovery, security
from cluster.reports.cost.rules.free import FREE, UNPRICED

RULES: dict[str, Rule] = {
    **network.RULES,
    **compute.RULES,
    **edge.RULES,
    **data.RULES,
    **recovery.RULES,
    **observability.RULES,
    **security.RULES,
}

__all__ = ["FREE", "RULES", "UNPRICED", "free_reason"]


def free_reason(resource: Resource) -> str | None:
    """Return why a resource costs nothing by itself, None where it is not declared free."""
    if resource.is_component:
        return "a component groups resources"
    if resource.type in FREE:
        return FREE[resource.type]
    return next((why for pattern, why in FREE.items() if "*" in pattern and fnmatchcase(resource.type, pattern)), None)
