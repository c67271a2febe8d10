"""What a check of soundness says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cluster.controls.facts import Facts


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """Something that would not work."""

    resource: str
    """Key of the resource."""
    says: str

    def __str__(self) -> str:
        return f"{self.resource} {self.says}"


Faults = Iterator[Fault]
Check = Callable[[Facts], Faults]
