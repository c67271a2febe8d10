"""The engine put together: which Application is looked at when.

In: events of Applications and of their objects, announcements of pushes, the poll timer. Out: looks (`look`), one at a
time for each Application. The roster knows the Applications, `repositories` what a push touches, `telling` what a
receipt is told.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

from operators.kit.errors import PlatformError
from operators.kit.logging import get_logger
from operators.kit.queue import WorkQueue

from . import mishaps
from .live import Live
from .look import Looker, Rooms, Services
from .memory import Urgency
from .models import GROUP, KIND, VERSION
from .repositories import Repositories
from .roster import Roster
from .settings import Settings
from .telling import Teller

__all__ = ["Engine", "Services"]

log = get_logger("gitops")


class Engine:
    """Serves the Applications of one namespace; events go to `roster`, pushes to `repositories`."""

    def __init__(self, services: Services, settings: Settings) -> None:
        self._api = services.api
        self._settings = settings
        self.queue: WorkQueue[str] = WorkQueue("gitops", self._look, workers=settings.workers, on_error=_complain)
        self.roster = Roster(self._look_soon, self._gone)
        self._teller = Teller(services.receipts, self.roster, self.queue)
        self.repositories = Repositories(services.origin, self.roster, self.queue, self._teller)
        self.live = Live(services.api, self._object_changed)
        rooms = Rooms(self.roster, self.live, self.repositories, self._teller)
        self._looker = Looker(services, settings, rooms)

    async def poll(self) -> None:
        """Look at all repositories now and then, until cancelled: webhooks can be lost."""
        while True:
            jitter = random.uniform(0, self._settings.poll_jitter_s)  # noqa: S311 - spreads load
            await asyncio.sleep(self._settings.poll_s + jitter)
            with suppress(PlatformError):
                await self.relist()
                await self.repositories.forget_unnamed()
            await self.repositories.examine_all()

    async def relist(self) -> None:
        """Compare the known Applications with those that exist: an event that was missed is no loss for long."""
        known = self.roster.all()
        listed = await self._api.list(GROUP, VERSION, KIND, namespace=self._settings.namespace)
        self.roster.compare(listed.items, known)

    def silent_s(self) -> float:
        """Return how long the quietest watch has not been heard of; endless where one has died."""
        return self.live.silent_s()

    async def close(self) -> None:
        """Finish what runs and end the watches."""
        await self.queue.close()
        await self.repositories.close()
        await self.live.close()

    async def _look(self, name: str) -> float | None:
        return await self._looker.look(name)

    def _look_soon(self, name: str) -> None:
        self.queue.add(name, priority=Urgency.EVENT)

    def _object_changed(self, application: str) -> None:
        if application in self.roster:
            self._look_soon(application)

    def _gone(self, name: str) -> None:
        self.queue.forget(name)
        self._teller.gone(name)


def _complain(name: str, error: Exception, retry_s: float) -> None:
    if isinstance(error, PlatformError):
        log.warning("will look again", object=f"Application {name}", reason=str(error), wait_s=round(retry_s, 1))
    else:
        mishaps.note("look failed", error, object=f"Application {name}", wait_s=round(retry_s, 1))
