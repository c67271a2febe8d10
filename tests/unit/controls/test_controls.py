"""Every control over the real graph of production: one change, and exactly that control flips."""

from __future__ import annotations

from datetime import date

import pytest

from cluster.controls import Assessment, Decisions, Finding, assess, controls, registered
from cluster.graph.model import Graph
from tests.support.mutations import FAILING, PASSING, Case

TODAY = date(2026, 11, 23)
DECISIONS = Decisions(today=TODAY)


@pytest.fixture(scope="module")
def usual(prod: Graph) -> Assessment:
    return assess(prod, DECISIONS)


def flipped(usual: Assessment, changed: Assessment) -> set[str]:
    before = {one.control.key: one.status for one in usual.results}
    return {one.control.key for one in changed.results if one.status != before[one.control.key]}


def names_a_place(finding: Finding, graph: Graph, before: Graph) -> bool:
    """Whether resource and property of a finding are there, were there before, or were never set."""
    if not (finding.gap.says and finding.remedy):
        return False
    if not finding.gap.resource or not finding.gap.property:
        return True
    resource = graph[finding.gap.resource]
    earlier = before.get(resource.key) or resource
    root = finding.gap.property.partition(".")[0]
    return root in resource.inputs or root in earlier.inputs or resource.get(finding.gap.property) is None


@pytest.mark.parametrize("case", [pytest.param(one, id=f"{one.control}: {one.says}") for one in FAILING])
def test_one_change_flips_exactly_its_control(case: Case, prod: Graph, usual: Assessment) -> None:
    assert usual[case.control].status in ("passed", "waived")
    graph = case.change(prod)
    changed = assess(graph, DECISIONS)
    assert changed[case.control].status == "failed"
    assert flipped(usual, changed) == {case.control, *case.also}
    for finding in changed[case.control].open:
        assert names_a_place(finding, graph, prod), finding


@pytest.mark.parametrize("case", [pytest.param(one, id=f"{one.control}: {one.says}") for one in PASSING])
def test_what_a_control_bears(case: Case, prod: Graph) -> None:
    assert assess(case.change(prod), DECISIONS)[case.control].status == "passed"


def test_no_control_is_without_both_fixtures(prod: Graph, usual: Assessment) -> None:
    catalogue = {one.key for one in controls()}
    assert {one.control for one in FAILING} == catalogue
    passing = {one.control.key for one in usual.results if one.status == "passed"} | {one.control for one in PASSING}
    assert passing == catalogue


def test_every_row_of_the_catalogue_has_a_check_and_every_check_a_row() -> None:
    assert [one.id for one in controls()] == list(range(1, 73))
    assert registered() == {one.key for one in controls()}


def test_every_control_finds_something_to_look_at_in_production(usual: Assessment) -> None:
    assert [one.control.key for one in usual.results if not one.evidence] == ["no-iam-users"]
