"""The loop: which Application is looked at when, and what is remembered between looks.

In: events of Applications and of their objects, announcements of pushes, the poll timer. Out: looks, one at a time for
each Application: observe → plan → execute → publish, again and again until nothing is left to do.
A push fetches once, and only Applications whose files it touched are rendered; the others learn the new commit later.
"""

from __future__ import annotations

import asyncio
import random
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from operators.kit.errors import ApiError, Conflict, Invalid, PlatformError, Retry
from operators.kit.kube import KubeApi, Manifest, Ref
from operators.kit.logging import get_logger
from operators.kit.queue import WorkQueue

from . import conditions, execute, stages, touching, tracking
from .context import Context, Done
from .kill import KillSwitch
from .live import Live
from .memory import Deps, Memo
from .models import GROUP, KIND, REFRESH, VERSION, Application, ApplicationSource, ApplicationStatus, parse
from .observe import Observer
from .origin import NotFetchedYet, Origin
from .plan import Plan, plan
from .receipts import Receipts, Removed
from .scrub import secret_values
from .seen import Seen
from .settings import Settings
from .sources import SourceError
from .statuspatch import merge_patch
from .webhook import Push, url_key
from .wishes import asks, is_newer, was_changed

_ROUNDS = 25
_TOUCHED, _EVENT, _UNTOUCHED = 0, 5, 20
_UNTOUCHED_AFTER_S = 20.0
_RESYNC_S = 900.0
_PATIENCE_S = 1.0
"""For so long a look waits for a fetch that was asked for by annotation; then the end of the fetch wakes it."""
_DUE_S = 30.0
"""For so long at most others wait with pruning for an Application to render what was pushed."""
log = get_logger("gitops")


@dataclass(frozen=True)
class Services:
    """What the engine works with."""

    api: KubeApi
    origin: Origin
    receipts: Receipts | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    kill: KillSwitch = field(default_factory=KillSwitch)


