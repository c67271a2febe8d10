"""When a commit is told: one bounded queue, in order for each commit and Application.

In:  receipts as they change. Out: posts, one at a time (as GitHub asks for), the newest state only.
The queue holds keys and reads the receipt when it comes to one, so what a slow host misses is only what has passed
already. A host that does not answer, or asks for patience, is left alone for a while, and so is a repository whose
token is refused: neither holds back another, and no sync ever waits. What was posted stands in the receipt, over
restarts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import quote

from prometheus_client import Counter

from operators.gitops import mishaps
from operators.gitops.receipts import Receipt, Receipts
from operators.gitops.receipts_model import Entry
from operators.gitops.sources import Repository, SourceError
from operators.kit.logging import get_logger
from operators.kit.queue import Backoff, WorkQueue

from .client import TIMEOUT_S, Client, Later, Refused
from .place import Place, find_place
from .status import Status, describe, is_news, state_of

_REVISION_DIGITS = (40, 64)
_OF_THE_TOKEN = (0, 401, 403)
POSTED = Counter("gitops_commit_statuses", "Commit statuses, by what became of them", ["result"])
log = get_logger("gitops")
Key = tuple[str, str]
"""Revision and Application."""


@dataclass(frozen=True)
class Pace:
    """How much, and how long; times in seconds."""

    settle_s: float = 0.3
    """Stages that are told in one breath are one status."""
    timeout_s: float = TIMEOUT_S
    backoff: Backoff = field(default_factory=lambda: Backoff(first_s=2.0, cap_s=120.0))
    refused_s: float = 300.0
    """After a refused token, before the next try."""
    give_up_s: float = 3600.0
    waiting_max: int = 1000


@dataclass(frozen=True)
class StatusSettings:
    """What is set: see `Settings.commit_status`. `bases` has the API's address by the kind of host."""

    label: str = "gitops"
    target_url: str = ""
    bases: dict[str, str] = field(default_factory=dict)
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True)
class Around:
    """What the reporter needs of the engine."""

    repo_url: Callable[[str, Receipt], str]
    """The repository that a receipt's commit is in, asked for one of its Applications; '' where that is unknown."""
    credentials: Callable[[str], Awaitable[Repository]]
    complain: Callable[[str, str], Awaitable[None]]
    """`complain(application, message)`: tell whoever looks at the Application; must not raise."""


