"""Notice changes of Secrets, which are not watched: a watch would take the right to list all of them.

In:  which version of which Secret each Canary's last look has read. Out: a wake-up of the Canaries whose version is not
the one that is there now. Each Secret is read once a minute, by its name and one at a time.
Trade-off: a change is seen up to a minute late; a slow API server makes that longer, and gets no more requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from operators.kit.errors import PlatformError
from operators.kit.kube import KubeApi, Manifest, Ref
from operators.kit.logging import get_logger

PERIOD_S = 60.0
_TICK_S = 1.0
log = get_logger("canary-operator")


class Unwatched:
    """Compares what was read with what is there; `run` it for as long as anybody is served."""

    def __init__(self, api: KubeApi, wake: Callable[[Ref], None], period_s: float = PERIOD_S) -> None:
        self._api = api
        self._wake = wake
        self._period_s = period_s
        self._read: dict[Ref, Mapping[Ref, str]] = {}
        self._readers: dict[Ref, set[Ref]] = {}
        self._due: dict[Ref, float] = {}
        """When each is read next, the earliest first: all have the same period, and new ones come last."""

    def note(self, canary: Ref, versions: Mapping[Ref, str]) -> None:
        """Remember what a look has read, in place of the look before; nothing for a Canary that is gone."""
        for ref in self._read.pop(canary, {}).keys() - versions.keys():
            self._readers[ref].discard(canary)
            if not self._readers[ref]:
                del self._readers[ref], self._due[ref]
        for ref in versions:
            self._readers.setdefault(ref, set()).add(canary)
            self._due.setdefault(ref, _now() + self._period_s)
        if versions:
            self._read[canary] = versions

    async def run(self) -> None:
        """Read whatever is due, until cancelled."""
        while True:
            ref, due = next(iter(self._due.items()), (None, 0.0))
            wait_s = due - _now()
            if ref is None or wait_s > 0:
                await asyncio.sleep(_TICK_S if ref is None else min(wait_s, _TICK_S))
                continue
            del self._due[ref]
            self._due[ref] = _now() + self._period_s
            await self._compare(ref)

    async def _compare(self, ref: Ref) -> None:
        try:
            version = version_of(await self._api.get(ref))
        except PlatformError as error:  # not known is not changed
            log.warning("a Secret cannot be read", object=str(ref), reason=str(error))
            return
        for canary in self._readers.get(ref, ()):
            if self._read[canary][ref] != version:
                self._wake(canary)


def version_of(manifest: Manifest | None) -> str:
    """Return what differs whenever the object does; nothing where it is not there."""
    return "" if manifest is None else str(manifest["metadata"]["resourceVersion"])


def _now() -> float:
    return asyncio.get_running_loop().time()
