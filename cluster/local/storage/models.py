"""What the provisioner sees: claims and volumes from the API, images from the node's disk. All sizes are bytes."""

from __future__ import annotations

from dataclasses import dataclass

PROVISIONER = "local.automatrix.dev/loop"
FINALIZER = "local.automatrix.dev/loop"
NODE_LABEL = "local.automatrix.dev/node"
MIB = 1024 * 1024
MINIMUM = 300 * MIB
"""mkfs.xfs refuses anything smaller; a smaller claim gets a volume of this size."""
RESERVE = 2 * 1024 * MIB
"""Never promised to a volume: the node's own images, logs and the engine live on the same disk."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A PersistentVolumeClaim of a class of ours."""

    namespace: str
    name: str
    uid: str
    storage_class: str
    reclaim: str
    """The class's reclaim policy, given to the volume."""
    requested: int
    capacity: int = 0
    """status.capacity; 0 while unbound."""
    volume: str = ""
    node: str = ""
    """The node the scheduler selected; empty until a pod wants the claim."""
    deleting: bool = False
    access_modes: tuple[str, ...] = ("ReadWriteOnce",)
    block: bool = False
    data_source: bool = False
    conditions: frozenset[str] = frozenset()
    """Types of its true conditions that speak of resizing."""

    @property
    def image(self) -> str:
        """The name of its volume and image, as every provisioner forms it."""
        return f"pvc-{self.uid}"


@dataclass(frozen=True, slots=True)
class Volume:
    """A PersistentVolume of ours on this node."""

    name: str
    size: int
    phase: str
    reclaim: str
    claim_uid: str = ""
    deleting: bool = False


@dataclass(frozen=True, slots=True)
class Image:
    """A file on this node's disk; `promised` is how much more of the disk it may yet take."""

    name: str
    size: int
    promised: int
    mounted: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything one pass decides from."""

    node: str
    claims: tuple[Claim, ...] = ()
    volumes: tuple[Volume, ...] = ()
    images: tuple[Image, ...] = ()
    free: int = 0
    """Free space of the disk under the images, before what they are yet promised."""
