"""What a change does: to cost, to what can be reached, to controls, to recovery, and to the resources themselves.

In:  two subjects: two environments, or one before and after a change.
Out: a `Change`; as text, and as Markdown for a pull request: what has to be looked at first, then the figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cluster.graph.model import Graph, Resource
from cluster.reports import cost, reach, recovery
from cluster.reports.table import Table, markdown_table, text_table
from cluster.reports.views import Subject

MOST = 40
"""Rows of a table in Markdown; a pull request is no place for more, and JSON has all."""


@dataclass(frozen=True)
class Change:
    """Everything that two subjects differ in."""

    before: str
    after: str
    resources: tuple[tuple[str, str], ...]
    """Key, and `new`, `gone` or the inputs that differ."""
    cost: cost.Difference
    paths: tuple[tuple[str, str, bool], ...]
    """Workload, target, and whether it is open now."""
    controls: tuple[tuple[str, str, str], ...]
    """Control, its status before and after."""
    recovery: tuple[tuple[str, str, str], ...]
    """Scenario, RPO and RTO before and after."""

    @property
    def opened(self) -> tuple[tuple[str, str], ...]:
        """Paths that the change opens."""
        return tuple((workload, target) for workload, target, now in self.paths if now)

    @property
    def failing(self) -> tuple[str, ...]:
        """Controls that fail only afterwards."""
        return tuple(key for key, was, now in self.controls if now == "failed" and was != "failed")


def change(before: Subject, after: Subject, names: tuple[str, str] | None = None) -> Change:
    """Return what differs; `names` are what the two are called, else their environments."""
    one, other = names or (before.name, after.name)
    return Change(
        before=one,
        after=other,
        resources=tuple(_resources(before.graph, after.graph)),
        cost=cost.difference(before.cost.cost, after.cost.cost),
        paths=reach.difference(*_comparable(before, after)),
        controls=tuple(_controls(before, after)),
        recovery=tuple(_recovery(before, after)),
    )


def _resources(before: Graph, after: Graph) -> Iterator[tuple[str, str]]:
    for key in sorted({one.key for one in before} | {one.key for one in after}):
        old, new = before.get(key), after.get(key)
        if old is None or new is None:
            yield key, "new" if old is None else "gone"
        elif old.inputs != new.inputs:
            yield key, ", ".join(_inputs(old, new))


def _inputs(old: Resource, new: Resource) -> Iterator[str]:
    for name in sorted({*old.inputs, *new.inputs}):
        was, now = old.inputs.get(name), new.inputs.get(name)
        if was != now:
            short = all(isinstance(one, str | int | float | bool | None) and len(str(one)) < 30 for one in (was, now))
            yield f"{name}: {_said(was)} → {_said(now)}" if short else name


def _said(value: object) -> str:
    return "none" if value is None else str(value)


def _comparable(before: Subject, after: Subject) -> Iterator[tuple[reach.Path, ...]]:
    """Yield the paths of both; a namespace with the environment's name in it is the same in both."""
    for one in (before, after):
        mark = f"-{one.name}/"
        yield tuple(
            reach.Path(path.workload.replace(mark, "/"), path.target, path.layers) for path in one.reach
        ) if before.name != after.name else one.reach  # fmt: skip


def _controls(before: Subject, after: Subject) -> Iterator[tuple[str, str, str]]:
    for one, other in zip(before.assessment.results, after.assessment.results, strict=True):
        if one.status != other.status:
            yield one.control.key, one.status, other.status


def _recovery(before: Subject, after: Subject) -> Iterator[tuple[str, str, str]]:
    for one, other in zip(before.recovery, after.recovery, strict=True):
        if (one.rpo_s, one.rto_s) != (other.rpo_s, other.rto_s):
            yield one.name, _targets(one), _targets(other)


def _targets(scenario: recovery.Scenario) -> str:
    return f"{recovery.duration(scenario.rpo_s)} / {recovery.duration(scenario.rto_s)}"


def headline(found: Change) -> str:
    """Return the sentences that matter most."""
    says = [f"{found.after} costs {found.cost.expected:+,.2f} US dollars a month against {found.before}."]
    says += [f"{workload} can reach {target} now." for workload, target in found.opened]
    says += [f"The control {key} fails now." for key in found.failing]
    if not found.resources:
        return f"{found.after} and {found.before} are the same."
    return " ".join(says)


def as_text(found: Change) -> str:
    """Return the change for a terminal."""
    return "\n\n".join([headline(found), *(text_table(one) for one in _tables(found) if one.rows)]) + "\n"


def as_markdown(found: Change, level: int = 2) -> str:
    """Return the change for a pull request; long tables are folded and cut."""
    parts = [f"{'#' * level} From {found.before} to {found.after}", headline(found)]
    for one in _tables(found):
        if one.rows:
            rest = f"The first {MOST} of {len(one.rows)}." if len(one.rows) > MOST else one.before
            shown = markdown_table(Table(one.title, one.heads, one.rows[:MOST], rest), level + 1).partition("\n\n")[2]
            parts.append(f"<details><summary>{one.title} ({len(one.rows)})</summary>\n\n{shown}\n\n</details>")
    return "\n\n".join(parts) + "\n"


def as_json(found: Change) -> dict[str, Any]:
    """Return plain values for JSON."""
    return {
        "before": found.before,
        "after": found.after,
        "resources": [{"resource": key, "what": what} for key, what in found.resources],
        "cost": cost.as_json(found.cost),
        "paths": [{"workload": one, "target": target, "open": now} for one, target, now in found.paths],
        "controls": [{"control": key, "before": was, "after": now} for key, was, now in found.controls],
        "recovery": [{"scenario": name, "before": was, "after": now} for name, was, now in found.recovery],
    }


def _tables(found: Change) -> Iterator[Table]:
    paths = tuple((one, target, "opened" if now else "closed") for one, target, now in found.paths)
    yield Table("Reach", ("workload", "target", ""), paths)
    yield Table("Controls", ("control", found.before, found.after), found.controls)
    yield Table("Recovery: RPO / RTO", ("scenario", found.before, found.after), found.recovery)
    if found.cost.changes or found.cost.unpriced:
        yield from cost.tables.of_difference(found.cost)
    yield Table("Resources", ("resource", "what"), found.resources)