class Engine:
    """Serves the Applications of one namespace."""

    def __init__(self, services: Services, settings: Settings) -> None:
        self._services = services
        self._settings = settings
        self._applications: dict[str, Manifest] = {}
        self._memos: dict[str, Memo] = {}
        self._expected: dict[str, str] = {}
        self._held: dict[str, set[str]] = {}
        """By Application, those of its children whose failure is not told before it was applied."""
        self._tasks: set[asyncio.Task[None]] = set()
        services.origin.on_fetched(lambda url: self._look_soon(self._sources(url), _EVENT))
        self.live = Live(services.api, self._object_changed)
        deps = Deps(
            services.api, self.live, services.origin, settings.rules, self._applications.__contains__, self._memos
        )
        self._observer = Observer(deps)
        self.queue: WorkQueue[str] = WorkQueue("gitops", self.look, workers=settings.workers, on_error=_complain)

    # -- what comes in ---------------------------------------------------------------------------------------------

    def application_changed(self, manifest: Manifest) -> None:
        """An Application was seen (again)."""
        name = manifest["metadata"]["name"]
        known = self._applications.get(name)
        if known is not None and not is_newer(manifest, known):
            return
        self._applications[name] = manifest
        if known is None or asks(manifest) != asks(known):
            self.queue.add(name, priority=_EVENT)

    def application_gone(self, name: str) -> None:
        """An Application does not exist any more."""
        self._applications.pop(name, None)
        self._memos.pop(name, None)
        self._expected.pop(name, None)
        self.queue.forget(name)
        if self._services.receipts is not None:
            self._services.receipts.gone(name)

    def pushed(self, key: str, ref: str, _before: str, after: str) -> None:
        """Somebody pushed to a repository (`key` is its `webhook.url_key`): look at it now. Does not block."""
        for url in {url for url in self._repositories() if url_key(url) == key}:
            self._spawn(self.examine(url, after, ref), f"examine {key}")

    def tracks(self, push: Push) -> bool:
        """Whether an Application follows a repository that was pushed to."""
        return not self._applications or any(url_key(url) in push.keys for url in self._repositories())

    async def examine(self, repo_url: str, announced: str = "", ref: str = "") -> None:
        """Fetch a repository and look at the Applications whose files have changed; never raises.

        `announced` is the commit of a push, `ref` where it was pushed to.
        """
        try:
            await self._examine(repo_url, announced, ref)
        except Exception as error:  # noqa: BLE001 - one repository must not stop the others
            _complain_of(repo_url, error)
            self._look_soon(self._sources(repo_url), _EVENT)

    async def _examine(self, repo_url: str, announced: str, ref: str) -> None:
        sources = self._sources(repo_url)
        try:
            await self._services.origin.refresh(repo_url)
        except SourceError as error:
            log.warning("repository out of reach", repository=url_key(repo_url), reason=str(error))
            self._look_soon(sources, _EVENT)
            return
        touched = await touching.revisions(self._services.origin, sources, {name: self._memo(name) for name in sources})
        names = sorted(name for name, revision in touched.items() if revision)
        if announced and self._services.receipts is not None:
            own = [name for name in names if touched[name] == announced]
            past = [name for name in names if len(touched[name]) == len(announced) and name not in own]
            past = [name for name in past if await self._would_touch(name, sources[name], announced, ref)]
            overtaken = {name: touched[name] for name in past}
            unchanged = len(sources) - len(own) - len(past)
            awaited = self._services.receipts.expect(announced, own, unchanged, overtaken=overtaken)
            self._expected.update(dict.fromkeys(awaited, announced))
        due_until = asyncio.get_running_loop().time() + _DUE_S
        for name in names:
            self._memo(name).due_until = due_until
        self._look_soon(names, _TOUCHED)
        for name in sources.keys() - set(names):
            built = self._memo(name).built
            if built is not None:
                spread_s = random.uniform(1, 2)  # noqa: S311 - spreads load
                self.queue.add(name, priority=_UNTOUCHED, after_s=_UNTOUCHED_AFTER_S * spread_s)

    async def poll(self) -> None:
        """Look at all repositories now and then, until cancelled: webhooks can be lost."""
        while True:
            jitter = random.uniform(0, self._settings.poll_jitter_s)  # noqa: S311 - spreads load
            await asyncio.sleep(self._settings.poll_s + jitter)
            with suppress(PlatformError):
                await self.relist()
            await asyncio.gather(*(self.examine(url) for url in sorted(self._repositories())))

    async def relist(self) -> None:
        """Compare the known Applications with those that exist: an event that was missed is no loss for long."""
        known = dict(self._applications)
        listed = await self._services.api.list(GROUP, VERSION, KIND, namespace=self._settings.namespace)
        present = {manifest["metadata"]["name"]: manifest for manifest in listed.items}
        for name in known.keys() | present.keys():
            if self._applications.get(name) is not known.get(name):
                continue  # an event was faster
            found = present.get(name)
            is_other = found is None or found["metadata"].get("uid") != known.get(name, found)["metadata"].get("uid")
            if name in known and is_other:
                self.application_gone(name)
            if found is not None:
                self.application_changed(found)

    def silent_s(self) -> float:
        """Return how long the quietest watch has not been heard of; endless where one has died."""
        return self.live.silent_s()

    async def close(self) -> None:
        """Finish what runs and end the watches."""
        await self.queue.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.live.close()

    # -- one look --------------------------------------------------------------------------------------------------

    async def look(self, name: str) -> float | None:
        """Work on one Application until nothing is left to do; return the seconds until the next look."""
        for _ in range(_ROUNDS):
            manifest = self._applications.get(name)
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
        """Observe, plan and execute once; return the seconds until the next look, None for another round at once."""
        memo = self._memo(app.name)
        if not await self._refresh(app):
            return self._settings.troubled_s
        try:
            seen = await self._observer.observe(app, memo)
        except NotFetchedYet:
            return (
                self._settings.troubled_s
            )  # the end of the fetch wakes it; a worker that waited would keep others from theirs
        now = self._services.now()
        decided = plan(app, seen, now)
        self._tell(app, seen, decided, now)
        next_look = self._next_look(seen, decided, stages.fair_chance(app, decided, now))
        if not decided.steps:
            memo.outcomes.clear()
            return next_look
        secrets = secret_values(entry.desired for entry in seen.target.objects) if seen.target else frozenset()
        services = self._services
        context = Context(services.api, self.live, manifest, secrets, services.now, services.kill)
        done = await execute.execute(context, decided)
        if done.application is not None:
            self._take(done.application)
        if done.published:
            memo.outcomes.clear()
        memo.outcomes.update(done.outcomes)
        self._tell_removed(seen, decided, done)
        if done.changed:
            memo.applied_at = self._services.now()
        if not done.published:
            await self._reread(manifest)
            raise Retry("the status could not be published", after_s=1.0)
        return next_look if _is_settled(decided, done) and not was_changed(manifest, done.application) else None

    def _next_look(self, seen: Seen, decided: Plan, fair_chance: timedelta | None) -> float:
        """Return the seconds until the next look without being woken: soon where something is wrong."""
        again_s = self._settings.troubled_s if seen.troubles or not seen.complete else _RESYNC_S
        waits = [wait.total_seconds() for wait in (decided.requeue_after, fair_chance) if wait is not None]
        return min([again_s, *waits])

    async def _refresh(self, app: Application) -> bool:
        """Answer the refresh annotation: fetch; `hard` forgets what was rendered or failed, and asks discovery anew.

        Return whether the look can go on: no worker is held by a remote that does not answer.
        """
        wish = app.annotation(REFRESH)
        if not wish or app.deleted_at is not None:
            return True
        memo = self._memo(app.name)
        if wish == "hard" and memo.fetching is None:
            memo.built = memo.syncing = None
            memo.fresh = True
            memo.answers.clear()
            with suppress(ApiError):
                await self._services.api.discover(fresh=True)
        if app.spec.source is None or not app.spec.source.repo_url:
            return True
        if memo.fetching is None:
            memo.fetching = self._spawn(self._fetch(app.name, app.spec.source.repo_url), "refresh")
        await asyncio.wait({memo.fetching}, timeout=_PATIENCE_S)
        if not memo.fetching.done():
            return False
        memo.fetching = None
        return True

    async def _fetch(self, name: str, repo_url: str) -> None:
        with suppress(SourceError):
            await self._services.origin.refresh(repo_url)
        self._look_soon([name] if name in self._applications else (), _EVENT)

    async def _refuse(self, manifest: Manifest, error: Invalid) -> bool:
        """Tell that an Application cannot be read at all; return whether it was changed meanwhile. Touches nothing."""
        status = manifest.get("status") if isinstance(manifest.get("status"), dict) else {}
        try:
            old = ApplicationStatus.model_validate(status or {})
        except ValueError:
            old = ApplicationStatus()
        found = conditions.renewed(old.conditions, [("InvalidSpecError", str(error))], self._services.now())
        patch = merge_patch(old.wire(), old.but(conditions=found).wire())
        if not patch:
            return False
        written = await self._services.api.patch(Ref.of(manifest), {"status": patch})
        self._take(written)
        return asks(written) != asks(manifest)

    async def _reread(self, manifest: Manifest) -> None:
        with suppress(ApiError, Conflict):
            present = await self._services.api.get(Ref.of(manifest))
            if present is None or present["metadata"].get("uid") != manifest["metadata"].get("uid"):
                self.application_gone(manifest["metadata"]["name"])
            if present is not None:
                self.application_changed(present)

    def _take(self, written: Manifest) -> None:
        """Take in what an own write has returned, unless something newer was told meanwhile."""
        name = written["metadata"]["name"]
        known = self._applications.get(name)
        if known is not None and is_newer(written, known):
            self._applications[name] = written

    def _tell(self, app: Application, seen: Seen, decided: Plan, now: datetime) -> None:
        receipts = self._services.receipts
        if receipts is None or app.deleted_at is not None:
            return
        revision, told = stages.stages(app, seen, decided, now)
        revision = revision or self._expected.get(app.name, "")
        parent = tracking.owner_of(self._applications.get(app.name) or {"metadata": {}})
        if parent in self._applications and receipts.is_being_applied(parent, revision):
            self._held.setdefault(parent, set()).add(app.name)
            told = stages.held_back(told, parent)
        for stage in told if revision else ():
            receipts.note(app.name, revision, stage)
        if not receipts.is_being_applied(app.name, revision):
            self._look_soon(self._held.pop(app.name, ()), _TOUCHED)

    def _tell_removed(self, seen: Seen, decided: Plan, done: Done) -> None:
        receipts = self._services.receipts
        revision = seen.target.revision if seen.target is not None else ""
        for ref in stages.removed_applications(decided):
            outcome = done.outcomes.get(ref)
            if receipts is not None and revision and outcome is not None and outcome.code == "Pruned":
                receipts.note(ref.name, revision, Removed())

    # -- pushes ----------------------------------------------------------------------------------------------------

    async def _would_touch(self, name: str, source: ApplicationSource, commit: str, ref: str) -> bool:
        """Whether a commit that the mirror is past already has other content than what an Application was built of."""
        built = self._memo(name).built
        target = source.target_revision
        if ref and target not in ("", "HEAD", ref, ref.rpartition("refs/heads/")[2], ref.rpartition("refs/tags/")[2]):
            return False  # pushed to another branch
        if built is None:
            return True
        with suppress(SourceError):
            key = await self._services.origin.content_key(source.repo_url, commit, built.paths)
            return key != built.content_key
        return False

    def _sources(self, repo_url: str) -> dict[str, ApplicationSource]:
        found = {}
        for name, manifest in self._applications.items():
            source = (manifest.get("spec") or {}).get("source") or {}
            if source.get("repoURL") == repo_url:
                revision = str(source.get("targetRevision") or "")
                found[name] = ApplicationSource(repo_url=repo_url, target_revision=revision)
        return found

    def _repositories(self) -> set[str]:
        sources = ((manifest.get("spec") or {}).get("source") or {} for manifest in self._applications.values())
        return {str(source["repoURL"]) for source in sources if source.get("repoURL")}

    # -- small things ----------------------------------------------------------------------------------------------

    def _object_changed(self, application: str) -> None:
        if application in self._applications:
            self.queue.add(application, priority=_EVENT)

    def _look_soon(self, names: Iterable[str], priority: int) -> None:
        for name in names:
            self.queue.add(name, priority=priority)

    def _memo(self, name: str) -> Memo:
        return self._memos.setdefault(name, Memo())

    def _spawn(self, work: object, name: str) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work, name=name)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _is_settled(decided: Plan, done: Done) -> bool:
    """Whether another round would only find what this one left: it wrote nothing but a report."""
    return not done.changed and all(
        type(action).__name__ in ("PatchStatus", "RemoveAnnotation") for action in decided.actions
    )


def _complain(name: str, error: Exception, retry_s: float) -> None:
    if isinstance(error, PlatformError):
        log.warning("will look again", object=f"Application {name}", reason=str(error), wait_s=round(retry_s, 1))
    else:
        # Not as exc_info: a console would print local variables, and with them the data of Secrets.
        log.error("look failed", object=f"Application {name}", wait_s=round(retry_s, 1), trace=_trace(error))


def _complain_of(repo_url: str, error: Exception) -> None:
    log.error("repository could not be examined", repository=url_key(repo_url), trace=_trace(error))


def _trace(error: Exception) -> str:
    return "".join(traceback.format_exception(error))
