"""observe → plan → execute → publish, for kopf daemons of automatrix.dev kinds.

In: a kopf daemon's arguments and the operator's four functions. Out: one level-triggered loop per resource, woken by
`wake` (events of itself and of what it owns) and by the plan's own `requeue_after`. Errors become conditions or waits;
status is written only when it differs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from .conditions import Condition, Status, set_condition
from .errors import ApiError, Blocked, Invalid, NotFound, PlatformError, Retry, Unavailable
from .kube import KubeApi, Manifest, Ref
from .logging import get_logger
from .metrics import ACTIONS
from .queue import Backoff

Spec = TypeVar("Spec", bound=BaseModel)
Seen = TypeVar("Seen")
RESYNC = timedelta(minutes=10)
MOST_WAIT_S = 120.0
_REFUSED = frozenset({400, 403, 422})
"""Answers about what was written: the same will be refused again until somebody changes something."""


class Action(Protocol):
    """One step of a plan: a frozen dataclass with why it is taken."""

    @property
    def reason(self) -> str:
        """Why, for the log."""


class Plan(Protocol):
    """What a planner returns; `ready` and `message` become the Ready condition."""

    @property
    def actions(self) -> Sequence[Action]:
        """What to do, in order."""

    @property
    def ready(self) -> bool:
        """Whether all is as the user asked."""

    @property
    def message(self) -> str:
        """What it is doing, in one line."""

    @property
    def requeue_after(self) -> timedelta:
        """When to look again without being woken."""


@dataclass(frozen=True)
class Operator(Generic[Spec, Seen]):
    """An operator's four steps. `status(plan)` adds the operator's own status fields, camelCase."""

    name: str
    spec: type[Spec]
    observe: Callable[[KubeApi, Manifest, Spec], Awaitable[Seen]]
    plan: Callable[[Spec, Seen, datetime], Plan]
    execute: Mapping[type, Callable[[KubeApi, Manifest, Any], Awaitable[None]]]
    status: Callable[[Any], Mapping[str, Any]] = field(default=lambda _plan: {})
    says: Callable[[Any], tuple[tuple[str, Status, str, str], ...]] = field(default=lambda _plan: ())
    """Conditions of a plan (type, status, reason, message): further ones, or in place of the loop's own."""
    refused: Callable[[KubeApi, Manifest, Action, ApiError], Awaitable[str]] | None = None
    """Told of an action that the API server refuses (400, 403, 422); returns the message of the Stalled condition."""
    status_refused: Callable[[Any], Mapping[str, Any]] = field(default=lambda _plan: {})
    """Status fields of a plan that could not be carried out: what is true all the same."""
    most_wait_s: Callable[[Manifest], float] = field(default=lambda _resource: MOST_WAIT_S)
    """The longest wait after failures, for a resource that must not be left alone for longer."""
    finalizer: str = ""
    """With it, a resource that is being deleted is served until its plan has taken this finalizer off."""
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


class Wakes:
    """Who waits for news about which object."""

    def __init__(self) -> None:
        self._events: dict[Ref, asyncio.Event] = {}

    def expect(self, ref: Ref) -> None:
        """Keep a wake-up of `ref` from now on, also one that comes before the first wait."""
        self._events.setdefault(ref, asyncio.Event())

    def wake(self, ref: Ref) -> None:
        """Let the loop of this resource look again at once."""
        if ref in self._events:
            self._events[ref].set()

    async def wait(self, ref: Ref, seconds: float) -> None:
        """Wait for a wake-up of `ref`, at most so long; one that came since the last wait counts."""
        event = self._events.setdefault(ref, asyncio.Event())
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass
        event.clear()

    def forget(self, ref: Ref) -> None:
        """Drop what is kept for a resource that is gone."""
        self._events.pop(ref, None)


async def serve(operator: Operator[Spec, Seen], *, body: Mapping[str, Any], memo: Any, **_: object) -> None:
    """Run a kopf daemon: `await loop.serve(OPERATOR, **kwargs)`; kopf's memo carries `api` and `wakes`."""
    await run(operator, memo.api, memo.wakes, Ref.of(dict(body)))


async def run(operator: Operator[Spec, Seen], api: KubeApi, wakes: Wakes, ref: Ref) -> None:
    """Serve one resource until it is gone or being deleted; a kopf daemon awaits this and is cancelled with it."""
    backoff = Backoff(cap_s=MOST_WAIT_S)
    failures = 0
    wakes.expect(ref)
    try:
        while (resource := await _read(api, ref)) is not None:
            if "deletionTimestamp" in resource["metadata"] and not _is_kept(operator, resource):
                return
            try:
                wait_s = await reconcile(operator, api, resource)
                failures = 0
            except Retry as error:
                wait_s = error.after_s
            except PlatformError as error:
                failures += 1
                wait_s = min(backoff.after(failures), operator.most_wait_s(resource))
                log = get_logger(operator.name)
                log.warning("will try again", object=str(ref), reason=str(error), wait_s=round(wait_s, 1))
            del resource  # it may wait for long: hundreds of them would be kept for nothing
            await wakes.wait(ref, wait_s)
    finally:
        wakes.forget(ref)


