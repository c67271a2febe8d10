"""What the actions of one Application work with, and what they came to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from operators.kit.kube import KubeApi, Manifest, Ref

from .kill import KillSwitch
from .live import Live
from .seen import Outcome


@dataclass
class Done:
    """What executing a plan came to."""

    outcomes: dict[Ref, Outcome] = field(default_factory=dict)
    application: Manifest | None = None
    """As the last write of it returned it."""
    published: bool = True
    """Whether every publication was written."""
    changed: bool = False
    """Whether anything but the Application was written."""


@dataclass(frozen=True)
class Context:
    """What the actions of one Application need."""

    api: KubeApi
    live: Live
    application: Manifest
    secrets: frozenset[str] = frozenset()
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    kill: KillSwitch = field(default_factory=KillSwitch)

    @property
    def name(self) -> str:
        """The Application, for logs."""
        return f"Application {self.application['metadata']['namespace']}/{self.application['metadata']['name']}"
