"""The checks of `amx doctor`, one function each: of the host, of every node, of the platform.

Every check looks for itself, so that one cause shows where it is and not only where it hurts. The command it names can
be pasted as it is: kubectl lies in the cache, and the platform's own engine is not where docker looks by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cluster.local import invocation
from cluster.local.engine import Engine
from cluster.local.kind import Node
from cluster.local.kubectl import Kubectl, Manifest
from cluster.local.settings import Settings


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at; `problem` is empty when it is well, else `command` mends it or leads on."""

    name: str
    problem: str = ""
    command: str = ""

    @property
    def ok(self) -> bool:
        """Whether it is well."""
        return not self.problem


@dataclass(frozen=True, slots=True)
class Patient:
    """A cluster whose API server answers."""

    settings: Settings
    engine: Engine
    kubectl: Kubectl
    nodes: list[Node]

    @property
    def up(self) -> str:
        """The command that brings up, or up to date, what is missing."""
        return invocation.amx(self.settings, "up")

    def command(self, *arguments: str) -> str:
        """Return a kubectl command to paste."""
        return invocation.paste(self.kubectl.argv(*arguments))


def condition(item: Manifest, kind_of: str) -> dict[str, Any]:
    """Return a status condition by its type; empty when there is none."""
    conditions = (item.get("status") or {}).get("conditions") or ()
    return next((one for one in conditions if one["type"] == kind_of), {})
