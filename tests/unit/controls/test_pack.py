"""The policy pack says of what the engine describes what the controls say of the graph.

The engine's description is made from the graph: ids and names instead of references, with the dependencies of each
property, as a policy is given them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

from cluster.controls import Decisions, assess
from cluster.controls.pack import LEFT_OUT, environment_of, stack_of
from cluster.graph.model import Graph, Json, Resource, references

TODAY = date(2026, 11, 23)


class UnknownError(Exception):
    """What the engine's values raise in a preview."""


UNKNOWN = object()


class UnknownMap(Mapping[str, Any]):
    """An object of which some values raise."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.inside = values

    def __getitem__(self, name: str) -> Any:
        return known(self.inside[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.inside)

    def __len__(self) -> int:
        return len(self.inside)


class UnknownList(Sequence[Any]):
    """A list of which some values raise."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.inside = values

    def __getitem__(self, at: Any) -> Any:
        return known(self.inside[at])

    def __len__(self) -> int:
        return len(self.inside)


def known(value: Any) -> Any:
    if value is UNKNOWN:
        raise UnknownError
    return value


def hidden(value: Json) -> Any:
    """Return a value as a preview knows it: what hangs on another resource is not known."""
    if isinstance(value, str):
        return UNKNOWN if references(value) else value
    if isinstance(value, Mapping):
        return UnknownMap({name: hidden(item) for name, item in value.items()})
    return UnknownList([hidden(item) for item in value]) if isinstance(value, list) else value


@dataclass
class Described:
    resource_type: str
    name: str
    urn: str
    props: Mapping[str, Any]
    provider: Described | None = None
    parent: Described | None = None
    property_dependencies: dict[str, list[Described]] = field(default_factory=dict)


def given(graph: Graph, value: Json) -> Json:
    """Return a value as AWS would have it: every reference replaced by what it stands for."""
    if isinstance(value, str):
        for one in references(value):
            value = value.replace(str(one), output(graph, one.key, one.attribute))
        return value
    if isinstance(value, Mapping):
        return {name: given(graph, item) for name, item in value.items()}
    return [given(graph, item) for item in value] if isinstance(value, list) else value


def output(graph: Graph, key: str, attribute: str) -> str:
    chosen = graph[key].get(attribute)
    if isinstance(chosen, str) and not references(chosen):
        return chosen
    return f"arn:aws:test:::{key}" if attribute == "arn" else f"{attribute}-of-{key}"


def described(graph: Graph, *, preview: bool = False) -> list[Described]:
    """Return what the engine says of everything that the program registers."""
    own = [one for one in graph if not one.is_declared and not one.type.startswith("pulumi:")]
    made = {one.key: one_described(graph, one) for one in own}
    providers = {one.key: one_described(graph, one) for one in graph.of_type("pulumi:providers:*")}
    for one in own:
        told = made[one.key]
        told.provider, told.parent = providers.get(one.provider), made.get(one.component)
        for edge in one.edges:
            if edge.path and edge.target in made:
                told.property_dependencies.setdefault(edge.path.partition(".")[0], []).append(made[edge.target])
        if preview:
            outputs = {"id": UNKNOWN, "arn": UNKNOWN, **({"tagsAll": {}} if one.taggable else {})}
            told.props = UnknownMap({**{name: hidden(value) for name, value in one.inputs.items()}, **outputs})
    return list(made.values())


def one_described(graph: Graph, one: Resource) -> Described:
    props = dict(given(graph, dict(one.inputs)))
    if one.type.startswith("aws:"):
        props |= {name: output(graph, one.key, name) for name in ("id", "arn") if name not in props}
    return Described(one.type, one.name, one.urn, {**props, **({"tagsAll": {}} if one.taggable else {})})


def test_after_deployment_nothing_is_open(prod: Graph) -> None:
    resources = described(prod)
    found = stack_of(environment_of(resources), resources, UnknownError)
    assert [str(one) for one in found.findings(TODAY)] == []
    assert {one.key for one in prod} - {one.key for one in found.graph} == {"pulumi.kubernetes/cluster-eks-k8s"}


@pytest.mark.parametrize(
    ("key", "path", "value", "control"),
    [
        pytest.param("rds.Cluster/hub", "storageEncrypted", False, "database-encrypted", id="a flag"),
        pytest.param("eks.NodeGroup/system", "version", "1.33", "supported-kubernetes-version", id="a version"),
        pytest.param("iam.Role/github-plan", "permissionsBoundary", None, "ci-permission-boundary", id="a reference"),
        pytest.param(
            "ec2.RouteTableAssociation/isolated-a",
            "routeTableId",
            "${ec2.RouteTable/public:id}",
            "data-subnets-isolated",
            id="a reference to something else",
        ),
    ],
)
def test_a_gap_is_told_with_its_resource(key: str, path: str, value: Json, control: str, prod: Graph) -> None:
    broken = prod.altered(key, path, value)
    found = list(stack_of("prod", described(broken), UnknownError).findings(TODAY))
    assert {one.control for one in found} == {control}
    assert {one.control for one in assess(broken, Decisions(today=TODAY)).open} - LEFT_OUT == {control}


def test_a_preview_judges_what_it_knows(prod: Graph) -> None:
    usual = list(stack_of("prod", described(prod, preview=True), UnknownError).findings(TODAY))
    broken = prod.altered("rds.Cluster/hub", "storageEncrypted", False)
    found = list(stack_of("prod", described(broken, preview=True), UnknownError).findings(TODAY))
    assert {one.control for one in found} - {one.control for one in usual} == {"database-encrypted"}
