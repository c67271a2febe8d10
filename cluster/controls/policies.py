"""Policy documents, as far as a control or a path has to understand them.

In:  a document of IAM, of a key, a bucket, a queue or an end point.
Out: its statements with lists where AWS also takes a single value.

Conditions are not evaluated: a statement has some or none, and one control or the other looks for a certain key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from cluster.graph.model import Json, Resource


@dataclass(frozen=True)
class Statement:
    """One statement of a policy."""

    allows: bool
    actions: tuple[str, ...]
    """What it speaks of; with `is_inverse` everything else."""
    is_inverse: bool
    resources: tuple[str, ...]
    principals: tuple[str, ...]
    """`*`, ARNs, account ids and service names."""
    conditions: Mapping[str, Mapping[str, Any]]

    def covers(self, action: str) -> bool:
        """Whether it speaks of an action (`kms:Decrypt`)."""
        found = any(fnmatchcase(action.lower(), one.lower()) for one in self.actions)
        return found is not self.is_inverse

    @property
    def on_everything(self) -> bool:
        """Whether it speaks of every resource."""
        return "*" in self.resources

    @property
    def for_everyone(self) -> bool:
        """Whether anybody at all is meant, and no condition says who."""
        return self.allows and "*" in self.principals and not self.conditions

    def condition(self, key: str) -> tuple[str, ...]:
        """Return the values that a condition key must equal exactly; () where no such condition is."""
        for operator in ("StringEquals", "ArnEquals", "Bool"):
            if key in self.conditions.get(operator, {}):
                return several(self.conditions[operator][key])
        return ()


def several(value: Json) -> tuple[str, ...]:
    """Return the items of what may be one or a list of them."""
    if value is None:
        return ()
    return tuple(str(one) for one in value) if isinstance(value, list) else (str(value),)


def statements(resource: Resource, path: str) -> Iterator[Statement]:
    """Yield the statements of a document in an input, which may be JSON in a string."""
    found = (resource.document(path) or {}).get("Statement", [])
    for row in [found] if isinstance(found, Mapping) else found:
        principal = row.get("Principal", {})
        named = principal.values() if isinstance(principal, Mapping) else [principal]
        inverse = "NotAction" in row
        yield Statement(
            allows=row.get("Effect") == "Allow",
            actions=several(row["NotAction"] if inverse else row.get("Action")),
            is_inverse=inverse,
            resources=several(row.get("Resource", [])),
            principals=tuple(one for value in named for one in several(value)),
            conditions=row.get("Condition", {}),
        )
