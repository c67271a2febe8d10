"""Applications in other namespaces than the engine's: nobody serves them, and each is told so once.

In:  a list of all Applications now and then. Out: a condition in those that nobody has looked at from one list to the
next. Trade-off: another engine's Applications have a status and are left alone, so the word comes a minute late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from operators.kit.errors import ApiError, Conflict, PlatformError
from operators.kit.kube import KubeApi, Manifest, Ref
from operators.kit.logging import get_logger

from .diff import MANAGER
from .models import GROUP, KIND, VERSION, format_time

PERIOD_S = 60.0
log = get_logger("gitops")


class Strangers:
    """Tells Applications elsewhere that they are not served."""

    def __init__(self, api: KubeApi, namespace: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._api = api
        self._namespace = namespace
        self._now = now
        self._waiting: frozenset[str] = frozenset()
        """Ids of those that had no status at the last look."""

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            await asyncio.sleep(PERIOD_S)
            await self.look()

    async def look(self) -> None:
        """Tell those that had no status at the last look and have none now; what cannot be written is logged."""
        try:
            listed = await self._api.list(GROUP, VERSION, KIND)
        except (ApiError, PlatformError) as error:
            log.warning("Applications of other namespaces cannot be listed", reason=str(error))
            return
        found = {
            str(one["metadata"].get("uid")): one
            for one in listed.items
            if one["metadata"].get("namespace") != self._namespace and not one.get("status")
        }
        for uid in sorted(found.keys() & self._waiting):
            await self._tell(found[uid])
        self._waiting = frozenset(found)

    async def _tell(self, manifest: Manifest) -> None:
        ref = Ref.of(manifest)
        text = (
            f"Applications in namespace {ref.namespace} are not served by this engine: create it in {self._namespace}"
        )
        condition = {"type": "InvalidSpecError", "message": text, "lastTransitionTime": format_time(self._now())}
        version = manifest["metadata"].get("resourceVersion")
        body = {"metadata": {"resourceVersion": version}, "status": {"conditions": [condition]}}
        try:
            await self._api.patch(ref, body, field_manager=MANAGER)
        except (ApiError, Conflict, PlatformError) as error:
            log.warning("an Application is not served", application=str(ref), reason=str(error))
