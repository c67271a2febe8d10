"""Remember what was rendered, by content.

Kept in memory only and packed: manifests can hold Secrets, which never go to disk. Each answer is unpacked anew, so
that nobody shares objects with the cache. Bounded in bytes; the longest unused goes first.
"""

from __future__ import annotations

import json
import time
import zlib
from collections import OrderedDict

from operators.gitops.sources import SourceError
from operators.kit.kube import Manifest

BYTES = 8 << 20
FAILURES = 500
FAILURE_S = 600.0
"""For so long a source that cannot be rendered is not tried again with equal content: a template that never ends
would otherwise take a processor at every look."""


class RenderCache:
    """Manifests and what was unsupported, by key."""

    def __init__(self, most_bytes: int = BYTES) -> None:
        self._most_bytes = most_bytes
        self._packed: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._failures: OrderedDict[str, tuple[float, SourceError]] = OrderedDict()

    def get(self, key: str) -> tuple[list[Manifest], list[str]] | None:
        """What was put there; None where it is not known (any more). Raises what was put there as a failure."""
        if key in self._failures:
            at, failure = self._failures[key]
            if time.monotonic() - at < FAILURE_S:
                raise failure.again()
            del self._failures[key]
        packed = self._packed.get(key)
        if packed is None:
            return None
        self._packed.move_to_end(key)
        manifests, unsupported = json.loads(zlib.decompress(packed))
        return manifests, unsupported

    def put(self, key: str, manifests: list[Manifest], unsupported: list[str]) -> None:
        """Remember; what is larger than the whole cache is not kept."""
        packed = zlib.compress(json.dumps([manifests, unsupported], separators=(",", ":")).encode(), level=1)
        self._failures.pop(key, None)
        self._bytes += len(packed) - len(self._packed.pop(key, b""))
        self._packed[key] = packed
        while self._bytes > self._most_bytes:
            _, dropped = self._packed.popitem(last=False)
            self._bytes -= len(dropped)

    def put_failure(self, key: str, failure: SourceError) -> None:
        """Remember a failure for a while; one that may pass by itself is not remembered."""
        if not failure.transient:
            self._failures[key] = (time.monotonic(), failure)
            while len(self._failures) > FAILURES:
                self._failures.popitem(last=False)

    def __len__(self) -> int:
        """How many results are kept."""
        return len(self._packed)
