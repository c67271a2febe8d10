"""Everything that is known about an Application in one pass, frozen: the input of `plan`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from operators.kit.kube import Manifest, Ref

from .models import ApplicationSource, ResultCode

IN_CLUSTER_SERVER = "https://kubernetes.default.svc"
IN_CLUSTER_NAME = "in-cluster"


@dataclass(frozen=True)
class Rules:
    """What this engine is configured for. Until AppProject is served, these stand in its place."""

    namespace: str = "argocd"
    """Its own namespace: Applications elsewhere are not served, and nothing but Applications is deployed to it."""
    projects: frozenset[str] = frozenset({"default"})
    servers: frozenset[str] = frozenset({IN_CLUSTER_SERVER})
    names: frozenset[str] = frozenset({IN_CLUSTER_NAME})
    destination_namespaces: tuple[str, ...] = ("*",)
    """Globs of namespaces that objects may go to."""
    cluster_objects: bool = True
    """Whether objects without a namespace may be deployed."""
    wave_delay: timedelta = timedelta(seconds=2)
    """After a wave that changed something, before its health counts: controllers need a moment to see the change."""
    deletion_budget: int = 20
    """Automation that would prune more than this, and more than half of an Application, waits for a person."""


@dataclass(frozen=True)
class Compared:
    """One desired object beside the live one."""

    desired: Manifest
    """With namespace and tracking annotation, as it would be applied."""
    live: Manifest | None = None
    differs: bool = True
    fields: tuple[str, ...] = ()
    """Paths that differ, without values."""
    refused: str = ""
    """What the API server said to a dry-run apply, scrubbed; '' where it agreed or was not asked."""
    served: bool = True
    """Whether the API server knows the kind now."""
    shared_with: str = ""
    """Another Application that the live object belongs to."""

    @property
    def ref(self) -> Ref:
        """Its identity."""
        return Ref.of(self.desired)


@dataclass(frozen=True)
class Target:
    """One commit, rendered and compared."""

    revision: str
    source: ApplicationSource
    objects: tuple[Compared, ...] = ()
    source_type: str = "Directory"
    warnings: tuple[tuple[str, str], ...] = ()
    """Condition type and message."""
    blocked: str = ""
    """Why it cannot be deployed although it renders (a hook that is not served)."""
    same_as: frozenset[str] = frozenset()
    """Other commits known to have the same content for this Application."""

    def is_at(self, revision: str) -> bool:
        """Whether a commit is this one as far as this Application goes."""
        return revision == self.revision or revision in self.same_as


@dataclass(frozen=True)
class Trouble:
    """Something that went wrong while looking: it freezes all deletion."""

    condition: Literal["ComparisonError", "InvalidSpecError", "DeletionError"]
    message: str
    file: str = ""
    """In the repository, where known."""
    line: int = 0


@dataclass(frozen=True)
class Outcome:
    """What an executed action came to."""

    ref: Ref
    code: ResultCode
    message: str
    action: str = ""
    """Name of the action's class."""


@dataclass(frozen=True)
class Seen:
    """The state of the world, read in one pass."""

    target: Target | None = None
    """What spec.source asks for; None where it cannot be known."""
    syncing: Target | None = None
    """What the sync under way asks for, where that is another commit than `target`."""
    tracked: tuple[Manifest, ...] = ()
    """All live objects that carry this Application's mark."""
    namespace: Manifest | None = None
    """The live destination namespace; None where it does not exist."""
    troubles: tuple[Trouble, ...] = ()
    complete: bool = True
    """Whether every kind this Application may have objects of was read; only then may anything be deleted."""
    outcomes: tuple[Outcome, ...] = ()
    """Of the actions executed since the status was last published."""
    applied_at: datetime | None = None
    """When the engine last changed something for this Application; None after a restart."""
    rules: Rules = field(default_factory=Rules)
    claims: Mapping[Ref, str] = field(default_factory=dict)
    """Tracked objects that another Application wants now: they have moved there, and are not this one's to delete."""
    unsure: str = ""
    """An Application whose new commit is not rendered yet: it may be about to want what this one has too many."""
    causes: Mapping[Ref, str] = field(default_factory=dict)
    """Why workloads have not become healthy for a while, in their pods' words."""
    ask_again: timedelta | None = None
    """When the pods of workloads that are not healthy are worth a question (again)."""

    @property
    def may_delete(self) -> bool:
        """Whether anything at all may be deleted in this pass."""
        return self.complete and not self.troubles
