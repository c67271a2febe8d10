"""What a control is, and what a check of it says.

In:  the catalogue (`catalogue.yaml`) and the checks that the modules beside this one register under its keys.
Out: `Control`: what must hold, why and where, with the function that looks. A check yields `Gap`s: resource, property
     and what is wrong there; the remedy belongs to the control, since one control is mended in one way.

The catalogue is data, because auditors read and change it; the checks are code, because they follow references.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from cluster.controls.facts import Facts
from cluster.graph.model import Json, Resource

Group = Literal["network", "eks", "identity", "secrets", "data", "edge", "detect", "continuity"]
CATALOGUE = Path(__file__).with_name("catalogue.yaml")


@dataclass(frozen=True, slots=True)
class Gap:
    """One place where a control does not hold."""

    resource: str
    """Key of the resource; empty where it is missing altogether."""
    property: str
    """Dotted path of the input, as `Resource.get` takes it; empty where a whole resource is missing."""
    says: str
    warning: bool = False
    """Whether it is only near: it is told, and fails nothing."""


Gaps = Iterator[Gap]
Check = Callable[[Facts], Gaps]


@dataclass(frozen=True)
class Control:
    """One row of the catalogue, with its check."""

    id: int
    key: str
    title: str
    group: Group
    fsbp: tuple[str, ...]
    security_hub_other: tuple[str, ...]
    cis_eks: tuple[str, ...]
    soc2: tuple[str, ...]
    gdpr: tuple[str, ...]
    environments: tuple[str, ...]
    resources: tuple[str, ...]
    rationale: str
    check: Check
    remedy: str
    absence: bool
    """Whether it asks that something is not there, so that finding nothing to look at is the evidence."""


@dataclass(frozen=True, slots=True)
class _Registered:
    check: Check
    remedy: str
    absence: bool


_CHECKS: dict[str, _Registered] = {}


def control(key: str, *, remedy: str, absence: bool = False) -> Callable[[Check], Check]:
    """Register a function as the check of the control of that key."""

    def register(check: Check) -> Check:
        if key in _CHECKS:
            raise ValueError(f"two checks for the control {key}")
        _CHECKS[key] = _Registered(check, remedy, absence)
        return check

    return register


def registered() -> frozenset[str]:
    """Return the keys that have a check."""
    return frozenset(_CHECKS)


@cache
def controls() -> tuple[Control, ...]:
    """Return every control of the catalogue in its order; KeyError names one that nothing checks."""
    with CATALOGUE.open(encoding="utf-8") as file:
        rows = yaml.load(file, Loader=yaml.CSafeLoader)["controls"]
    return tuple(_control(row) for row in rows)


def _control(row: Mapping[str, Any]) -> Control:
    check = _CHECKS[row["key"]]
    lists = ("fsbp", "security_hub_other", "cis_eks", "soc2", "gdpr", "environments", "resources")
    return Control(
        id=row["id"],
        key=row["key"],
        title=row["title"],
        group=row["group"],
        rationale=row["rationale"],
        check=check.check,
        remedy=check.remedy,
        absence=check.absence,
        **{name: tuple(row.get(name, ())) for name in lists},
    )


def said(value: Json) -> str:
    """Return a value as a sentence names it."""
    if isinstance(value, bool):
        return str(value).lower()
    return "not set" if value is None else str(value)


def must(resource: Resource, path: str, *wanted: Json, default: Json = None) -> Gaps:
    """Yield a gap unless the input is one of the wanted values; `default` is what AWS takes where it is not set.

    Some inputs of the provider are booleans in strings, which count as what they say.
    """
    value = resource.get(path, default)
    if isinstance(value, str) and value.lower() in ("true", "false"):
        value = value.lower() == "true"
    if not any(value == one and type(value) is type(one) for one in wanted):
        yield Gap(resource.key, path, f"is {said(value)}, not {' or '.join(said(one) for one in wanted)}")
