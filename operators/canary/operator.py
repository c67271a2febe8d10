"""The four steps put together: observe → plan → execute → publish, for kit's loop.

In: the API, the instruments and the judge. Out: an `Operator`, and which Canaries an object's event concerns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from operators.kit.kube import KubeApi, Manifest, Ref
from operators.kit.loop import Operator

from .execute import EXECUTE
from .instruments import Instruments
from .judging import judge
from .kill import KillSwitch
from .models import FINALIZER, CanarySpec, parse
from .names import MANAGER
from .observe import Look, Observer
from .plan import Plan, plan
from .refusals import longest_wait, tell_refused
from .situation import SETTLED
from .verdicts import Judge

LOOKS_AT_REST = 8
"""Canaries without a release that are looked at together.

After a start all of them are, each with a dozen objects: 500 at once would take 100 MiB, and the process would keep it.
"""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Parts:
    """What the operator is made of."""

    instruments: Instruments
    judge: Judge = judge
    now: Callable[[], datetime] = _now
    kill: KillSwitch = field(default_factory=KillSwitch)
    noted: Callable[[Ref, Look], None] = lambda _canary, _look: None
    """Told of each look: which objects it was about."""


def build(parts: Parts) -> Operator[CanarySpec, Look]:
    """Return the operator."""
    at_rest = asyncio.Semaphore(LOOKS_AT_REST)

    async def observe(api: KubeApi, resource: Manifest, _: CanarySpec) -> Look:
        canary = parse(resource)
        can_wait = canary.status.phase in (*SETTLED, "Adopting") and not canary.deleting
        async with at_rest if can_wait else nullcontext():
            look = await Observer(api, parts.instruments, parts.now).observe(canary)
        parts.noted(canary.ref, look)
        return look

    def decide(_: CanarySpec, look: Look, now: datetime) -> Plan:
        return plan(look.canary, look.seen, now, parts.judge)

    return Operator(
        name=MANAGER,
        spec=CanarySpec,
        observe=observe,
        plan=decide,
        execute={kind: _killable(parts.kill, do) for kind, do in EXECUTE.items()},
        status=publish,
        says=lambda made: made.says,
        refused=tell_refused,
        # What was to be counted of the template counts only once it was done.
        status_refused=lambda made: {key: value for key, value in publish(made).items() if key != "template"},
        most_wait_s=longest_wait,
        finalizer=FINALIZER,
        now=parts.now,
    )


def publish(made: Plan) -> dict[str, Any]:
    """The status as it is written; conditions and observedGeneration are the loop's."""
    written = made.status.model_dump(mode="json", by_alias=True, exclude_none=True)
    written.pop("conditions", None)
    # What is absent must be said, or the merge patch would keep what stood there.
    absent = {
        info.alias or name: None
        for name, info in type(made.status).model_fields.items()
        if getattr(made.status, name) is None
    }
    return {**absent, **written}


def _killable(
    kill: KillSwitch, do: Callable[[KubeApi, Manifest, Any], Awaitable[None]]
) -> Callable[[KubeApi, Manifest, Any], Awaitable[None]]:
    async def done(api: KubeApi, resource: Manifest, action: Any) -> None:
        kill.at(action, "before")
        await do(api, resource, action)
        kill.at(action, "after")

    return done
