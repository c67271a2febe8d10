"""What a namespace holds of a few kinds, kept up by watches: looking at it costs no request.

In: kinds. Out: their objects as the server told of them last. Those who play a part of a cluster look ten times a
second for what they have to do; asking the server each time would leave the machine no time for what is tested.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from operators.kit.kube import KubeApi, Manifest, Ref
from operators.kit.watches import Watched, Watches


class Mirror:
    """Objects by identity."""

    def __init__(self) -> None:
        self._objects: dict[Ref, Manifest] = {}

    def of(self, kind: str) -> list[Manifest]:
        """Return the objects of a kind."""
        return [manifest for ref, manifest in self._objects.items() if ref.kind == kind]

    def take(self, ref: Ref, manifest: Manifest | None) -> None:
        """Note what has become of an object."""
        if manifest is None:
            self._objects.pop(ref, None)
        else:
            self._objects[ref] = manifest


@asynccontextmanager
async def mirror(api: KubeApi, namespace: str, *kinds: tuple[str, str, str]) -> AsyncIterator[Mirror]:
    """Keep up with kinds (group, version, kind) of a namespace."""
    kept = Mirror()
    watches = Watches(api, kept.take)
    watches.follow([Watched(*kind, namespace=namespace) for kind in kinds])
    try:
        yield kept
    finally:
        await watches.close()
