"""What people ask of an Application, and whether a new state of it asks for something new. Pure."""

from __future__ import annotations

from operators.kit.kube import Manifest

from .models import REFRESH


def was_changed(before: Manifest, written: Manifest | None) -> bool:
    """Whether the answer to an own write shows a wish that was not there when the look began.

    Its event comes too late to tell: it equals what the answer has already made known.
    """
    if written is None:
        return False
    old, new = asks(_answered(before, written)), asks(written)
    return old[:-1] != new[:-1] or (new[-1] is True and old[-1] is False)


def _answered(before: Manifest, written: Manifest) -> Manifest:
    """Return an Application without the wishes that are gone from it: a write of the engine has taken them away."""
    annotations, left = before["metadata"].get("annotations"), written["metadata"].get("annotations")
    if REFRESH in (annotations or {}) and REFRESH not in (left or {}):
        annotations = {name: value for name, value in annotations.items() if name != REFRESH} or left
    operation = before.get("operation") if "operation" in written else None
    return {**before, "metadata": {**before["metadata"], "annotations": annotations}, "operation": operation}


def is_newer(manifest: Manifest, known: Manifest) -> bool:
    """Whether a state of an Application is newer than another; one of another uid is."""
    one, other = manifest["metadata"], known["metadata"]
    return one.get("uid") != other.get("uid") or int(one["resourceVersion"]) > int(other["resourceVersion"])


def asks(manifest: Manifest) -> tuple[object, ...]:
    """Return the part of an Application in which people ask for something: all but what the engine reports."""
    metadata = manifest["metadata"]
    phase = ((manifest.get("status") or {}).get("operationState") or {}).get("phase")
    return (
        manifest.get("spec"),
        manifest.get("operation"),
        metadata.get("annotations"),
        metadata.get("finalizers"),
        metadata.get("deletionTimestamp"),
        phase == "Terminating",
    )
