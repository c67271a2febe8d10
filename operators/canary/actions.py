"""What the operator can do, as values: a plan is made of these, and `execute` has one function for each.

Every action says why. `ACTION_TYPES` is the register from which tests derive their kill points.
A manifest in an action is what is applied; what has to be unchanged since it was seen goes with its resourceVersion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from operators.kit.kube import Manifest, Ref

from .terms import Slot


@dataclass(frozen=True)
class AddFinalizer:
    """Keep the Canary from going before it has given back what it took."""

    reason: str


@dataclass(frozen=True)
class RemoveFinalizer:
    """Let the Canary go."""

    reason: str


@dataclass(frozen=True)
class SetCapacity:
    """Write `spec.replicas` of the Canary, which had none."""

    replicas: int
    reason: str


@dataclass(frozen=True)
class CopyConfig:
    """Make an immutable copy of a ConfigMap or Secret; `source` is read again: no Secret's data is in a plan."""

    source: Ref
    name: str
    hash: str
    """What the source's contents must still be."""
    reason: str


@dataclass(frozen=True)
class RemoveCopy:
    """Delete a copy that no slot refers to any more."""

    ref: Ref
    reason: str


@dataclass(frozen=True)
class FillSlot:
    """Make a slot's Deployment, or have it run another revision."""

    slot: Slot
    manifest: Manifest
    reason: str


@dataclass(frozen=True)
class ScaleSlot:
    """Change how many pods a slot has, if it is still as it was seen."""

    slot: Slot
    ref: Ref
    replicas: int
    resource_version: str
    reason: str


@dataclass(frozen=True)
class ApplySlotService:
    """Make a slot's Service, or mend it."""

    slot: Slot
    manifest: Manifest
    reason: str


@dataclass(frozen=True)
class SwitchApex:
    """Make the Service of the Canary's name select a slot, adopting it where it was somebody else's."""

    manifest: Manifest
    resource_version: str
    """'' where it does not exist yet."""
    reason: str


@dataclass(frozen=True)
class WriteRoute:
    """Replace the spec of the own HTTPRoute (or make it), if it is still as it was seen."""

    manifest: Manifest
    resource_version: str
    """'' where it does not exist yet."""
    reason: str


@dataclass(frozen=True)
class PatchRoute:
    """Change the own backends of somebody else's HTTPRoute; each operation stands under a `test` of what was seen."""

    ref: Ref
    patch: tuple[dict[str, Any], ...]
    reason: str


@dataclass(frozen=True)
class ScaleTemplate:
    """Change how many pods the template has, if it is still as it was seen."""

    ref: Ref
    replicas: int
    resource_version: str
    reason: str


@dataclass(frozen=True)
class RestoreTemplate:
    """Give the Deployment stable's pod template back, in place of one that has failed."""

    manifest: Manifest
    reason: str


@dataclass(frozen=True)
class ReleaseObject:
    """Give an object back that was taken over: `patch` takes the Canary's mark off and lays what it was over it."""

    ref: Ref
    patch: Manifest
    reason: str


@dataclass(frozen=True)
class RemoveObject:
    """Delete an object of the Canary's own: a slot's, or what led to it where there is nothing left to lead to."""

    ref: Ref
    uid: str
    reason: str


@dataclass(frozen=True)
class RunJob:
    """Start a gate's Job; one of that name is left as it is."""

    manifest: Manifest
    reason: str


@dataclass(frozen=True)
class Emit:
    """Tell of a turn in a release as a Kubernetes Event."""

    type: str
    """Normal or Warning."""
    event: str
    reason: str


Action = (
    AddFinalizer
    | RemoveFinalizer
    | SetCapacity
    | CopyConfig
    | RemoveCopy
    | FillSlot
    | ScaleSlot
    | ApplySlotService
    | SwitchApex
    | WriteRoute
    | PatchRoute
    | ScaleTemplate
    | RestoreTemplate
    | ReleaseObject
    | RemoveObject
    | RunJob
    | Emit
)
ACTION_TYPES: tuple[type[Action], ...] = get_args(Action)
