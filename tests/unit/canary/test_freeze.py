"""Where going back is not possible (`failure.action: Freeze`): nothing sends a release back but a person."""

from __future__ import annotations

import pytest

from operators.canary.seen import GateAnswer
from tests.support.canary_world import World, spec

GATE = {"name": "board", "at": "step", "step": 2, "webhook": {"url": "https://x.example"}, "timeout": "10m"}


async def frozen_by(cause: str) -> World:
    world = World(spec(failure={"action": "Freeze"}, gates=[GATE] if cause == "gate" else []))
    await world.adopted()
    await world.push("app:2")
    await world.until("Analysing")
    if cause == "harm":
        world.verdict = "Harm"
    world.answers = {"board": GateAnswer("refused", "not today")}
    await world.until("Frozen")
    return world


@pytest.mark.parametrize("image", ["app:3", "app:1"])
async def test_a_push_in_mid_release_waits_and_comes_after_it(image: str) -> None:
    world = World(spec(failure={"action": "Freeze"}))
    await world.adopted()
    await world.push("app:2")
    await world.until("Analysing")
    await world.push(image)
    await world.settle()
    assert world.status.phase == "Analysing"
    assert "comes after it" in world.status.message
    await world.until("Succeeded")
    assert world.status.history[0].outcome == "Promoted"
    await world.until("Preparing")
    await world.until("Succeeded")
    assert world.image(f"web-{world.status.stable.slot if world.status.stable else ''}") == image


async def test_a_gate_that_has_refused_is_not_asked_again() -> None:
    world = await frozen_by("gate")
    await world.run(60, step=5)
    assert [gate.state for gate in world.status.gates] == ["Refused"]
    assert "not today" in world.status.message


@pytest.mark.parametrize("cause", ["gate", "harm"])
async def test_promote_goes_on_at_once(cause: str) -> None:
    world = await frozen_by(cause)
    world.verdict = "Safe"
    await world.act("Promote")
    await world.until("Succeeded")
    assert "Frozen" not in world.phases[world.phases.index("Frozen") + 1 :]


async def test_retry_asks_a_gate_that_has_refused_once_more() -> None:
    world = await frozen_by("gate")
    world.answers = {"board": GateAnswer("passed")}
    await world.act("Retry")
    await world.until("Succeeded")
