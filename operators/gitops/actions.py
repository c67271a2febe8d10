"""What the engine can do, as values: a plan is made of these, and `execute` has one function for each.

Every action says why. `ACTION_TYPES` is the register from which tests derive their kill points.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from operators.kit.kube import Manifest, Propagation, Ref


@dataclass(frozen=True)
class CreateNamespace:
    """Make the destination namespace, or set its managed labels and annotations."""

    name: str
    reason: str
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MigrateFields:
    """Take over the fields that `kubectl apply` owns, so that removing one from Git removes it from the object."""

    ref: Ref
    reason: str
    manager: str = "kubectl-client-side-apply"


@dataclass(frozen=True)
class ApplyObject:
    """Server-side apply."""

    manifest: Manifest
    reason: str
    validate: bool = True


@dataclass(frozen=True)
class ReplaceObject:
    """Replace the whole object; with `recreate`, delete it (this very one, by uid) and make it anew."""

    manifest: Manifest
    reason: str
    uid: str = ""
    recreate: bool = False


@dataclass(frozen=True)
class PruneObject:
    """Delete an object that left Git; `uid` is the one that was seen, another one of that name is left alone."""

    ref: Ref
    uid: str
    reason: str
    propagation: Propagation = "Foreground"


@dataclass(frozen=True)
class DeleteObject:
    """Delete an object because its Application is deleted."""

    ref: Ref
    uid: str
    reason: str
    propagation: Propagation = "Foreground"


@dataclass(frozen=True)
class RemoveFinalizer:
    """Let a deleted Application go."""

    finalizers: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class RemoveAnnotation:
    """Take an annotation off the Application: it was a request and is answered."""

    name: str
    reason: str


@dataclass(frozen=True)
class StartOperation:
    """Publish that a sync begins; takes the `operation` field away where it came from there."""

    patch: Mapping[str, Any]
    reason: str
    takes_field: bool = False


@dataclass(frozen=True)
class FinishOperation:
    """Publish how a sync ended; also one that began in the same look."""

    patch: Mapping[str, Any]
    reason: str
    takes_field: bool = False


@dataclass(frozen=True)
class PatchStatus:
    """Publish any other change of status."""

    patch: Mapping[str, Any]
    reason: str


@dataclass(frozen=True)
class Emit:
    """Write a Kubernetes Event about the Application."""

    type: Literal["Normal", "Warning"]
    event: str
    reason: str


Action = (
    CreateNamespace
    | MigrateFields
    | ApplyObject
    | ReplaceObject
    | PruneObject
    | DeleteObject
    | RemoveFinalizer
    | RemoveAnnotation
    | StartOperation
    | FinishOperation
    | PatchStatus
    | Emit
)
ACTION_TYPES: tuple[type[Action], ...] = (
    CreateNamespace,
    MigrateFields,
    ApplyObject,
    ReplaceObject,
    PruneObject,
    DeleteObject,
    RemoveFinalizer,
    RemoveAnnotation,
    StartOperation,
    FinishOperation,
    PatchStatus,
    Emit,
)
DELETIONS = (PruneObject, DeleteObject)
PUBLICATIONS = (StartOperation, FinishOperation, PatchStatus, RemoveAnnotation)
