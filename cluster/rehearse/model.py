"""What a rehearsal knows of one type, and what it tells.

In:  nothing. Out: `Call`, how a resource is created and read back through AWS's API; `Rehearsal`, what came of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Inputs = Mapping[str, Any]
Parameters = Callable[[Inputs], dict[str, Any]]
Outcome = Literal["created", "unsupported", "declared", "failed"]
"""`unsupported`: a reason is given beforehand; `declared`: a controller makes it later, no `pulumi up` does."""


@dataclass(frozen=True)
class Then:
    """A further call for the same resource; its parameters see the inputs and, as `id`, what was made."""

    operation: str
    parameters: Parameters


@dataclass(frozen=True)
class Read:
    """How what was made is read, and which of its properties must be which input."""

    operation: str
    parameters: Parameters
    same: Mapping[str, str]
    """Dotted path in the answer, to dotted path of the input."""


@dataclass(frozen=True)
class Call:
    """How a resource of one type is created."""

    service: str
    operation: str
    parameters: Parameters
    outputs: Mapping[str, str] = field(default_factory=dict)
    """Output of Pulumi's resource, to dotted path in the answer, or to `=` and a parameter."""
    then: tuple[Then, ...] = ()
    read: Read | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What came of one resource."""

    key: str
    type: str
    outcome: Outcome
    says: str = ""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A property that is not what the graph says."""

    key: str
    property: str
    wanted: str
    found: str


@dataclass(frozen=True)
class Rehearsal:
    """What came of a graph."""

    environment: str
    done: tuple[Done, ...]
    compared: int
    """Properties that were read back."""
    mismatches: tuple[Mismatch, ...]
    stand_ins: int
    """References to what was not created, for which something was made up."""

    def of(self, outcome: Outcome) -> tuple[Done, ...]:
        """Return the resources of which that came."""
        return tuple(one for one in self.done if one.outcome == outcome)

    @property
    def went_well(self) -> bool:
        """Whether nothing failed and everything is as the graph says."""
        return not self.of("failed") and not self.mismatches
