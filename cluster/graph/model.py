"""The graph as values: resources, the references between them, and the questions that views ask.

In:  resources as captured or declared.
Out: frozen values; every question is answered from the inputs, so that a graph with one input changed has the
     edges that follow from it. Inputs are plain JSON values, shared and never to be written to: `altered` copies.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import pairwise
from typing import Any

Json = Any
"""None, bool, int, float, str, or lists and string-keyed dicts of them."""

PROGRAM = "program"
SECRET = "$secret"  # noqa: S105 — the key under which a secret input stands; its value is not kept
HIDDEN = "(hidden)"

_REFERENCE = re.compile(r"\$\{(?P<key>[\w.-]+/[\w.-]+):(?P<attribute>[\w.]+)\}")
_AWS_TYPE = re.compile(r"aws:(?P<module>\w+)/\w+:(?P<name>\w+)")


def short_type(token: str) -> str:
    """Return the first half of a key: `ec2.Vpc` for `aws:ec2/vpc:Vpc`, else package and last word."""
    match = _AWS_TYPE.fullmatch(token)
    if match:
        return f"{match['module']}.{match['name']}"
    package, *_, name = token.split(":")
    return f"pulumi-eks.{name}" if package == "eks" else f"{package}.{name}"


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """An output of another resource: its key and the attribute, which may be a dotted path."""

    key: str
    attribute: str

    def __str__(self) -> str:
        return f"${{{self.key}:{self.attribute}}}"


def references(value: Json) -> tuple[Reference, ...]:
    """Return every reference inside a value, each once, in the order of first appearance."""
    return tuple(dict.fromkeys(reference for _, reference in _walk(value, "")))


def filled(value: Json, answer: Callable[[Reference], str]) -> Json:
    """Return a value in which every reference is replaced by its answer."""
    if isinstance(value, str):
        return _REFERENCE.sub(lambda match: answer(Reference(match["key"], match["attribute"])), value)
    if isinstance(value, Mapping):
        return {name: filled(item, answer) for name, item in value.items()}
    return [filled(item, answer) for item in value] if isinstance(value, list) else value


def _walk(value: Json, path: str) -> Iterator[tuple[str, Reference]]:
    if isinstance(value, str):
        for match in _REFERENCE.finditer(value):
            yield path, Reference(match["key"], match["attribute"])
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _walk(item, f"{path}.{name}" if path else name)
    elif isinstance(value, Sequence):
        for index, item in enumerate(value):
            yield from _walk(item, f"{path}.{index}")


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """`source` needs `target`: the input at `path` is its `attribute`. Both are empty where only order counts."""

    source: str
    target: str
    path: str = ""
    attribute: str = ""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource or component of the graph."""

    urn: str
    """As Pulumi writes it; of declared resources made in the same way."""
    type: str
    """Type token: `aws:ec2/vpc:Vpc`, `kubernetes:karpenter.sh/v1:NodePool`."""
    name: str
    inputs: Mapping[str, Json] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    """Keys of what must exist before, beyond what the inputs refer to."""
    provider: str = ""
    """Key of the provider; empty for components and what controllers create."""
    component: str = ""
    """Key of the component (or resource) that it belongs to; empty at the top."""
    declared_by: str = PROGRAM
    is_component: bool = False
    taggable: bool = False
    """Whether its type has tags."""
    protect: bool = False
    ignored: tuple[str, ...] = ()
    """Inputs that the program sets once, or never, and then leaves to AWS."""

    @property
    def key(self) -> str:
        """What names it in the graph: `ec2.Vpc/main`."""
        return f"{short_type(self.type)}/{self.name}"

    @property
    def is_declared(self) -> bool:
        """Whether something else than `pulumi up` creates it."""
        return self.declared_by not in (PROGRAM, "pulumi-eks")

    def get(self, path: str, default: Json = None) -> Json:
        """Return the input at a dotted path (`vpcConfig.subnetIds.0`), or `default` where there is none."""
        value: Json = self.inputs
        for step in path.split("."):
            if isinstance(value, Mapping) and step in value:
                value = value[step]
            elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
                value = value[int(step)]
            else:
                return default
        return value

    def document(self, path: str) -> Json:
        """Return the input at a path, decoded where it is JSON in a string (policies); {} where there is none."""
        value = self.get(path, {})
        return json.loads(value) if isinstance(value, str) else value

    @property
    def edges(self) -> tuple[Edge, ...]:
        """What it needs: one edge for each reference in its inputs, then those that only give order."""
        data = [
            Edge(self.key, found.key, path, found.attribute)
            for path, found in _walk(self.inputs, "")
            if found.key != self.key
        ]
        known = {edge.target for edge in data}
        return (*dict.fromkeys(data), *(Edge(self.key, key) for key in self.after if key not in known))


