"""Which requirement of a standard is supported by which controls, and how many of them hold where.

In:  assessments of some environments.
Out: rows, one per requirement that any control names.

A row says that controls hold, not that a requirement is met: policies, people and what runs are beyond a graph.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cluster.controls import Assessment, Control, controls

_NUMBERS = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Standard:
    """A standard, as far as the catalogue knows it."""

    title: str
    requirements: Callable[[Control], tuple[str, ...]]
    names: Mapping[str, str] = field(default_factory=dict)
    """What a requirement is about, in our words; empty where its id is all that is said."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """How many controls of a requirement hold in one environment."""

    passed: int
    waived: int
    failed: int
    left_out: int
    """Not evaluated there, or with nothing to look at."""

    def __str__(self) -> str:
        evaluated = self.passed + self.waived + self.failed
        if not evaluated:
            return "-"
        more = [f"{count} {name}" for count, name in ((self.waived, "waived"), (self.failed, "failed")) if count]
        return " · ".join([f"{self.passed}/{evaluated}", *more])


@dataclass(frozen=True, slots=True)
class Row:
    """One requirement."""

    requirement: str
    name: str
    controls: tuple[Control, ...]
    cells: tuple[Cell, ...]
    """One for each assessment, in their order."""


STANDARDS: dict[str, Standard] = {
    "soc2": Standard(
        "SOC 2, Trust Services Criteria",
        lambda control: control.soc2,
        {
            "A1.2": "Backup, recovery and environmental protection",
            "A1.3": "Recovery is tested",
            "C1.1": "Confidential information is identified and kept",
            "C1.2": "Confidential information is disposed of",
            "CC4.1": "Controls are monitored",
            "CC6.1": "Logical access to protected assets",
            "CC6.2": "Users are registered and removed",
            "CC6.3": "Access by role and least privilege",
            "CC6.6": "Protection against threats from outside",
            "CC6.7": "Data in transmission",
            "CC6.8": "Unauthorised software is prevented or found",
            "CC7.1": "Vulnerabilities and changes are detected",
            "CC7.2": "Anomalies are monitored",
            "CC7.3": "Events are evaluated",
            "CC7.4": "Incidents are responded to",
            "CC8.1": "Changes are authorised and managed",
        },
        "Our own mapping, which an auditor has to review.",
    ),
    "gdpr": Standard(
        "GDPR",
        lambda control: control.gdpr,
        {
            "5(1)(e)": "Storage limitation",
            "5(1)(f)": "Integrity and confidentiality",
            "17": "Erasure",
            "25": "Data protection by design and by default",
            "30": "Records of processing",
            "32(1)(a)": "Encryption and pseudonymisation",
            "32(1)(b)": "Confidentiality, integrity, availability, resilience",
            "32(1)(c)": "Restoring availability after an incident",
            "32(1)(d)": "Regular testing of the measures",
            "32(4)": "People act on instructions only",
            "33": "Notification of a breach within 72 hours",
            "44": "Transfers to third countries",
        },
        "Our own mapping, which an auditor has to review.",
    ),
    "cis": Standard("CIS Amazon EKS Benchmark 1.8.0", lambda control: control.cis_eks),
    "fsbp": Standard(
        "AWS Foundational Security Best Practices 1.0.0",
        lambda control: control.fsbp,
        note="Some are the nearest counterpart: EC2.9 is written for instances, AutoScaling.2 and .6 for groups.",
    ),
}


def matrix(standard: Standard, assessments: Sequence[Assessment]) -> tuple[Row, ...]:
    """Return the rows of a standard, in the order of their ids."""
    found: dict[str, list[Control]] = {}
    for control in controls():
        for requirement in standard.requirements(control):
            found.setdefault(requirement, []).append(control)
    return tuple(
        Row(
            requirement,
            standard.names.get(requirement, ""),
            tuple(found[requirement]),
            tuple(_cell(found[requirement], one) for one in assessments),
        )
        for requirement in sorted(found, key=_natural)
    )


def _cell(wanted: Sequence[Control], assessment: Assessment) -> Cell:
    keys = {one.key for one in wanted}
    found = [one.status for one in assessment.results if one.control.key in keys]
    passed, waived, failed = (found.count(status) for status in ("passed", "waived", "failed"))
    return Cell(passed, waived, failed, len(found) - passed - waived - failed)


def _natural(requirement: str) -> list[tuple[int, str]]:
    """Return a key that puts EC2.9 before EC2.15, and 5(1)(e) before 17."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in _NUMBERS.split(requirement) if part]
