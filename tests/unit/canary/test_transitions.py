"""Every turn from phase to phase: what brings it about, and what it says. A turn that no row takes is not one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, get_args

import pytest

from operators.canary.models.status import Phase
from tests.support.canary_world import CANARY, World, spec

Do = Callable[[World], Awaitable[object]]
SLOW = [{"weight": 20, "hold": "5s", "maxHold": "20s"}, {"weight": 50, "hold": "5s", "maxHold": "20s"}]
FREEZE = {"failure": {"action": "Freeze"}}


@dataclass(frozen=True)
class Turn:
    """From a phase, by something, to a phase, with a word of the reason."""

    before: str
    by: Do
    after: str
    why: str = ""
    spec: dict[str, Any] = field(default_factory=dict)
    verdict: str = "Safe"
    """While it gets to the phase it begins from."""


def verdict(what: str) -> Do:
    async def given(world: World) -> None:
        world.verdict = what  # type: ignore[assignment]

    return given


def act(verb: str) -> Do:
    return lambda world: world.act(verb)


def push(image: str) -> Do:
    return lambda world: world.push(image)


async def time(world: World) -> None:
    """Nothing but time."""


async def loses(world: World) -> None:
    world.kubelet = False
    if world.replicas("web-b") is not None:
        world.lose("web-b", 0)


async def deleted(world: World) -> None:
    await world.api.delete(CANARY)


HARM, LATE = verdict("Harm"), "not ready within"
TURNS = [
    Turn("Adopting", time, "Idle"),
    Turn("Idle", push("app:2"), "Preparing", "a new revision"),
    Turn("Preparing", time, "Shifting", "towards 20 %"),
    Turn("Preparing", loses, "RollingBack", LATE),
    Turn("Preparing", act("PromoteFull"), "Promoting", "promoted by the user"),
    Turn("Preparing", act("Abort"), "RollingBack", "aborted"),
    Turn("Shifting", time, "Analysing", "looking at 20 %"),
    Turn("Shifting", HARM, "RollingBack", "5 % errors"),
    Turn("Shifting", HARM, "Frozen", "5 % errors", FREEZE),
    Turn("Shifting", act("PromoteFull"), "Promoting", "promoted by the user"),
    Turn("Shifting", push("app:3"), "RollingBack", "superseded"),
    Turn("Analysing", time, "Shifting", "towards 50 %"),
    Turn("Analysing", time, "Promoting", "every step has passed", {"steps": SLOW[:1]}),
    Turn("Analysing", time, "Held", "no verdict within 20s", verdict="Inconclusive"),
    Turn("Analysing", loses, "Shifting", "lost pods"),
    Turn("Analysing", HARM, "RollingBack", "5 % errors"),
    Turn("Analysing", HARM, "Frozen", "5 % errors", FREEZE),
    Turn("Analysing", push("app:3"), "RollingBack", "superseded"),
    Turn("Analysing", push("app:1"), "RollingBack", "stable's again"),
    Turn("Analysing", act("Abort"), "RollingBack", "aborted"),
    Turn("Held", verdict("Safe"), "Shifting", "towards 50 %", verdict="Inconclusive"),
    Turn("Held", act("Promote"), "Shifting", "towards 50 %", verdict="Inconclusive"),
    Turn("Held", act("PromoteFull"), "Promoting", "promoted by the user", verdict="Inconclusive"),
    Turn("Held", HARM, "RollingBack", "5 % errors", verdict="Inconclusive"),
    Turn("Held", loses, "Shifting", "lost pods", verdict="Inconclusive"),
    Turn("Promoting", time, "Draining", "old pods finish"),
    Turn("Promoting", HARM, "RollingBack", "5 % errors"),
    Turn("Promoting", act("Abort"), "RollingBack", "aborted"),
    Turn("Draining", time, "Succeeded"),
    Turn("Draining", act("Abort"), "RollingBack", "right after the promotion"),
    Turn("Succeeded", push("app:3"), "Preparing", "a new revision"),
    Turn("Frozen", act("Promote"), "Shifting", "towards 50 %", FREEZE, "Harm"),
    Turn("Frozen", act("PromoteFull"), "Promoting", "promoted by the user", FREEZE, "Harm"),
    Turn("Frozen", act("Retry"), "Shifting", "judged again", FREEZE, "Harm"),
    Turn("Frozen", act("Abort"), "RollingBack", "aborted", FREEZE, "Harm"),
    Turn("RollingBack", time, "RolledBack", "rolled back", verdict="Harm"),
    Turn("RolledBack", act("Retry"), "Idle", "tried again", verdict="Harm"),
    Turn("RolledBack", push("app:3"), "Preparing", "a new revision", verdict="Harm"),
    Turn("RolledBack", push("app:1"), "Idle", verdict="Harm"),
    *(Turn(phase, deleted, "GivingBack", verdict="Inconclusive" if phase == "Held" else "Safe")
      for phase in ("Idle", "Preparing", "Shifting", "Analysing", "Held")),
]  # fmt: skip


@pytest.mark.parametrize("turn", [pytest.param(one, id=f"{one.before} to {one.after}: {one.why}") for one in TURNS])
async def test_each_turn_has_its_cause_and_says_so(turn: Turn) -> None:
    world = World(spec(**{"steps": SLOW, **turn.spec}))
    if turn.before == "Adopting":
        world.deploy()
        world.create()
        await world.until("Adopting")
    else:
        await world.adopted()
        world.verdict = turn.verdict  # type: ignore[assignment]
        if turn.before != "Idle":
            await world.push("app:2")
        await world.until(turn.before)
    world.phases[:] = [turn.before]
    await turn.by(world)
    for _ in range(200):
        if len(world.phases) > 1:
            break
        if await world.look() > 0:
            world.now += timedelta(seconds=2)
    assert world.phases[1] == turn.after, world.status.message
    assert turn.why in world.status.doing


def test_every_phase_is_entered_and_left() -> None:
    phases = set(get_args(Phase))
    assert {one.after for one in TURNS} | {"Adopting"} == phases
    assert {one.before for one in TURNS} | {"GivingBack"} == phases
