"""The same controls over what the Pulumi engine is about to make: the inside of the policy pack.

In:  the resources that the engine hands to a stack policy (`pulumi_policy.PolicyResource`), and the environment.
Out: the graph that they are, and for each control the violations that the engine is told.

The engine has put values where the graph has references. They are found again: by the dependencies that it names for
each property, and by ids and ARNs. What a preview does not know yet cannot be judged: a gap at such a property is left
to the offline check, which knows the program's own references.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any, Protocol

from cluster.controls.assessment import Finding, assess
from cluster.controls.facts import Decisions, decided
from cluster.declared import declared
from cluster.graph.model import Graph, Json, Reference, Resource, short_type
from cluster.stacks import stack

STACK = "pulumi:pulumi:Stack"
LEFT_OUT = frozenset({"no-plaintext-secrets"})
"""The engine hands secrets over in plain text, so that they cannot be told apart here."""
DOCUMENTS = frozenset({"assumeRolePolicy", "configurationValues", "policy", "redriveAllowPolicy", "redrivePolicy"})
"""Inputs that are JSON in a string, of which a preview knows all or nothing."""
NAMES = ("id", "arn", "name", "keyId", "url", "bucket", "identifier", "clusterIdentifier", "replicationGroupId")
"""Outputs by which other resources name one, the usual first."""


class Named(Protocol):
    """What has a type, a name and properties: a provider, as the engine describes it."""

    @property
    def resource_type(self) -> str:
        """The type token."""

    @property
    def name(self) -> str:
        """The name in the program."""

    @property
    def props(self) -> Mapping[str, Any]:
        """Inputs and outputs; an unknown one raises."""


class Described(Named, Protocol):
    """A resource, as the engine describes it."""

    @property
    def urn(self) -> str:
        """As everywhere in Pulumi."""

    @property
    def provider(self) -> Named | None:
        """Its provider."""

    @property
    def parent(self) -> Described | None:
        """What it belongs to."""

    @property
    def property_dependencies(self) -> Mapping[str, Sequence[Described]]:
        """What each property hangs on."""


@dataclass
class _Reading:
    """The values of one property, being read."""

    name: str
    dependencies: list[Described]
    index: Mapping[str, str]
    pattern: re.Pattern[str] | None
    unknown: type[Exception]
    met_unknown: bool = False
    _next: int = field(default=0)

    def value(self, get: Callable[[], Any]) -> Json:
        try:
            found = get()
        except self.unknown:
            return self._dependency()
        if isinstance(found, Mapping):
            return {str(name): self.value(lambda name=name: found[name]) for name in found}  # type: ignore[misc]
        if isinstance(found, Sequence) and not isinstance(found, str):
            return [self.value(lambda at=at: found[at]) for at in range(len(found))]  # type: ignore[misc]
        return self._text(found) if isinstance(found, str) else found

    def _dependency(self) -> Json:
        self.met_unknown = True
        keys = [_key(one.resource_type, one.name) for one in self.dependencies]
        if self.name in DOCUMENTS:
            return json.dumps({"unknown": [str(Reference(key, "arn")) for key in keys]})
        if not keys:
            return None
        key = keys[self._next % len(keys)]
        self._next += 1
        return str(Reference(key, "id"))

    def _text(self, value: str) -> str:
        for one in self.dependencies:
            for name in NAMES:
                if _known(one.props, name, self.unknown) == value:
                    return str(Reference(_key(one.resource_type, one.name), name))
        return self.pattern.sub(lambda match: self.index[match[0]], value) if self.pattern else value


def _key(token: str, name: str) -> str:
    return f"{short_type(token)}/{name}"


def _known(props: Mapping[str, Any], name: str, unknown: type[Exception]) -> Json:
    try:
        return props.get(name)
    except unknown:
        return None


@dataclass(frozen=True)
class Stack:
    """What the engine is about to make, as a graph."""

    graph: Graph
    unknown: frozenset[tuple[str, str]]
    """Resource and property of what a preview does not know."""
    decided: Callable[[date], Decisions]

    def findings(self, today: date) -> Iterator[Finding]:
        """Yield what is open, as far as it can be judged."""
        for finding in assess(self.graph, self.decided(today)).open:
            place = finding.gap.resource, finding.gap.property.partition(".")[0]
            if finding.control not in LEFT_OUT and place not in self.unknown:
                yield finding


def environment_of(resources: Sequence[Described]) -> str:
    """Return the stack's name, which is its environment's: `prod` of `urn:pulumi:prod::automatrix::…`."""
    return resources[0].urn.split(":")[2]


def stack_of(environment: str, resources: Sequence[Described], unknown: type[Exception]) -> Stack:
    """Return the graph of what the engine describes, with what is declared to come of it.

    `unknown` is what the engine's values raise when a preview does not know them.
    """
    index = dict(_arns(resources, unknown))
    words = "|".join(re.escape(one) for one in sorted(index, key=len, reverse=True))
    pattern = re.compile(words) if words else None
    unknowns: set[tuple[str, str]] = set()
    found: dict[str, Resource] = {}
    for one in resources:
        if one.resource_type == STACK:
            continue
        inputs: dict[str, Json] = {}
        for name in one.props:
            dependencies = list(one.property_dependencies.get(name, ()))
            reading = _Reading(name, dependencies, index, None if name == "arn" else pattern, unknown)
            inputs[name] = reading.value(lambda name=name, one=one: one.props[name])  # type: ignore[misc]
            if reading.met_unknown:
                unknowns.add((_key(one.resource_type, one.name), name))
        made = _resource(one, inputs)
        found[made.key] = made
        if one.provider is not None:
            provider = _provider(one.provider, unknown)
            found.setdefault(provider.key, provider)
    known = stack(environment)
    graph = Graph(environment, tuple(found.values()))
    if not known.is_isolated:
        graph = graph.having(*declared(known.environment, graph))
    return Stack(graph, frozenset(unknowns), partial(decided, known.environment))


def _arns(resources: Sequence[Described], unknown: type[Exception]) -> Iterator[tuple[str, str]]:
    for one in resources:
        arn = _known(one.props, "arn", unknown)
        if isinstance(arn, str) and arn.startswith("arn:"):
            yield arn, str(Reference(_key(one.resource_type, one.name), "arn"))


def _resource(one: Described, inputs: Mapping[str, Json]) -> Resource:
    parent = one.parent
    inside = parent is not None and parent.resource_type != STACK
    provider = one.provider
    return Resource(
        urn=one.urn,
        type=one.resource_type,
        name=one.name,
        inputs=inputs,
        provider=_key(provider.resource_type, provider.name) if provider is not None else "",
        component=_key(parent.resource_type, parent.name) if parent is not None and inside else "",
        is_component=not one.resource_type.startswith(("aws:", "kubernetes:", "pulumi:")),
        taggable="tagsAll" in one.props,
    )


def _provider(one: Named, unknown: type[Exception]) -> Resource:
    inputs = {name: _known(one.props, name, unknown) for name in one.props}
    return Resource(f"urn:{one.name}", one.resource_type, one.name, inputs)
