"""Whether the watch of Applications keeps up: what a list shows must have come as an event.

In:  every event that kopf delivers, and a list of the Applications now and then. Out: since when one is missing.
kopf tells neither of bookmarks nor of a watcher task that has died (its process goes on), and a quiet watch is no sick
one: so it is judged by what it owes. Trade-off: a watch that died is found at the next change only, when it matters.
"""

from __future__ import annotations

import asyncio

from operators.kit.errors import ApiError, PlatformError
from operators.kit.kube import KubeApi, Manifest
from operators.kit.logging import get_logger

from .models import GROUP, KIND, VERSION

PERIOD_S = 30.0
log = get_logger("gitops")


class Witness:
    """Compares what was heard with what is there."""

    def __init__(self, api: KubeApi, namespace: str) -> None:
        self._api = api
        self._namespace = namespace
        self._heard: dict[str, tuple[str, int]] = {}
        self._missing_since: dict[str, float] = {}

    def heard(self, manifest: Manifest) -> None:
        """An event told of an Application."""
        metadata = manifest["metadata"]
        self._heard[metadata["name"]] = _state(manifest)
        self._missing_since.pop(metadata["name"], None)

    def heard_gone(self, name: str) -> None:
        """An event told of the end of an Application."""
        self._heard.pop(name, None)
        self._missing_since.pop(name, None)

    def silent_s(self) -> float:
        """Return for how long an event is overdue; 0 where none is."""
        return max((_now() - since for since in self._missing_since.values()), default=0.0)

    async def run(self) -> None:
        """Compare now and then, until cancelled."""
        while True:
            await asyncio.sleep(PERIOD_S)
            await self.compare()

    async def compare(self) -> None:
        """Note which Applications the watch is behind with; a list that fails proves nothing."""
        try:
            listed = await self._api.list(GROUP, VERSION, KIND, namespace=self._namespace)
        except (ApiError, PlatformError) as error:
            log.warning("Applications cannot be listed", reason=str(error))
            return
        present = {manifest["metadata"]["name"]: _state(manifest) for manifest in listed.items}
        missing = {name for name, state in present.items() if not self._knows(name, state)}
        # What vanished and was not heard of; what was heard of after the list was made is no loss.
        listed_at = int(listed.resource_version or 0)
        missing |= {name for name, (_, version) in self._heard.items() if name not in present and version <= listed_at}
        self._missing_since = {name: self._missing_since.get(name, _now()) for name in missing}
        if missing:
            log.warning("the watch of Applications is behind", applications=sorted(missing)[:5], count=len(missing))

    def _knows(self, name: str, state: tuple[str, int]) -> bool:
        uid, version = self._heard.get(name, ("", -1))
        return uid == state[0] and version >= state[1]


def _state(manifest: Manifest) -> tuple[str, int]:
    """Identity and age; resource versions count up (KEP-5504)."""
    metadata = manifest["metadata"]
    return str(metadata.get("uid") or ""), int(metadata["resourceVersion"])


def _now() -> float:
    return asyncio.get_running_loop().time()
