"""The pages of docs/architecture and the list of runbooks, written from the views alone.

In:  subjects: every stack with its graph, as of `AS_OF`. Where a page has a part for each, it is of the environments;
     what stands in, and the account of copies, are in the overview and in the assessment.
Out: pages by their place in the repository. The committed ones are compared with these by a test; nothing in them is
     written by hand. `python -m cluster.reports` writes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from cluster.environments import ENVIRONMENTS
from cluster.reports import alarms, controls, cost, diagram, expiry, reach, recovery
from cluster.reports.views import Subject, summary

AS_OF = date(2026, 11, 23)
"""The day that the pages are written for: a page changes when the program does, and not because a day has passed."""
FOLDER = "docs/architecture"
WRITTEN = "This page is written by `.venv/bin/python -m cluster.reports`, and a test fails when it differs."


def documents(subjects: Sequence[Subject]) -> dict[str, str]:
    """Return every page by its place."""
    everything, subjects = subjects, [one for one in subjects if one.name in ENVIRONMENTS]
    pictures = {f"{FOLDER}/diagram-{one.name}.svg": diagram.svg(diagram.picture(one.graph)) for one in subjects}
    return {
        f"{FOLDER}/README.md": _overview(everything),
        f"{FOLDER}/cost.md": cost.document([one.cost for one in subjects]),
        f"{FOLDER}/diagram.md": _diagrams(subjects),
        f"{FOLDER}/expiry.md": expiry.document({one.name: one.expiry for one in subjects}),
        f"{FOLDER}/reach.md": _reach([*subjects, *(one for one in everything if one.environment.stands_in)]),
        f"{FOLDER}/recovery.md": recovery.document({one.name: one.recovery for one in subjects}),
        f"{FOLDER}/security.md": _security(everything),
        f"{alarms.FOLDER}/README.md": alarms.document([one.graph for one in subjects], WRITTEN),
        **pictures,
    }


def _overview(subjects: Sequence[Subject]) -> str:
    return f"""\
# Architecture on AWS

What the program in `cluster/` would create, seen from each side. Every figure is computed from its resources.
{WRITTEN}

- [Diagram](diagram.md) of each environment
- [Cost](cost.md) in a month, with savings and break-evens
- [Security assessment](security.md): controls, waivers and compliance matrices
- [Reach](reach.md): which workload reaches which store or the internet
- [Recovery](recovery.md): RPO and RTO of each failure, and how it is practised
- [Expiry](expiry.md): what ends when, and what that costs
- Why so: [platform](../decisions/0009-eks.md), [database](../decisions/0010-aurora-postgresql.md),
  [tool](../decisions/0011-pulumi.md). What to do: [deployment](../deployment.md), [runbooks](../runbooks/README.md)

`.venv/bin/amx plan --today {AS_OF}` says, and of `prod-recovered`, which stands in when the Region of prod is lost,
`.venv/bin/amx plan prod --recovered --today {AS_OF}`:

```text
{summary(list(subjects))}```
"""


def _diagrams(subjects: Sequence[Subject]) -> str:
    parts = [
        "# Diagrams",
        (
            f"Accounts, network, cluster, data, edge and boundaries of each environment. {WRITTEN}\n"
            "One environment as Mermaid: `.venv/bin/amx plan prod --view diagram`.\n"
            "Dashed red is the boundary of an account, dotted orange that of a Region; dashed arrows are copies."
        ),
    ]
    for one in subjects:
        parts += [f"## {one.name}", f"![{one.name}](diagram-{one.name}.svg)"]
        source = diagram.mermaid(diagram.picture(one.graph))
        parts.append(f"<details><summary>As Mermaid</summary>\n\n```mermaid\n{source}```\n\n</details>")
    return "\n\n".join(parts) + "\n"


def _reach(subjects: Sequence[Subject]) -> str:
    parts = [
        "# Reach",
        (
            "Which workload can reach which store or the internet: where route, network ACL, security group and role "
            f"let it. What is not in the table is closed by one of them. {WRITTEN}\n"
            "With what closes each of the others: `.venv/bin/amx plan prod --view reach`."
        ),
    ]
    parts += [part for one in subjects for part in (f"## {one.name}", reach.markdown(one.reach).rstrip())]
    return "\n\n".join(parts) + "\n"


def _security(subjects: Sequence[Subject]) -> str:
    title, _, rest = controls.security_assessment([one.assessment for one in subjects]).partition("\n\n")
    return f"{title}\n\n{WRITTEN}\nOne environment: `.venv/bin/amx plan prod --view controls`.\n\n{rest}"
