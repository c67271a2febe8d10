"""The report on controls as Markdown: short for a pull request, whole for an auditor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cluster.controls import Assessment, Result, controls
from cluster.reports.controls import threats
from cluster.reports.controls.matrices import STANDARDS, matrix
from cluster.reports.controls.plain import COUNTED

SIGNS = {"passed": "holds", "waived": "waived", "failed": "**fails**", "not applicable": "-", "not evaluated": "·"}
GROUPS = {
    "network": "Network",
    "eks": "Cluster and nodes",
    "identity": "Identities",
    "secrets": "Keys and secrets",
    "data": "Database, cache and queues",
    "edge": "Edge, buckets and images",
    "detect": "Detection and response",
    "continuity": "Continuity, privacy and cost",
}
UNSEEN = (
    "the root accounts and their second factor, and everything of the organisation above the accounts",
    "the patch state of what runs, and findings of GuardDuty, Inspector and Security Hub",
    "drift: what somebody changes by hand after deployment",
    "what AWS's managed policies allow in detail, beyond the few that the controls know",
    "policies and people: on-boarding, reviews, training, contracts with processors",
)
"""What no graph shows; the accounts are scanned for it after deployment."""


def markdown(assessments: Sequence[Assessment]) -> str:
    """Return the report: counts, what is open, what is waived, and every control by environment."""
    parts = [
        "# Controls",
        "",
        *_counts(assessments),
        "",
        *_open(assessments),
        *_waivers(assessments),
        *_groups(assessments),
    ]
    return "\n".join(parts).rstrip() + "\n"


def security_assessment(assessments: Sequence[Assessment]) -> str:
    """Return the security assessment with the four matrices."""
    days = ", ".join(sorted({one.today.isoformat() for one in assessments}))
    names = ", ".join(one.environment for one in assessments)
    parts = [
        "# Security assessment",
        "",
        (
            f"{len(controls())} controls over every resource that the program and its controllers would create in "
            f"{names}, as of {days}. Each is a function over the resource graph; a gap names resource, property and "
            "remedy."
        ),
        "",
        *_counts(assessments),
        "",
        (
            "*holds*: no gap. *waived*: every gap has an owner, a reason and an end. *·*: not evaluated there, which "
            "is a judgement on cost that the control's rationale gives. A waiver that has expired or matches nothing "
            "is a finding of its own."
        ),
        "",
        "## Threats, and what stands against them",
        "",
        *_table(
            ["threat", "controls", *(one.environment for one in assessments), "what remains"],
            iter(threats.rows(assessments)),
        ),
        "",
        *_open(assessments),
        *_warnings(assessments),
        *_waivers(assessments),
        *_groups(assessments),
        *_left_out(assessments),
        *_matrices(assessments),
        "## What cannot be seen before deployment",
        "",
        *(f"- {what}" for what in UNSEEN),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> list[str]:
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    lines = [list(head), ["---"] * len(head), *cells]
    return [f"| {' | '.join(line)} |" for line in lines]


def _counts(assessments: Sequence[Assessment]) -> list[str]:
    rows = ([one.environment, *(str(one.count(status)) for status in COUNTED)] for one in assessments)
    return _table(["environment", *COUNTED], rows)


def _open(assessments: Sequence[Assessment]) -> list[str]:
    rows = [
        [one.environment, f"`{found.control}`", f"`{found.where}`", found.gap.says, found.remedy]
        for one in assessments
        for found in one.open
    ]
    if not rows:
        return ["## Open findings", "", "None.", ""]
    return ["## Open findings", "", *_table(["environment", "control", "where", "what", "remedy"], iter(rows)), ""]


def _warnings(assessments: Sequence[Assessment]) -> list[str]:
    lines = [f"- {one.environment}: `{found.where}` {found.gap.says}" for one in assessments for found in one.warnings]
    return ["## What will fail soon", "", *lines, ""] if lines else []


def _waivers(assessments: Sequence[Assessment]) -> list[str]:
    where: dict[tuple[str, str], list[str]] = {}
    waivers = {}
    for one in assessments:
        for found in one.waived:
            if found.waiver is not None:
                row = found.control, found.gap.resource
                waivers[row] = found.waiver
                if one.environment not in where.setdefault(row, []):
                    where[row].append(one.environment)
    rows = (
        [f"`{control}`", f"`{resource}`", ", ".join(where[control, resource]), one.owner, str(one.expires), one.reason]
        for (control, resource), one in waivers.items()
    )
    head = ["control", "resource", "environments", "owner", "until", "reason"]
    return ["## Waivers", "", *(_table(head, rows) if waivers else ["None."]), ""]


def _groups(assessments: Sequence[Assessment]) -> list[str]:
    parts = ["## Every control", ""]
    for group, title in GROUPS.items():
        rows = (
            [str(control.id), control.title, *(_sign(one[control.key]) for one in assessments)]
            for control in controls()
            if control.group == group
        )
        parts += [f"### {title}", "", *_table(["", "control", *(one.environment for one in assessments)], rows), ""]
    return parts


def _sign(result: Result) -> str:
    return SIGNS[result.status]


def _left_out(assessments: Sequence[Assessment]) -> list[str]:
    rows = []
    for control in controls():
        out = [one.environment for one in assessments if one[control.key].status == "not evaluated"]
        if out:
            rows.append([str(control.id), f"`{control.key}`", ", ".join(out), control.rationale])
    if not rows:
        return []
    return ["## Not evaluated, and why", "", *_table(["", "control", "environments", "rationale"], iter(rows)), ""]


def _matrices(assessments: Sequence[Assessment]) -> list[str]:
    parts = ["## Requirements that the controls support", ""]
    parts += ["How many of a requirement's controls hold. A row shows support by controls, not that it is met.", ""]
    for standard in STANDARDS.values():
        rows = matrix(standard, assessments)
        named = any(row.name for row in rows)
        head = ["requirement", *(["about"] if named else []), "controls", *(one.environment for one in assessments)]
        lines = (
            [
                row.requirement,
                *([row.name] if named else []),
                ", ".join(str(control.id) for control in row.controls),
                *(str(cell) for cell in row.cells),
            ]
            for row in rows
        )
        parts += [
            f"### {standard.title}",
            "",
            *([standard.note, ""] if standard.note else []),
            *_table(head, lines),
            "",
        ]
    return parts
