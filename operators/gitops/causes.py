"""Why a workload does not become healthy: ask its pods, only when it lasts, and seldom.

In: the objects of an Application as they were compared. Out: what the pods say, by workload, and when to ask again.
Trade-off: pods are listed when there is a reason to, never watched; there are many, and mostly nobody wants to know.
Whatever fails here becomes part of the words: it is no trouble of the Application, and freezes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from operators.kit.errors import ApiError, PlatformError
from operators.kit.kube import KubeApi, Manifest, Ref

from . import health
from .health import pods
from .memory import Memo, Wait
from .scrub import one_line, scrub, secret_values
from .seen import Target

_FIRST = timedelta(seconds=3)
"""An ordinary start takes less."""
_AGAIN = timedelta(seconds=5)
_SELDOM = timedelta(seconds=60)
"""Once nobody can be waiting in front of a push any more."""
_AT_MOST = 5
"""So many workloads of an Application are asked about in one look."""
_ANSWER_S = 5.0


class Causes:
    """Asks, and remembers the answers in the Application's memo."""

    def __init__(self, api: KubeApi, now: Callable[[], datetime]) -> None:
        self._api = api
        self._now = now

    async def ask(self, memo: Memo, targets: Sequence[Target]) -> tuple[Mapping[Ref, str], timedelta | None]:
        """Return what the pods of unhealthy workloads say, and the time until they are worth a question (again)."""
        now = self._now()
        workloads = {entry.ref: entry.live for one in targets for entry in one.objects if entry.live is not None}
        ill = {ref: live for ref, live in workloads.items() if pods.has_pods(ref) and _is_ill(live, now)}
        memo.waits = {ref: _wait(memo.waits.get(ref), live, now) for ref, live in ill.items()}
        due = [ref for ref, wait in memo.waits.items() if wait.due <= now][:_AT_MOST]
        secrets = secret_values(entry.desired for one in targets for entry in one.objects) if due else ()
        answers = await asyncio.gather(*(self._cause(ill[ref], secrets) for ref in due))
        for ref, answer in zip(due, answers, strict=True):
            wait = memo.waits[ref]
            wait.cause = answer
            wait.due = now + (_AGAIN if now - wait.since < _SELDOM else _SELDOM)
        causes = {ref: wait.cause for ref, wait in memo.waits.items() if wait.cause}
        until = min((wait.due - now for wait in memo.waits.values()), default=None)
        return causes, max(until, timedelta(0)) if until is not None else None

    async def _cause(self, workload: Manifest, secrets: Iterable[str]) -> str:
        selector = pods.selector_of(workload)
        if not selector:
            return ""
        namespace = str(workload["metadata"].get("namespace") or "")
        try:
            async with asyncio.timeout(_ANSWER_S):
                found = await self._api.list("", "v1", "Pod", namespace=namespace, label_selector=selector)
        except (ApiError, PlatformError, TimeoutError) as error:
            return one_line(f"its pods cannot be asked why: {error or 'no answer'}")
        return scrub(one_line(pods.why(workload, found.items)), workload, secrets)


def _is_ill(live: Manifest, now: datetime) -> bool:
    verdict = health.health_of(live, now)
    return verdict is not None and verdict.status in (health.PROGRESSING, health.DEGRADED)


def _wait(known: Wait | None, live: Manifest, now: datetime) -> Wait:
    of = (live["metadata"].get("uid"), live["metadata"].get("generation"))
    return known if known is not None and known.of == of else Wait(of, now, now + _FIRST)
