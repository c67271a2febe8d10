"""The view of recovery as text, Markdown, JSON, and as the page docs/architecture/recovery.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from cluster.reports.recovery.guide import PLAN
from cluster.reports.recovery.model import Scenario, duration
from cluster.reports.recovery.times import TIMES
from cluster.reports.table import Table, markdown_table, text_table

PLACE = "docs/architecture/recovery.md"
COMMAND = ".venv/bin/amx plan prod --view recovery"
INTRODUCTION = f"""\
The disaster recovery plan. What each failure costs in data (RPO) and in time until everything works (RTO), computed
from the resources that the program would create and from how long AWS, Kubernetes and people take. The times without a
published source are assumptions; a drill replaces them by measurements. No drill has been run in an account yet.

This page is written by `.venv/bin/python -m cluster.reports`, and a test fails when it differs.
One environment: `{COMMAND}`."""


def as_text(environment: str, found: Sequence[Scenario]) -> str:
    """Return the view for a terminal."""
    parts = [text_table(_overview(f"{environment}: recovery", {environment: found}))]
    parts += [f"{one.name}: {gap}" for one in found for gap in one.gaps]
    parts += [f"{one.name}, to mend: {defect}" for one in found for defect in one.defects]
    return "\n".join(parts) + "\n"


def as_markdown(environment: str, found: Sequence[Scenario], level: int = 2) -> str:
    """Return the view as Markdown."""
    parts = [markdown_table(_overview(f"{environment}: recovery", {environment: found}), level)]
    parts += [part for one in found for part in _detail(environment, one, level + 1)]
    return "\n\n".join(parts) + "\n"


def as_json(found: Sequence[Scenario]) -> list[dict[str, Any]]:
    """Return plain values; times in seconds, an RPO of null is the loss of everything."""
    return [{**asdict(one), "rpo_s": one.rpo_s, "rto_s": one.rto_s, "assumed_s": one.assumed_s} for one in found]


def document(environments: Mapping[str, Sequence[Scenario]]) -> str:
    """Return the page."""
    parts = ["# Recovery", INTRODUCTION, markdown_table(_overview("At a glance", environments)), PLAN]
    parts += [as_markdown(name, found).rstrip() for name, found in environments.items()]
    rows = tuple((name, duration(one.seconds), "assumed" if one.assumed else "published", one.source)
                 for name, one in TIMES.items())  # fmt: skip
    parts.append(markdown_table(Table("Times", ("what", "$time", "", "source"), rows)))
    return "\n\n".join(parts) + "\n"


def _overview(title: str, environments: Mapping[str, Sequence[Scenario]]) -> Table:
    several = len(environments) > 1
    rows = tuple(
        (*([name] if several else []), one.says, duration(one.rpo_s), _worst(one), duration(one.rto_s), _tracks(one))
        for name, found in environments.items()
        for one in found
    )
    heads = (*(["environment"] if several else []), "when", "$RPO", "of", "$RTO", "made of")
    return Table(title, heads, rows)


def _worst(scenario: Scenario) -> str:
    worst = [one.store for one in scenario.losses if one.seconds == scenario.rpo_s]
    return "" if scenario.rpo_s == 0 else ", ".join(worst)


def _tracks(scenario: Scenario) -> str:
    return ", ".join(f"{name} {duration(seconds)}" for name, seconds in scenario.tracks().items())


def _detail(environment: str, one: Scenario, level: int) -> Iterator[str]:
    yield f"{'#' * level} {environment}: {one.says}"
    losses = tuple((loss.store, duration(loss.seconds), loss.why) for loss in one.losses)
    yield markdown_table(Table("What is lost", ("store", "$at most", "why"), losses), level + 1)
    steps = tuple(
        (step.track, step.what, duration(step.seconds), f"{step.why}{' (assumed)' if step.assumed else ''}")
        for step in one.steps
    )
    yield markdown_table(Table("What takes how long", ("track", "step", "$time", "why"), steps), level + 1)
    if one.gaps or one.defects:
        yield "\n".join([*(f"- {gap}" for gap in one.gaps), *(f"- **To mend:** {each}" for each in one.defects)])
    needs = "needs the account" if one.drill.needs_account else "also on the local cluster"
    commands = "\n".join(one.drill.commands)
    yield f"Drill ({needs}): {one.drill.expect}.\n\n```sh\n{commands}\n```"
