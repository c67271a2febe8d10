"""How long a release may take: what counts, what interrupts it, and what only somebody's waiting was."""

from __future__ import annotations

from datetime import timedelta

import pytest

from operators.canary.seen import GateAnswer
from tests.support.canary_world import World, spec

LONG = [{"weight": 50, "hold": "40s", "maxHold": "2m"}, {"weight": 80, "hold": "40s"}]


async def releasing(**more: object) -> World:
    world = World(spec(**{"steps": LONG, **more}))
    await world.adopted()
    await world.push("app:2")
    return world


async def flap(world: World, up_s: float, down_s: float) -> None:
    """Have the candidate lose its pods for a while, after a while."""
    await world.run(up_s, step=5)
    world.kubelet = False
    world.lose("web-b", 0)
    await world.run(down_s, step=5)
    world.kubelet = True
    world.control()
    await world.settle()


async def test_a_candidate_that_loses_its_pods_again_and_again_goes_back() -> None:
    world = await releasing()
    await world.until("Analysing")
    for _ in range(3):
        await flap(world, 35, 20)
    assert world.status.phase in ("RollingBack", "RolledBack")
    assert "lost 3 times" in world.status.message


async def test_two_losses_far_apart_are_waited_out() -> None:
    world = await releasing(steps=[{"weight": 50, "hold": "40s"}])
    world.verdict = "Inconclusive"
    await world.until("Analysing")
    for _ in range(4):
        await flap(world, 400, 10)
    assert world.status.phase in ("Shifting", "Analysing")


async def test_a_capacity_that_grows_is_no_loss() -> None:
    world = await releasing()
    world.verdict = "Inconclusive"
    await world.until("Analysing")
    for replicas in (8, 12, 16, 20):
        await world.change(replicas=replicas)
        await world.run(10, step=5)
    assert world.status.phase == "Analysing"
    assert not world.status.lost


async def test_max_hold_counts_from_the_first_look_whatever_interrupts_it() -> None:
    world = await releasing()
    world.verdict = "Inconclusive"
    await world.until("Analysing")
    began = world.now
    await flap(world, 50, 10)
    await world.until("Held", 200)
    assert world.now - began < timedelta(seconds=130)


async def test_a_hold_counts_only_while_its_weight_is_confirmed() -> None:
    world = await releasing()
    await world.until("Analysing")
    world.gateway = False
    await world.run(100, step=10)
    assert (world.status.phase, world.status.step) == ("Analysing", 1)
    assert "unconfirmed: the gateway does not answer" in world.status.message
    world.gateway = True
    await world.run(20, step=5)
    assert world.status.step == 1, "twenty of forty seconds"
    await world.run(30, step=5)
    assert world.status.step == 2


async def test_a_gateway_that_stays_blind_is_held_for_somebody() -> None:
    world = await releasing()
    await world.until("Analysing")
    world.gateway = False
    await world.run(200, step=10)
    assert world.status.phase == "Held"
    assert "does not confirm" in world.status.message


async def test_suspended_while_its_pods_start_it_gets_no_request_and_its_deadline_stands() -> None:
    world = await releasing()
    world.kubelet = False
    await world.until("Preparing")
    await world.run(20, step=5)
    await world.change(suspend=True)
    await world.settle()
    world.kubelet = True
    await world.run(300, step=20)
    assert world.status.phase == "Preparing"
    assert world.route_weights() == [{"web-a": 100, "web-b": 0}]
    world.kubelet = False
    world.lose("web-b", 0)
    await world.change(suspend=False)
    await world.run(20, step=5)
    assert world.status.phase == "Preparing", "forty of sixty seconds"
    await world.until("RolledBack", 60)


@pytest.mark.parametrize("suspended", [False, True])
async def test_a_gates_timeout_stands_while_it_is_suspended(suspended: bool) -> None:
    gate = {"name": "board", "at": "start", "webhook": {"url": "https://x.example"}, "timeout": "60s"}
    world = await releasing(gates=[gate])
    await world.until("Preparing")
    await world.settle()
    await world.change(suspend=suspended)
    await world.run(120, step=10)
    await world.change(suspend=False)
    world.answers = {"board": GateAnswer("passed")}
    await world.settle()
    await world.run(10, step=5)
    assert (world.status.phase == "Analysing") is suspended