class Reporter:
    """Posts statuses while `run` runs."""

    def __init__(self, receipts: Receipts, around: Around, settings: StatusSettings) -> None:
        self._receipts = receipts
        self._around = around
        self._settings = settings
        self._pace = settings.pace
        self._queue: WorkQueue[Key] = WorkQueue("commit-status", self._work, workers=1)
        self._client = Client(self._pace.timeout_s)
        self._since: dict[Key, float] = {}
        self._pauses: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._told: dict[str, set[int]] = {}
        self._is_full = False

    async def run(self) -> None:
        """Post until cancelled; begin with what an earlier engine has left unsaid. `receipts` must be loaded."""
        for receipt in self._receipts.all():
            if receipt.reported or not receipt.done:
                self._hear(receipt, [one for one in receipt.entries.values() if self._goes_on(receipt, one)])
        self._receipts.on_change(lambda receipt: self._hear(receipt, list(receipt.entries.values())))
        self._queue.start()
        try:
            await asyncio.Event().wait()
        finally:
            await self._queue.close(grace_s=1.0)
            await self._client.close()

    @staticmethod
    def _goes_on(receipt: Receipt, entry: Entry) -> bool:
        """Whether a status was begun, or would have been now: what ended before statuses were on is left alone."""
        return entry.application in receipt.reported or not entry.done

    def _hear(self, receipt: Receipt, entries: list[Entry]) -> None:
        if len(receipt.revision) not in _REVISION_DIGITS:
            return
        for entry in entries:
            key = (receipt.revision, entry.application)
            if not is_news(receipt, entry):
                continue
            if key not in self._since and len(self._since) >= self._pace.waiting_max:
                self._overflow()
                continue
            self._since.setdefault(key, _now())
            self._queue.add(key, after_s=self._pace.settle_s)

    def _overflow(self) -> None:
        """Leave one out: it comes with the next change of its receipt, such as a post of another Application."""
        POSTED.labels("dropped").inc()
        if not self._is_full:
            log.warning("commit statuses are left out: too many wait", waiting=len(self._since))
        self._is_full = True

    async def _work(self, key: Key) -> float | None:
        """Post what there is to say; return the seconds until the next try."""
        try:
            again_s = await self._try(key)
        except Exception as error:  # noqa: BLE001 - one status must not stop the others
            mishaps.note("a commit status failed", error, application=key[1], revision=key[0])
            again_s = None
        if again_s is not None and _now() + again_s - self._since.get(key, _now()) > self._pace.give_up_s:
            POSTED.labels("given_up").inc()
            log.warning("a commit status is given up", application=key[1], revision=key[0])
            again_s = None
        if again_s is None:
            self._since.pop(key, None)
            self._is_full = self._is_full and bool(self._since)
        return again_s

    def _news(self, key: Key) -> tuple[Status, str] | None:
        """Return what a commit does not say yet, and its repository."""
        receipt = self._receipts.get(key[0])
        entry = receipt.entries.get(key[1]) if receipt is not None else None
        if receipt is None or entry is None or not is_news(receipt, entry):
            return None
        return self._status(receipt, entry), self._around.repo_url(key[1], receipt)

    async def _try(self, key: Key) -> float | None:
        revision, application = key
        status, url = self._news(key) or (None, "")
        place = find_place(url, self._settings.bases) if url else None
        if status is None or place is None:
            return None
        pause_s = max(self._pauses.get(name, 0.0) for name in (place.api, str(place))) - _now()
        if pause_s > 0:
            return pause_s
        try:
            await self._client.post(place, status, await self._around.credentials(url))
        except Later as error:
            return self._rest(place, error)
        except Refused as error:
            return await self._refused(place, application, str(error), error.code)
        except SourceError as error:
            return await self._refused(place, application, error.message, 0)
        self._failures.pop(place.api, None)
        self._told.pop(str(place), None)
        POSTED.labels("posted").inc()
        self._receipts.reported(application, revision, status.state)
        return None

    def _status(self, receipt: Receipt, entry: Entry) -> Status:
        target = self._settings.target_url.replace("{application}", quote(entry.application, safe=""))
        return Status(
            receipt.revision,
            f"{self._settings.label}/{entry.application}",
            state_of(entry),
            describe(entry),
            target.replace("{revision}", receipt.revision),
        )

    def _rest(self, place: Place, error: Later) -> float:
        """Leave a host alone for a while; return for how long."""
        failures = self._failures[place.api] = self._failures.get(place.api, 0) + 1
        wait_s = max(self._pace.backoff.after(failures), error.after_s or 0.0)
        self._pauses[place.api] = _now() + wait_s
        POSTED.labels("delayed").inc()
        log.warning("commit statuses wait", host=place.api, reason=str(error), wait_s=round(wait_s, 1))
        return wait_s

    async def _refused(self, place: Place, application: str, message: str, code: int) -> float | None:
        """Say once per repository and kind of refusal what is wrong; a token may be mended meanwhile."""
        POSTED.labels("refused").inc()
        told = self._told.setdefault(str(place), set())
        if code not in told:
            told.add(code)
            log.warning("a commit status is refused", project=str(place), application=application, reason=message)
            await self._around.complain(application, f"the commit status at {place}: {message}")
        if code not in _OF_THE_TOKEN:
            return None
        self._pauses[str(place)] = _now() + self._pace.refused_s
        return self._pace.refused_s


def _now() -> float:
    return asyncio.get_running_loop().time()
