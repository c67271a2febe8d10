"""The controls: 72 rules over the resource graph, checked before anything is created.

    assessment = assess(capture(load("prod")), Decisions(today=date(2026, 11, 23)))
    assessment["database-encrypted"].status          # "passed"
    assessment.open                                  # what is to be mended or waived: resource, property, remedy

| module | holds |
|---|---|
| `catalogue.yaml` | what each control asks, why, where, and which requirements it supports; README.md has the fields |
| `network` … `continuity` | the checks, by concern |
| `facts`, `network_facts`, `policies` | what checks ask of a graph |
| `waivers` | what is known not to hold, until when, and who answers for it |
| `assessment` | all controls over one graph |
| `pack` | the same checks over what `pulumi preview` is about to do |
"""

from cluster.controls import (  # noqa: F401 — importing them registers their checks
    continuity,
    database,
    detection,
    edge,
    eks,
    identity,
    manifests,
    network,
    nodes,
    placement,
    secrets,
    stores,
)
from cluster.controls.assessment import Assessment, Finding, Result, Status, assess
from cluster.controls.facts import Decisions
from cluster.controls.model import Control, Gap, controls, registered
from cluster.controls.waivers import WAIVERS, Waiver

__all__ = [
    "WAIVERS",
    "Assessment",
    "Control",
    "Decisions",
    "Finding",
    "Gap",
    "Result",
    "Status",
    "Waiver",
    "assess",
    "controls",
    "registered",
]
