"""Whether kopf's watch of Canaries keeps up: what a list shows must have come as an event.

In:  every event that kopf delivers, and a list now and then. Out: since when one is missing.
kopf tells neither of bookmarks nor of a watcher that has died, and a quiet watch is no sick one: so it is judged by
what it owes.
"""

from __future__ import annotations

import asyncio

from operators.kit.errors import PlatformError
from operators.kit.kube import KubeApi, Manifest, Ref
from operators.kit.logging import get_logger

from .models import GROUP, KIND, VERSION

PERIOD_S = 30.0
log = get_logger("canary-operator")


class Witness:
    """Compares what was heard with what is there."""

    def __init__(self, api: KubeApi, namespaces: tuple[str, ...]) -> None:
        self._api = api
        self._namespaces = namespaces or ("",)
        self._heard: dict[Ref, int] = {}
        self._missing_since: dict[Ref, float] = {}

    def heard(self, manifest: Manifest) -> None:
        """An event told of a Canary."""
        self._heard[Ref.of(manifest)] = _version(manifest)
        self._missing_since.pop(Ref.of(manifest), None)

    def heard_gone(self, manifest: Manifest) -> None:
        """An event told of the end of a Canary."""
        self._heard.pop(Ref.of(manifest), None)
        self._missing_since.pop(Ref.of(manifest), None)

    def silent_s(self) -> float:
        """Return for how long an event is overdue; 0 where none is."""
        return max((_now() - since for since in self._missing_since.values()), default=0.0)

    async def run(self) -> None:
        """Compare now and then, until cancelled."""
        while True:
            await asyncio.sleep(PERIOD_S)
            await self.compare()

    async def compare(self) -> None:
        """Note which Canaries the watch is behind with; a list that fails proves nothing."""
        missing: set[Ref] = set()
        try:
            for namespace in self._namespaces:
                missing |= await self._missing(namespace)
        except PlatformError as error:
            log.warning("Canaries cannot be listed", reason=str(error))
            return
        self._missing_since = {ref: self._missing_since.get(ref, _now()) for ref in missing}
        if missing:
            log.warning("the watch of Canaries is behind", count=len(missing), canaries=[*map(str, missing)][:5])

    async def _missing(self, namespace: str) -> set[Ref]:
        listed = await self._api.list(GROUP, VERSION, KIND, namespace=namespace)
        present = {Ref.of(manifest): _version(manifest) for manifest in listed.items}
        behind = {ref for ref, version in present.items() if self._heard.get(ref, -1) < version}
        listed_at = int(listed.resource_version or 0)
        mine = {ref: version for ref, version in self._heard.items() if not namespace or ref.namespace == namespace}
        return behind | {ref for ref, version in mine.items() if ref not in present and version <= listed_at}


def _version(manifest: Manifest) -> int:
    """Age; resource versions count up (KEP-5504)."""
    return int(manifest["metadata"]["resourceVersion"])


def _now() -> float:
    return asyncio.get_running_loop().time()
