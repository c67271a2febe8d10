"""One look at an Application: observe → plan → execute → publish, again and again until nothing is left to do.

In: the name of an Application. Out: the seconds until it wants to be looked at again without being woken.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from operators.kit.errors import ApiError, Conflict, Invalid, Retry
from operators.kit.kube import KubeApi, Manifest, Ref

from . import publish, stages
from .context import Context, Done
from .execute import execute
from .kill import KillSwitch
from .live import Live
from .memory import Deps
from .models import REFRESH, Application, parse
from .observe import Observer
from .origin import NotFetchedYet, Origin
from .plan import Plan, plan
from .receipts import Receipts
from .repositories import Repositories
from .roster import Roster
from .scrub import secret_values
from .seen import Seen
from .settings import Settings
from .telling import Teller
from .wishes import asks, was_changed

_ROUNDS = 25
_RESYNC_S = 900.0


@dataclass(frozen=True)
class Services:
    """What the engine works with."""

    api: KubeApi
    origin: Origin
    receipts: Receipts | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    kill: KillSwitch = field(default_factory=KillSwitch)


@dataclass(frozen=True)
class Rooms:
    """The engine's own parts that a look goes through."""

    roster: Roster
    live: Live
    repositories: Repositories
    teller: Teller


class Looker:
    """Looks at Applications, one at a time for each."""

    def __init__(self, services: Services, settings: Settings, rooms: Rooms) -> None:
        self._services = services
        self._settings = settings
        self._rooms = rooms
        self._roster = rooms.roster
        self._observer = Observer(
            Deps(
                services.api,
                rooms.live,
                services.origin,
                settings.rules,
                rooms.roster.__contains__,
                rooms.roster.memos,
                services.now,
            )
        )

    async def look(self, name: str) -> float | None:
        """Work on one Application until nothing is left to do; return the seconds until the next look."""
        for _ in range(_ROUNDS):
            manifest = self._roster.get(name)
            if manifest is None:
                return None
            try:
                app = parse(manifest)
            except Invalid as error:
                if await self._refuse(manifest, error):
                    continue
                return None
            again_s = await self._round(app, manifest)
            if again_s is not None:
                return again_s
        return 1.0

    async def _round(self, app: Application, manifest: Manifest) -> float | None:
        """Observe, plan, execute and publish once; return the seconds until the next look, None for another at once."""
        memo, services = self._roster.memo(app.name), self._services
        if not await self._is_fresh(app):
            return self._settings.troubled_s
        try:
            seen = await self._observer.observe(app, memo)
        except NotFetchedYet:  # the end of the fetch wakes it; a worker that waited would keep others from theirs
            return self._settings.troubled_s
        now = services.now()
        decided = plan(app, seen, now)
        self._rooms.teller.tell(app, seen, decided, now)
        next_look = self._next_look(seen, decided, stages.fair_chance(app, decided, now))
        if not decided.steps:
            memo.outcomes.clear()
            return next_look
        secrets = secret_values(entry.desired for entry in seen.target.objects) if seen.target else frozenset()
        context = Context(services.api, self._rooms.live, manifest, secrets, services.now, services.kill)
        done = await execute(context, decided)
        if done.application is not None:
            self._roster.take(done.application)
        if done.published:
            memo.outcomes.clear()
        memo.outcomes.update(done.outcomes)
        self._rooms.teller.tell_done(app, seen, decided, done)
        if done.changed:
            memo.applied_at = services.now()
        if not done.published:
            await self._reread(manifest)
            raise Retry("the status could not be published", after_s=1.0)
        return next_look if _is_settled(decided, done) and not was_changed(manifest, done.application) else None

    def _next_look(self, seen: Seen, decided: Plan, fair_chance: timedelta | None) -> float:
        """Return the seconds until the next look without being woken: soon where something is wrong."""
        again_s = self._settings.troubled_s if seen.troubles or not seen.complete else _RESYNC_S
        waits = [wait.total_seconds() for wait in (decided.requeue_after, fair_chance) if wait is not None]
        return min([again_s, *waits])

    async def _is_fresh(self, app: Application) -> bool:
        """Answer the refresh annotation: fetch; `hard` forgets what was rendered or failed, and asks discovery anew.

        Return whether the look can go on.
        """
        wish = app.annotation(REFRESH)
        if not wish or app.deleted_at is not None:
            return True
        memo = self._roster.memo(app.name)
        if wish == "hard" and memo.fetching is None:
            memo.built = memo.syncing = None
            memo.fresh = True
            memo.answers.clear()
            with suppress(ApiError):
                await self._services.api.discover(fresh=True)
        if app.spec.source is None or not app.spec.source.repo_url:
            return True
        return await self._rooms.repositories.is_fetched(app.name, app.spec.source.repo_url)

    async def _refuse(self, manifest: Manifest, error: Invalid) -> bool:
        """Tell that an Application cannot be read at all; return whether it was changed meanwhile. Touches nothing."""
        written = await publish.refuse(self._services.api, manifest, error, self._services.now())
        if written is None:
            return False
        self._roster.take(written)
        return asks(written) != asks(manifest)

    async def _reread(self, manifest: Manifest) -> None:
        with suppress(ApiError, Conflict):
            present = await self._services.api.get(Ref.of(manifest))
            if present is None or present["metadata"].get("uid") != manifest["metadata"].get("uid"):
                self._roster.drop(manifest["metadata"]["name"])
            if present is not None:
                self._roster.see(present)


def _is_settled(decided: Plan, done: Done) -> bool:
    """Whether another round would only find what this one left: it wrote nothing but a report."""
    return not done.changed and all(
        type(action).__name__ in ("PatchStatus", "RemoveAnnotation") for action in decided.actions
    )
