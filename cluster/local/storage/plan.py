"""Decide what this node's volumes need next.

In:  everything observed (`Seen`). Out: actions in order; none when all is as it should be.
Trade-off: space is promised in full when a volume is made, although its file is sparse. A laptop holds fewer volumes
that way, but none of them meets a full disk below its own size, which a file system answers by shutting down.
"""

from __future__ import annotations

from dataclasses import dataclass

from .models import MIB, MINIMUM, RESERVE, Claim, Image, Seen, Volume

WRITERS = {"ReadWriteOnce", "ReadWriteOncePod"}


@dataclass(frozen=True, slots=True)
class Mount:
    """Mount an image again, after the node or its container was restarted."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Provision:
    """Make image, file system and volume of `size` bytes for a claim."""

    claim: Claim
    size: int
    reason: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Tell the claim's owner why nothing happens; `event` is the Event's reason."""

    claim: Claim
    event: str
    reason: str


@dataclass(frozen=True, slots=True)
class Grow:
    """Grow file, device, file system and volume to `size` bytes, under whatever is mounted."""

    claim: Claim
    size: int
    reason: str


@dataclass(frozen=True, slots=True)
class Record:
    """Write the volume's size into the claim's status, as an external resizer does."""

    claim: Claim
    size: int
    reason: str


@dataclass(frozen=True, slots=True)
class Destroy:
    """Unmount and remove an image and its volume."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Retire:
    """Let a volume go but keep its image aside: its reclaim policy is Retain."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Discard:
    """Remove an image that no volume and no claim names: its making was interrupted and the claim is gone."""

    name: str
    reason: str


Action = Mount | Provision | Refuse | Grow | Record | Destroy | Retire | Discard


def round_size(requested: int) -> int:
    """Return the size a request becomes: whole MiB, not below what XFS needs."""
    return max(MINIMUM, -(-requested // MIB) * MIB)


def plan(seen: Seen) -> tuple[Action, ...]:
    """Return the next steps of this node: first what exists, then what is new, growth last."""
    images = {image.name: image for image in seen.images}
    volumes = {volume.name: volume for volume in seen.volumes}
    actions: list[Action] = []
    for volume in seen.volumes:
        actions += plan_volume(volume, images.get(volume.name))
    waiting = [claim for claim in seen.claims if is_waiting_here(claim, seen.node) and claim.image not in volumes]
    named = {claim.image for claim in seen.claims} | volumes.keys()
    actions += [Discard(name, "no volume and no claim names it") for name in images if name not in named]
    room = seen.free - RESERVE - sum(image.promised for image in seen.images)
    for claim in waiting:
        action, taken = plan_claim(claim, images.get(claim.image), room)
        actions.append(action)
        room -= taken
    for claim in seen.claims:
        if bound := volumes.get(claim.volume):
            steps, taken = plan_growth(claim, bound, images.get(bound.name), room)
            actions += steps
            room -= taken
    return tuple(actions)


def is_waiting_here(claim: Claim, node: str) -> bool:
    """Whether a claim has no volume yet and the scheduler chose this node for it."""
    return claim.node == node and not claim.volume and not claim.deleting


def plan_volume(volume: Volume, image: Image | None) -> list[Action]:
    """Return what an existing volume needs, whatever its claim asks for."""
    let_go = volume.phase in {"Released", "Failed"} or (volume.deleting and volume.phase != "Bound")
    if let_go and volume.reclaim == "Delete":
        return [Destroy(volume.name, "its claim is gone and its reclaim policy is Delete")]
    if let_go and volume.deleting:
        return [Retire(volume.name, f"deleted; its reclaim policy is {volume.reclaim}")]
    if image is not None and not image.mounted:
        return [Mount(volume.name, "not mounted: the node or the provisioner was restarted")]
    return []


def plan_claim(claim: Claim, image: Image | None, room: int) -> tuple[Action, int]:
    """Return the volume a waiting claim gets or why not, and the room that takes."""
    size = round_size(claim.requested)
    if claim.block:
        return Refuse(claim, "ProvisioningFailed", "volumeMode Block is not served here; use Filesystem"), 0
    if claim.data_source:
        return Refuse(claim, "ProvisioningFailed", "dataSource is not served here: there are no snapshots"), 0
    if wrong := [mode for mode in claim.access_modes if mode not in WRITERS]:
        reason = f"access mode {wrong[0]} is not served: the volume lives on one node; use ReadWriteOnce"
        return Refuse(claim, "ProvisioningFailed", reason), 0
    taken = size if image is None else 0
    if taken > room:
        return Refuse(claim, "ProvisioningFailed", too_little(claim.node, size, room)), 0
    return Provision(claim, size, f"a pod on {claim.node} waits for it"), taken


def plan_growth(claim: Claim, volume: Volume, image: Image | None, room: int) -> tuple[list[Action], int]:
    """Return how a bound claim comes to the size it asks for, and the room that takes."""
    if volume.claim_uid != claim.uid or volume.phase != "Bound" or claim.deleting or volume.deleting:
        return [], 0
    size = round_size(claim.requested)
    if size > volume.size:
        taken = max(0, size - (image.size if image else volume.size))
        if taken > room:
            return [Refuse(claim, "VolumeResizeFailed", too_little(claim.node, taken, room))], 0
        return [Grow(claim, size, f"the claim asks for {size // MIB} MiB, the volume has {volume.size // MIB}")], taken
    if 0 < claim.capacity < volume.size or claim.conditions:
        return [Record(claim, volume.size, f"the volume has {volume.size // MIB} MiB")], 0
    return [], 0


def too_little(node: str, wanted: int, room: int) -> str:
    """Say how much is missing, in the words of the owner of the disk."""
    return (
        f"the disk of node {node} has room for {max(0, room) // MIB} MiB more in volumes, "
        f"{wanted // MIB} MiB are needed: free disk space or delete volumes"
    )
