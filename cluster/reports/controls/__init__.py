"""The view of controls: what holds in each environment, what does not, and which requirements that supports.

    found = [assess(graph, Decisions(today=today)) for graph in graphs]
    text(found), to_json(found), markdown(found)     # the report, in three forms
    matrix(STANDARDS["soc2"], found)                 # one requirement a row: its controls, and how many hold where
    security_assessment(found)                       # the document that an auditor is given

Everything follows from the assessments; the date is theirs, so that no document changes by itself.
"""

from cluster.reports.controls.document import markdown, security_assessment
from cluster.reports.controls.matrices import STANDARDS, Cell, Row, Standard, matrix
from cluster.reports.controls.plain import summary, text, to_json

__all__ = [
    "STANDARDS",
    "Cell",
    "Row",
    "Standard",
    "markdown",
    "matrix",
    "security_assessment",
    "summary",
    "text",
    "to_json",
]