@dataclass(frozen=True)
class Graph:
    """All resources of one environment, sorted by key."""

    environment: str
    resources: tuple[Resource, ...]

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.resources, key=lambda one: one.key))
        twice = {one.key for one, other in pairwise(ordered) if one.key == other.key}
        if twice:
            raise ValueError(f"two resources have one key: {', '.join(sorted(twice))}")
        object.__setattr__(self, "resources", ordered)

    @property
    def rules(self) -> str:
        """The environment whose rules hold: what stands in for one has those of the one that is lost."""
        return "prod" if self.environment == "isolated" else self.environment.removesuffix("-recovered")

    @cached_property
    def _by_key(self) -> dict[str, Resource]:
        return {resource.key: resource for resource in self.resources}

    @cached_property
    def _by_type(self) -> dict[str, list[Resource]]:
        found: dict[str, list[Resource]] = {}
        for resource in self.resources:
            found.setdefault(resource.type, []).append(resource)
        return found

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """Every edge, sorted by source."""
        return tuple(edge for resource in self.resources for edge in resource.edges)

    @cached_property
    def _incoming(self) -> dict[str, list[Edge]]:
        found: dict[str, list[Edge]] = {}
        for edge in self.edges:
            found.setdefault(edge.target, []).append(edge)
        return found

    @cached_property
    def _children(self) -> dict[str, list[Resource]]:
        found: dict[str, list[Resource]] = {}
        for resource in self.resources:
            found.setdefault(resource.component, []).append(resource)
        return found

    def __getitem__(self, key: str) -> Resource:
        return self._by_key[key]

    def __contains__(self, key: object) -> bool:
        return key in self._by_key

    def __iter__(self) -> Iterator[Resource]:
        return iter(self.resources)

    def __len__(self) -> int:
        return len(self.resources)

    def get(self, key: str) -> Resource | None:
        """Return the resource of that key, None where there is none."""
        return self._by_key.get(key)

    def of_type(self, *patterns: str) -> tuple[Resource, ...]:
        """Return the resources whose type matches one of the patterns (`*` stands for anything)."""
        types = {name for pattern in patterns for name in self._types(pattern)}
        found = [one for name in types for one in self._by_type[name]]
        return tuple(found if len(types) == 1 else sorted(found, key=lambda one: one.key))

    def _types(self, pattern: str) -> list[str]:
        if "*" not in pattern:  # most are asked for by name, thousands of times
            return [pattern] if pattern in self._by_type else []
        return [name for name in self._by_type if fnmatchcase(name, pattern)]

    def cloud(self) -> tuple[Resource, ...]:
        """Return what exists in an account: no components, providers or Kubernetes objects."""
        return self.of_type("aws:*")

    def within(self, key: str) -> tuple[Resource, ...]:
        """Return everything below a component, components included."""
        below = self._children.get(key, [])
        return tuple(one for child in below for one in (child, *self.within(child.key)))

    def concern(self, resource: Resource) -> str:
        """Return the key of the outermost component that holds a resource; empty for one that is in none."""
        while resource.component and resource.component in self:
            resource = self[resource.component]
        return resource.key if resource.is_component else ""

    def target(self, value: Json) -> Resource | None:
        """Return the resource that a value refers to, when the value is one reference and nothing else."""
        match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
        return self.get(match["key"]) if match else None

    def targets(self, value: Json) -> tuple[Resource, ...]:
        """Return every resource that is referred to anywhere inside a value."""
        return tuple(self[one.key] for one in references(value) if one.key in self)

    def resolved(self, value: Json) -> Json:
        """Return a value in which every reference to something that is an input elsewhere is replaced by that input.

        What only AWS can know (ids, ARNs, end points) stays a reference.
        """
        return filled(value, self._known)

    def _known(self, one: Reference) -> str:
        source = self.get(one.key)
        found = source.get(one.attribute) if source else None
        return str(self.resolved(found)) if isinstance(found, str | int) else str(one)

    def uses(self, key: str) -> tuple[Edge, ...]:
        """Return what a resource needs."""
        return self[key].edges

    def users(self, key: str) -> tuple[Edge, ...]:
        """Return what needs a resource."""
        return tuple(self._incoming.get(key, ()))

    def dangling(self) -> tuple[Edge, ...]:
        """Return the edges that lead to nothing; a captured graph has none."""
        return tuple(edge for edge in self.edges if edge.target not in self)

    def region(self, resource: Resource) -> str:
        """Return the Region a resource lives in: its own input, else its provider's; empty where neither says."""
        provider = self.get(resource.provider)
        own = resource.inputs.get("region")
        return str(own or (provider.inputs.get("region", "") if provider else ""))

    def tags(self, resource: Resource) -> dict[str, str]:
        """Return the tags that AWS would show: the provider's defaults under the resource's own."""
        provider = self.get(resource.provider)
        defaults = provider.document("defaultTags").get("tags", {}) if provider and resource.taggable else {}
        return {**defaults, **(resource.inputs.get("tags") or {})}

    def order(self) -> tuple[Resource, ...]:
        """Return the resources with what each needs before it, otherwise by key; ValueError names a cycle."""
        done: dict[str, Resource] = {}
        for resource in self:
            self._visit(resource, done, ())
        return tuple(done.values())

    def _visit(self, resource: Resource, done: dict[str, Resource], path: tuple[str, ...]) -> None:
        if resource.key in done:
            return
        if resource.key in path:
            raise ValueError(f"a cycle: {' → '.join((*path, resource.key))}")
        needed = {edge.target for edge in resource.edges} | {resource.provider, resource.component}
        for key in sorted(needed & self._by_key.keys()):
            self._visit(self[key], done, (*path, resource.key))
        done[resource.key] = resource

    def altered(self, key: str, path: str, value: Json) -> Graph:
        """Return a graph in which the input of one resource at a dotted path has another value; None removes it."""
        inputs = copy.deepcopy(dict(self[key].inputs))
        *steps, last = path.split(".")
        place: Json = inputs
        for step in steps:
            place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
        where: Json = int(last) if isinstance(place, list) else last
        if value is None:
            del place[where]
        else:
            place[where] = value
        return self.having(replace(self[key], inputs=inputs))

    def having(self, *resources: Resource) -> Graph:
        """Return a graph with more resources; one of the same key is replaced."""
        keys = {one.key for one in resources}
        return replace(self, resources=(*(one for one in self if one.key not in keys), *resources))

    def without(self, *keys: str) -> Graph:
        """Return a graph that lacks some resources; edges to them dangle."""
        return replace(self, resources=tuple(one for one in self if one.key not in keys))

    def to_json(self) -> str:
        """Return the graph as JSON: the same text for the same graph."""
        content = {"environment": self.environment, "resources": [asdict(one) for one in self]}
        return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Graph:
        """Return the graph that `to_json` wrote."""
        content = json.loads(text)
        rows = [
            Resource(**{**row, "after": tuple(row["after"]), "ignored": tuple(row.get("ignored", ()))})
            for row in content["resources"]
        ]
        return cls(content["environment"], tuple(rows))
