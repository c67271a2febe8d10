from __future__ import annotations

from cluster.graph.model import Graph, Resource
from cluster.specification import Environment


def declared(environment: Environment, graph: Graph) -> list[Resource]:
    return []
