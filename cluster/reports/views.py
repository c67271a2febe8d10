"""Every view of an environment under one roof: its name, and its three forms.

In:  subjects: an environment with its graph, and the day.
Out: `VIEWS` by name. A view gives text, Markdown and plain values for JSON, one headline for the summary, and says
     whether something in it has to be mended.

It is what `amx plan` prints and what the documents are made of, so that both say the same.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from cluster.controls import Assessment, assess
from cluster.controls.facts import decided
from cluster.graph.model import Graph
from cluster.reports import controls, cost, diagram, expiry, reach, recovery
from cluster.reports.sound import Fault, sound
from cluster.reports.table import Table, markdown_table, text_table
from cluster.specification import Environment
from cluster.usage import profile


@dataclass(frozen=True)
class Subject:
    """What is looked at; what several views need is computed once."""

    environment: Environment
    graph: Graph
    today: date

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.graph.environment

    @cached_property
    def cost(self) -> cost.Report:
        """The view of cost."""
        return cost.report(self.graph, profile(self.environment), today=self.today)

    @cached_property
    def assessment(self) -> Assessment:
        """The view of controls."""
        return assess(self.graph, decided(self.environment, self.today))

    @cached_property
    def reach(self) -> tuple[reach.Path, ...]:
        """The view of reach."""
        return reach.reach(self.graph)

    @cached_property
    def recovery(self) -> tuple[recovery.Scenario, ...]:
        """The view of recovery."""
        return recovery.recovery(self.graph)

    @cached_property
    def faults(self) -> tuple[Fault, ...]:
        """What would not work."""
        return sound(self.graph)

    @cached_property
    def expiry(self) -> tuple[expiry.End, ...]:
        """The view of expiry."""
        return expiry.expiry(self.graph, self.today)


def subject(name: str, today: date) -> Subject:
    """Return a stack as it would be made; KeyError names those that there are."""
    from cluster.graph.capture import capture_stack  # noqa: PLC0415 — Pulumi is imported only by who needs it
    from cluster.stacks import stack  # noqa: PLC0415

    wanted = stack(name)
    return Subject(wanted.environment, capture_stack(wanted), today)


@dataclass(frozen=True)
class View:
    """One way to look at an environment."""

    says: str
    """What it answers."""
    headline: Callable[[Subject], str]
    text: Callable[[Subject], str]
    markdown: Callable[[Subject], str]
    data: Callable[[Subject], Any]
    wrong: Callable[[Subject], int] = lambda _: 0
    """How many things in it have to be mended."""


def _kinds(subject: Subject) -> Table:
    rows = Counter((one.type, one.declared_by) for one in subject.graph if not one.is_component)
    shown = tuple((kind, by, str(count)) for (kind, by), count in sorted(rows.items()))
    return Table(f"{subject.name}: resources", ("type", "made by", "$number"), shown)


def _counted(subject: Subject) -> str:
    made = [one for one in subject.graph if not one.is_component]
    declared = sum(one.is_declared for one in made)
    return f"{len(made)} resources and {len(subject.graph.edges)} edges; {declared} of them by GitOps and controllers"


def _opened(subject: Subject) -> str:
    ways = [one for one in subject.reach if one.target != reach.PODS]
    open_paths = [one for one in ways if one.open]
    workloads = {one.workload for one in ways}
    outward = sum(one.target == reach.INTERNET for one in open_paths)
    stores = len(open_paths) - outward
    return f"{len(workloads)} workloads have {stores} ways to stores; {outward} can reach the internet"


def _recovered(subject: Subject) -> str:
    if not subject.recovery:
        return "nothing runs here: others recover from it"
    return "; ".join(
        f"{one.name} {recovery.duration(one.rpo_s)} / {recovery.duration(one.rto_s)}" for one in subject.recovery
    )


def _near(subject: Subject) -> str:
    ends = [one for one in subject.expiry if one.on is not None]
    near = [one for one in ends if one.state in ("over", "soon")]
    first = next((one for one in near or ends if one.resource), None)
    said = f"; next is {first.what} on {first.on}" if first else ""
    return f"{len(near)} of {len(ends)} end within {expiry.WARN_DAYS} days or have ended{said}"


def _faults(subject: Subject) -> Table:
    rows = tuple((one.resource, one.says) for one in subject.faults)
    return Table(f"{subject.name}: what would not work", ("resource", "why"), rows)


VIEWS: dict[str, View] = {
    "graph": View(
        "every resource with inputs and edges",
        _counted,
        lambda one: text_table(_kinds(one)) + "\n",
        lambda one: markdown_table(_kinds(one)) + "\n",
        lambda one: json.loads(one.graph.to_json()),
    ),
    "sound": View(
        "what would be refused, or never work",
        lambda one: f"{len(one.faults)} faults",
        lambda one: text_table(_faults(one)) + "\n",
        lambda one: markdown_table(_faults(one)) + "\n",
        lambda one: [{"resource": fault.resource, "says": fault.says} for fault in one.faults],
        lambda one: len(one.faults),
    ),
    "cost": View(
        "what it costs in a month",
        lambda one: cost.headline(one.cost).partition(": ")[2],
        lambda one: cost.as_text(one.cost),
        lambda one: cost.as_markdown(one.cost),
        lambda one: cost.as_json(one.cost),
        lambda one: sum(not budget.is_enough for budget in one.cost.budgets),
    ),
    "controls": View(
        "which controls hold",
        lambda one: controls.summary(one.assessment),
        lambda one: controls.text([one.assessment]),
        lambda one: controls.markdown([one.assessment]),
        lambda one: json.loads(controls.to_json([one.assessment])),
        lambda one: len(one.assessment.open),
    ),
    "reach": View(
        "which workload reaches which store or the internet",
        _opened,
        lambda one: reach.text(one.reach),
        lambda one: f"## {one.name}: reach\n\n{reach.markdown(one.reach)}",
        lambda one: json.loads(reach.to_json(one.reach)),
        lambda one: sum(path.target == reach.PODS and not path.open for path in one.reach),
    ),
    "recovery": View(
        "what each failure costs in data and time (RPO / RTO)",
        _recovered,
        lambda one: recovery.as_text(one.name, one.recovery),
        lambda one: recovery.as_markdown(one.name, one.recovery),
        lambda one: recovery.as_json(one.recovery),
        lambda one: sum(len(scenario.defects) for scenario in one.recovery),
    ),
    "expiry": View(
        "what ends when, and what that costs",
        _near,
        lambda one: expiry.as_text(one.name, one.expiry),
        lambda one: expiry.as_markdown(one.name, one.expiry),
        lambda one: expiry.as_json(one.expiry),
        lambda one: sum(end.state == "over" for end in one.expiry),
    ),
    "diagram": View(
        "the picture of it, as Mermaid",
        lambda one: f"{len(diagram.picture(one.graph).boxes)} boxes",
        lambda one: diagram.mermaid(diagram.picture(one.graph)),
        lambda one: f"## {one.name}\n\n```mermaid\n{diagram.mermaid(diagram.picture(one.graph))}```\n",
        lambda one: {"mermaid": diagram.mermaid(diagram.picture(one.graph))},
    ),
}


NOT_CHECKED = (
    "not checked here: `pulumi preview` (not run: it needs the Pulumi CLI and an account; the workflow "
    "infrastructure.yml compares it with this graph), prices against AWS's price list, what runs in an account, "
    "and every drill"
)


def summary(subjects: list[Subject]) -> str:
    """Return what every view says of each environment, in a line each, and what no view can say."""
    return "\n".join([*(line for one in subjects for line in _summary(one)), NOT_CHECKED]) + "\n"


def _summary(subject: Subject) -> Iterator[str]:
    yield f"{subject.name} as of {subject.today}"
    width = max(len(name) for name in VIEWS)
    for name, view in VIEWS.items():
        wrong = view.wrong(subject)
        yield f"  {name:<{width}}  {view.headline(subject)}{f'  ({wrong} to mend)' if wrong else ''}"