async def reconcile(operator: Operator[Spec, Seen], api: KubeApi, resource: Manifest) -> float:
    """Do one pass; return the seconds until the next. Raises what a later try may mend (Retry, Conflict, ApiError)."""
    try:
        spec = operator.spec.model_validate(resource.get("spec") or {})
        seen = await operator.observe(api, resource, spec)
        plan = operator.plan(spec, seen, operator.now())
        await _execute(operator, api, resource, plan)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(["spec", *map(str, first["loc"])])
        return await _stalled(operator, api, resource, Invalid(where, first["msg"]))
    except Invalid as error:
        return await _stalled(operator, api, resource, error)
    except Blocked as error:
        await _publish(operator, api, resource, {}, _says(error.condition, "False", "Blocked", str(error)))
        return 30.0
    busy = bool(plan.actions) or not plan.ready
    conditions = (
        *_says("Ready", "True" if plan.ready else "False", "AsAsked" if plan.ready else "InProgress", plan.message),
        *_says("Reconciling", "True" if busy else "False", "InProgress" if busy else "Done", ""),
        *_says("Stalled", "False", "NothingStalls", ""),
    )
    await _publish(operator, api, resource, operator.status(plan), (*conditions, *operator.says(plan)))
    return min(plan.requeue_after, RESYNC).total_seconds()


_Said = tuple[tuple[str, Status, str, str], ...]


def _says(type_: str, status: Status, reason: str, message: str) -> _Said:
    return ((type_, status, reason, message),)


def _is_kept(operator: Operator[Spec, Seen], resource: Manifest) -> bool:
    return bool(operator.finalizer) and operator.finalizer in (resource["metadata"].get("finalizers") or ())


async def _read(api: KubeApi, ref: Ref) -> Manifest | None:
    while True:
        try:
            return await api.get(ref)
        except Unavailable as error:  # no answer is not "gone"
            await asyncio.sleep(error.retry_after_s or 5.0)


async def _execute(operator: Operator[Spec, Seen], api: KubeApi, resource: Manifest, plan: Plan) -> None:
    log = get_logger(operator.name).bind(
        object=str(Ref.of(resource)), generation=resource["metadata"].get("generation")
    )
    for action in plan.actions:
        name = type(action).__name__
        try:
            await operator.execute[type(action)](api, resource, action)
        except PlatformError as error:
            ACTIONS.labels(operator.name, name, "failed").inc()
            if isinstance(error, ApiError) and error.status in _REFUSED:
                await _tell_refused(operator, api, resource, plan, (action, error))
            raise
        ACTIONS.labels(operator.name, name, "done").inc()
        log.info("done", action=name, reason=action.reason)


async def _tell_refused(
    operator: Operator[Spec, Seen], api: KubeApi, resource: Manifest, plan: Plan, failed: tuple[Action, ApiError]
) -> None:
    """Tell the user what the API server does not let the operator do; the caller tries again later."""
    action, error = failed
    message = f"{type(action).__name__} ({action.reason}) was refused: {error}"
    if operator.refused is not None:
        message = await operator.refused(api, resource, action, error)
    said = (
        *_says("Ready", "False", "Refused", message),
        *_says("Reconciling", "False", "Refused", ""),
        *_says("Stalled", "True", "Refused", message),
    )
    await _publish(operator, api, resource, operator.status_refused(plan), said)


async def _stalled(operator: Operator[Spec, Seen], api: KubeApi, resource: Manifest, error: Invalid) -> float:
    """Tell the user which field is wrong and leave what runs untouched."""
    said = (
        *_says("Ready", "False", "Invalid", str(error)),
        *_says("Reconciling", "False", "Invalid", ""),
        *_says("Stalled", "True", "Invalid", str(error)),
    )
    await _publish(operator, api, resource, {}, said)
    return RESYNC.total_seconds()


async def _publish(
    operator: Operator[Spec, Seen], api: KubeApi, resource: Manifest, fields: Mapping[str, Any], said: _Said
) -> None:
    """Write status where it differs from what the resource had when it was read."""
    generation = resource["metadata"].get("generation")
    old = dict(resource.get("status") or {})
    conditions = tuple(Condition.model_validate(condition) for condition in old.get("conditions") or ())
    # One of a type only, the last: two writers of one within a pass would never be still.
    for type_, holds, reason, message in {one[0]: one for one in said}.values():
        new = Condition(
            type=type_,
            status=holds,
            reason=reason,
            message=message,
            last_transition_time=operator.now().replace(microsecond=0),
            observed_generation=generation,
        )
        conditions = set_condition(conditions, new)
    written = [condition.model_dump(mode="json", by_alias=True, exclude_none=True) for condition in conditions]
    status = {**fields, "conditions": written, "observedGeneration": generation}
    changed = {key: _replaced(old.get(key), value) for key, value in status.items() if old.get(key) != value}
    if not changed:
        return
    try:
        await api.patch(Ref.of(resource), {"status": changed}, subresource="status", field_manager=operator.name)
    except NotFound:
        if not operator.finalizer:  # a plan that took the finalizer off has nobody left to tell
            raise


def _replaced(old: Any, new: Any) -> Any:
    """Return the merge patch that makes a field exactly `new`: what is not in it any more is taken out."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    gone = {key: None for key in old if key not in new}
    return {**gone, **{key: _replaced(old.get(key), value) for key, value in new.items() if old.get(key) != value}}
