"""The view of soundness: what AWS or Kubernetes would refuse, or what would never work, though every type is right.

In:  a graph.
Out: `Fault`s: resource, and what would happen on the day. Controls ask whether something is safe; this asks whether
     it runs. Each check stands for a mistake that was once made.

    sound(capture(load("prod")))   # ()
"""

from __future__ import annotations

from cluster.controls.facts import Decisions, Facts
from cluster.graph.model import Graph
from cluster.reports.sound import access, encryption, entrance, inside, order, stores, telling
from cluster.reports.sound.model import Fault

__all__ = ["Fault", "sound"]

CHECKS = (
    *encryption.CHECKS,
    *order.CHECKS,
    *access.CHECKS,
    *stores.CHECKS,
    *entrance.CHECKS,
    *inside.CHECKS,
    *telling.CHECKS,
)


def sound(graph: Graph) -> tuple[Fault, ...]:
    """Return what would not work, sorted."""
    facts = Facts(graph, Decisions.undated())
    return tuple(sorted({fault for check in CHECKS for fault in check(facts)}))
