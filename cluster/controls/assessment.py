"""Check every control over one graph.

In:  a graph, the decisions (the date among them), the waivers.
Out: an `Assessment`: one `Result` per control, and what is wrong with the waivers themselves.

A control is not evaluated where the catalogue leaves the environment out: that is a judgement on cost, told as such and
never counted as passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from cluster.controls.facts import Decisions, Facts
from cluster.controls.model import Control, Gap, controls
from cluster.controls.waivers import WAIVERS, Waiver
from cluster.graph.model import Graph

Status = Literal["passed", "failed", "waived", "not applicable", "not evaluated"]
"""`waived`: every gap has a waiver. `not applicable`: nothing is there that could be looked at."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One gap, with what mends it and what excuses it."""

    control: str
    gap: Gap
    remedy: str
    waiver: Waiver | None = None

    @property
    def where(self) -> str:
        """Resource and property, as a message names them."""
        return " ".join(part for part in (self.gap.resource or "(nothing)", self.gap.property) if part)

    def __str__(self) -> str:
        return f"{self.where} {self.gap.says}: {self.remedy}"


@dataclass(frozen=True, slots=True)
class Result:
    """What one control says of one environment."""

    control: Control
    status: Status
    findings: tuple[Finding, ...] = ()
    evidence: tuple[str, ...] = ()
    """Keys of the resources that were there to be looked at."""

    @property
    def open(self) -> tuple[Finding, ...]:
        """What fails: neither waived nor only a warning."""
        return tuple(one for one in self.findings if one.waiver is None and not one.gap.warning)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What will fail soon."""
        return tuple(one for one in self.findings if one.gap.warning)


@dataclass(frozen=True, slots=True)
class Assessment:
    """What all controls say of one environment on one day."""

    environment: str
    today: date
    results: tuple[Result, ...]
    waiver_findings: tuple[Finding, ...]

    def __getitem__(self, key: str) -> Result:
        return next(one for one in self.results if one.control.key == key)

    def count(self, status: Status) -> int:
        """Return how many controls have a status."""
        return sum(one.status == status for one in self.results)

    @property
    def open(self) -> tuple[Finding, ...]:
        """Everything that has to be mended or waived, expired and idle waivers included."""
        return (*(found for one in self.results for found in one.open), *self.waiver_findings)

    @property
    def waived(self) -> tuple[Finding, ...]:
        """What has a waiver."""
        return tuple(found for one in self.results for found in one.findings if found.waiver)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What will fail soon."""
        return tuple(found for one in self.results for found in one.warnings)


ISOLATED = "isolated"
"""The graph of the account that keeps copies."""


def assess(graph: Graph, decisions: Decisions, waivers: Sequence[Waiver] = WAIVERS) -> Assessment:
    """Return what every control says of a graph; ValueError names a waiver of no control."""
    known = {one.key for one in controls()}
    for waiver in waivers:
        if waiver.control not in known:
            raise ValueError(f"a waiver of no control: {waiver}")
    here = [one for one in waivers if graph.environment in one.environments]
    valid = [one for one in here if decisions.today <= one.expires]
    facts = Facts(graph, decisions)
    present: dict[str, list[str]] = {}
    for resource in graph:
        present.setdefault(resource.type, []).append(resource.key)
    results = tuple(_result(one, facts, present, valid) for one in controls())
    used = {found.waiver for one in results for found in one.findings if found.waiver}
    return Assessment(graph.environment, decisions.today, results, tuple(_of_waivers(here, used, decisions.today)))


def _result(control: Control, facts: Facts, present: dict[str, list[str]], waivers: Sequence[Waiver]) -> Result:
    evidence = _evidence(control, facts.graph, present)
    # An account of copies has next to nothing: what it does not have is judged where it is.
    if facts.graph.rules not in control.environments or (facts.graph.environment == ISOLATED and not evidence):
        return Result(control, "not evaluated")
    excuses = {one.resource: one for one in waivers if one.control == control.key}
    findings = tuple(
        Finding(control.key, gap, control.remedy, None if gap.warning else excuses.get(gap.resource))
        for gap in dict.fromkeys(control.check(facts))
    )
    failing = [one for one in findings if not one.gap.warning]
    status: Status = "passed"
    if failing:
        status = "waived" if all(one.waiver for one in failing) else "failed"
    elif not evidence and not control.absence:
        status = "not applicable"
    return Result(control, status, findings, evidence)


def _evidence(control: Control, graph: Graph, present: dict[str, list[str]]) -> tuple[str, ...]:
    exact = [key for token in control.resources if not token.endswith("*") for key in present.get(token, ())]
    patterns = [token for token in control.resources if token.endswith("*")]
    wide = [one.key for one in graph.of_type(*patterns)] if patterns else []
    return tuple(sorted({*exact, *wide}))


def _of_waivers(here: Sequence[Waiver], used: set[Waiver], today: date) -> Iterable[Finding]:
    for waiver in here:
        if today > waiver.expires:
            says, remedy = f"has a waiver that expired on {waiver.expires}", f"{waiver.owner} mends it or decides anew"
        elif waiver not in used:
            says, remedy = "has a waiver that matches nothing", "remove the waiver"
        else:
            continue
        yield Finding(waiver.control, Gap(waiver.resource, "", says), remedy)
