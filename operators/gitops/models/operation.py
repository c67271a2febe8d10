"""A sync that somebody asked for: the top-level `operation` field, written by kubectl or by automation."""

from __future__ import annotations

from typing import Annotated

from .base import Items, Model
from .source import ApplicationSource
from .spec import Info, Retry


class SyncResource(Model):
    """One object of a selective sync."""

    group: str = ""
    """API group."""
    kind: str = ""
    """Kind."""
    name: str = ""
    """Name."""
    namespace: str = ""
    """Namespace; empty matches any."""


class StrategyOptions(Model):
    """Options of one way to sync."""

    force: bool = False
    """As the sync option Force=true."""


class SyncStrategy(Model):
    """How to sync; both ways are the same here, for hooks are not served yet."""

    apply: StrategyOptions | None = None
    """Without hooks."""
    hook: StrategyOptions | None = None
    """With hooks."""

    @property
    def force(self) -> bool:
        """Whether either way asks for it."""
        return any(way is not None and way.force for way in (self.apply, self.hook))


class SyncOperation(Model):
    """What to sync."""

    revision: str = ""
    """Commit, branch or tag; empty is the Application's own target."""
    prune: bool = False
    """Delete objects that left Git."""
    dry_run: bool = False
    """Only try; write nothing."""
    resources: Annotated[tuple[SyncResource, ...], Items] = ()
    """Only these objects; empty is all."""
    sync_options: Annotated[tuple[str, ...], Items] = ()
    """Options for this sync, as `Name=value`."""
    sync_strategy: SyncStrategy | None = None
    """Argo CD's clients send it; only its `force` matters here."""
    source: ApplicationSource | None = None
    """Sync from here instead of `spec.source` (used for a roll-back)."""
    auto_heal_attempts_count: int | None = None
    """How many times in a row this was a repair of drift."""


class InitiatedBy(Model):
    """Who asked."""

    username: str = ""
    """A person or program."""
    automated: bool = False
    """The engine itself."""


class Operation(Model):
    """A sync that is asked for. The engine removes the field when it takes the work up."""

    sync: SyncOperation | None = None
    """What to sync."""
    initiated_by: InitiatedBy | None = None
    """Who asked."""
    retry: Retry | None = None
    """What to do when it fails."""
    info: Annotated[tuple[Info, ...], Items] = ()
    """Notes for readers."""
