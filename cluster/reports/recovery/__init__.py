"""The view of recovery: what each failure costs in data and in time, why, and how that is practised.

    found = recovery(graph)                  # one Scenario each: pod, node, zone, bad write, Region, account
    found[2].rpo_s, found[2].rto_s           # seconds; None: not recovered at all
    found[2].steps                           # what the time is made of, with the resource that decides it

Computed from the graph and from `TIMES`, how long AWS and people take: assumptions until a drill has measured them.
"""

from cluster.reports.recovery.model import Loss, Scenario, Step, duration
from cluster.reports.recovery.scenarios import recovery
from cluster.reports.recovery.show import as_json, as_markdown, as_text, document
from cluster.reports.recovery.times import TIMES

__all__ = [
    "TIMES",
    "Loss",
    "Scenario",
    "Step",
    "as_json",
    "as_markdown",
    "as_text",
    "document",
    "duration",
    "recovery",
]
