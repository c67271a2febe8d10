"""The report on controls as text for a terminal, and as JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from cluster.controls import Assessment, Finding, Result, Status
from cluster.reports.controls.matrices import STANDARDS, matrix

COUNTED: tuple[Status, ...] = ("passed", "waived", "failed", "not applicable", "not evaluated")


def summary(assessment: Assessment) -> str:
    """Return how many controls have which status: `67 passed · 5 waived`."""
    counts = [(status, assessment.count(status)) for status in COUNTED]
    return " · ".join(f"{count} {status}" for status, count in counts if count or status in ("passed", "failed"))


def text(assessments: Sequence[Assessment]) -> str:
    """Return what has to be done, then what is excused, environment by environment."""
    return "\n".join(line for one in assessments for line in _environment(one)) + "\n"


def _environment(assessment: Assessment) -> Iterator[str]:
    yield f"{assessment.environment}  controls on {assessment.today}: {summary(assessment)}"
    for result in assessment.results:
        if result.open:
            yield f"  failed   {result.control.id:>2} {result.control.key}: {result.control.title}"
            yield from (line for finding in result.open for line in _told(finding))
    for finding in assessment.waiver_findings:
        yield f"  waiver   {finding.control}: {finding.where} {finding.gap.says}: {finding.remedy}"
    for finding in assessment.warnings:
        yield f"  warning  {finding.control}: {finding.where} {finding.gap.says}"
    for finding in assessment.waived:
        waiver = finding.waiver
        if waiver is not None:
            yield f"  waived   {finding.control}: {finding.where} until {waiver.expires}, {waiver.owner}"


def _told(finding: Finding) -> Iterator[str]:
    yield f"           {finding.where} {finding.gap.says}"
    yield f"           → {finding.remedy}"


def to_json(assessments: Sequence[Assessment]) -> str:
    """Return everything as JSON: results with findings and evidence, and the matrices."""
    content = {
        "environments": [_assessment(one) for one in assessments],
        "matrices": {
            name: [
                {
                    "requirement": row.requirement,
                    "name": row.name,
                    "controls": [control.key for control in row.controls],
                    "environments": {
                        one.environment: {
                            "passed": cell.passed,
                            "waived": cell.waived,
                            "failed": cell.failed,
                            "leftOut": cell.left_out,
                        }
                        for one, cell in zip(assessments, row.cells, strict=True)
                    },
                }
                for row in matrix(standard, assessments)
            ]
            for name, standard in STANDARDS.items()
        },
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _assessment(assessment: Assessment) -> dict[str, Any]:
    return {
        "environment": assessment.environment,
        "date": assessment.today.isoformat(),
        "counts": {status: assessment.count(status) for status in COUNTED},
        "results": [_result(one) for one in assessment.results],
        "waiverFindings": [_finding(one) for one in assessment.waiver_findings],
    }


def _result(result: Result) -> dict[str, Any]:
    return {
        "id": result.control.id,
        "control": result.control.key,
        "status": result.status,
        "findings": [_finding(one) for one in result.findings],
        "evidence": list(result.evidence),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    waiver = finding.waiver
    return {
        "control": finding.control,
        "resource": finding.gap.resource,
        "property": finding.gap.property,
        "says": finding.gap.says,
        "warning": finding.gap.warning,
        "remedy": finding.remedy,
        "waiver": waiver and {"owner": waiver.owner, "reason": waiver.reason, "expires": waiver.expires.isoformat()},
    }
