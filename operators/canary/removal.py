"""Taking away an object that is the Canary's own. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from operators.kit.kube import Manifest, Ref

from .actions import RemoveObject
from .models import Canary
from .names import is_ours


def remove(canary: Canary, ref: Ref, live: Manifest | None, why: str) -> Iterator[RemoveObject]:
    """Yield its removal; nothing where it is not there, somebody else's, or going already."""
    if live is not None and is_ours(canary, live) and "deletionTimestamp" not in live["metadata"]:
        yield RemoveObject(ref, live["metadata"]["uid"], why)
