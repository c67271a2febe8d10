"""A release from adoption to promotion and back, as a user sees it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from operators.canary.seen import OWNED_BY
from operators.kit.kube import Ref
from tests.support.canary_world import APEX, CANARY, METRIC, NAMESPACE, ROUTE, TEMPLATE, World, spec

SERVES_A = {"automatrix.dev/canary": "web", "automatrix.dev/slot": "a"}
SERVES_B = {"automatrix.dev/canary": "web", "automatrix.dev/slot": "b"}


@pytest.fixture
async def world() -> World:
    made = World()
    await made.adopted()
    return made


async def test_adoption_moves_a_running_deployment_into_a_slot() -> None:
    world = World()
    world.deploy()
    world.create()
    await world.until("Adopting")
    await world.settle()
    assert world.replicas("app") == 4, "its own pods stay until their requests are finished"
    await world.until("Idle")
    await world.settle()
    assert (world.replicas("app"), world.replicas("web-a")) == (0, 4)
    assert world.apex() == SERVES_A
    assert world.route_weights() == [{"web-a": 100, "web-b": 0}]
    assert world.canary.spec.replicas == 4
    assert world.condition("Ready")[0] == "True"
    assert world.status.selector == "automatrix.dev/canary=web"


async def test_adoption_waits_for_pods_and_takes_nothing_meanwhile() -> None:
    world = World()
    world.deploy()
    world.kubelet = False
    world.create()
    await world.until("Adopting")
    await world.run(30)
    assert world.apex() == {"app": "app"}
    assert world.replicas("app") == 4
    await world.push("app:2")
    world.kubelet = True
    world.control()
    await world.until("Idle")
    assert world.image("web-a") == "app:2"


async def test_a_good_release_goes_step_by_step_and_stays_where_it_was_tested(world: World) -> None:
    world.phases.clear()
    await world.push("app:2")
    await world.until("Analysing")
    assert world.status.weight.observed == 10
    assert (world.replicas("web-a"), world.replicas("web-b")) == (4, 1)
    await world.until("Succeeded")
    assert world.phases[world.phases.index("Preparing") :] == [
        "Preparing", "Shifting", "Analysing", "Shifting", "Analysing", "Promoting", "Draining", "Succeeded",
    ]  # fmt: skip
    await world.settle()
    assert world.apex() == SERVES_B
    assert world.route_weights() == [{"web-a": 0, "web-b": 100}]
    assert world.replicas("web-a") == 4, "kept for the rollback window"
    await world.run(30)
    assert world.replicas("web-a") == 0
    assert [past.outcome for past in world.status.history] == ["Promoted"]


async def test_it_says_up_to_which_change_of_the_deployment_it_has_looked(world: World) -> None:
    await world.push("app:2")
    await world.until("Succeeded")
    await world.settle()
    deployment = world.api.find(Ref("apps", "Deployment", NAMESPACE, "app")) or {}
    assert world.status.template.generation == deployment["metadata"]["generation"] > 1


async def test_harm_brings_it_back_at_once_and_is_remembered(world: World) -> None:
    await world.push("app:2")
    await world.until("Analysing")
    world.verdict = "Harm"
    await world.until("RollingBack", 5)
    await world.until("RolledBack")
    await world.settle()
    assert world.route_weights() == [{"web-a": 100, "web-b": 0}]
    assert world.replicas("web-b") == 0
    assert world.condition("Stalled")[:2] == ("True", "RolledBack")
    world.verdict = "Safe"
    await world.run(60)
    assert world.status.phase == "RolledBack", "not tried again"
    await world.act("Retry")
    await world.until("Succeeded")


async def test_a_failed_revision_that_changes_is_tried_and_stables_own_ends_the_failure(world: World) -> None:
    await world.push("app:bad")
    await world.until("RolledBack")
    assert "not ready within" in world.status.message
    await world.push("app:1")
    await world.until("Idle")
    await world.settle()
    assert world.condition("Ready")[0] == "True"
    await world.push("app:3")
    await world.until("Succeeded")


async def test_a_newer_revision_takes_the_place_of_the_running_one(world: World) -> None:
    await world.push("app:2")
    await world.until("Analysing")
    await world.push("app:3")
    await world.until("RollingBack", 5)
    await world.until("Succeeded")
    assert world.image("web-b") == "app:3"
    assert [past.outcome for past in world.status.history] == ["Promoted", "Superseded"]


async def test_two_fast_pushes_release_the_second_only(world: World) -> None:
    world.kubelet = False
    await world.push("app:2")
    await world.until("Preparing")
    await world.settle()
    await world.push("app:3")
    world.kubelet = True
    await world.until("Succeeded")
    assert world.image("web-b") == "app:3"
    assert len(world.status.history) == 1


async def test_stables_revision_in_mid_release_ends_it_at_once(world: World) -> None:
    await world.push("app:2")
    await world.until("Analysing")
    await world.push("app:1")
    await world.until("Idle")
    assert world.status.failed is None
    assert [past.outcome for past in world.status.history] == ["Returned"]


async def test_the_revision_before_comes_back_without_steps_within_the_window(world: World) -> None:
    await world.push("app:2")
    await world.until("Succeeded")
    await world.push("app:1")
    world.phases.clear()
    await world.until("Preparing")
    await world.until("Succeeded")
    assert "Analysing" not in world.phases
    assert world.apex() == SERVES_A


async def test_no_verdict_is_held_and_a_person_decides() -> None:
    world = World(spec(steps=[{"weight": 20, "hold": "5s", "maxHold": "30s"}]))
    await world.adopted()
    world.verdict = "Inconclusive"
    await world.push("app:2")
    await world.until("Held")
    await world.run(600, step=30)
    assert world.status.phase == "Held"
    await world.act("Promote")
    await world.until("Succeeded")


async def test_an_outage_of_the_counts_holds_and_neither_fails_nor_passes(world: World) -> None:
    world.outage = "out of reach"
    await world.push("app:2")
    await world.until("Analysing")
    await world.run(900, step=30)
    assert world.status.phase == "Analysing"
    await world.act("Abort")
    await world.until("RolledBack")


async def test_too_few_requests_hold() -> None:
    world = World(spec(steps=[{"weight": 20, "hold": "5s", "minRequests": 100}]))
    await world.adopted()
    world.requests = 99
    await world.push("app:2")
    await world.until("Analysing")
    await world.run(120, step=10)
    assert world.status.phase == "Analysing"
    world.requests = 100
    await world.until("Succeeded")


async def test_an_unconfirmed_weight_does_not_count(world: World) -> None:
    await world.push("app:2")
    await world.until("Preparing")
    world.gateway = False
    await world.until("Shifting")
    await world.run(300, step=20)
    assert world.status.phase == "Shifting"
    assert world.condition("TrafficConverged")[0] == "False"
    world.gateway = True
    world.control()
    await world.until("Succeeded")


@pytest.mark.parametrize("phase", ["Preparing", "Shifting", "Analysing", "Held", "Promoting", "Draining", "Frozen"])
async def test_abort_wins_from_every_phase(phase: str) -> None:
    failure = {"action": "Freeze"} if phase == "Frozen" else {}
    world = World(spec(steps=[{"weight": 20, "hold": "5s", "maxHold": "9s"}], failure=failure))
    await world.adopted()
    world.verdict = {"Held": "Inconclusive", "Frozen": "Harm"}.get(phase, "Safe")  # type: ignore[assignment]
    await world.push("app:2")
    await world.until(phase)
    await world.act("Abort")
    await world.until("RolledBack")
    await world.settle()
    assert world.apex() == SERVES_A
    assert world.route_weights() == [{"web-a": 100, "web-b": 0}]
    assert world.status.history[0].outcome == "Aborted"


async def test_aborting_what_is_over_changes_nothing(world: World) -> None:
    await world.push("app:2")
    await world.until("Succeeded")
    await world.act("Abort")
    await world.run(10)
    assert world.status.phase == "Succeeded"
    assert world.status.last_action_id.startswith("Abort")


async def test_an_action_is_done_once(world: World) -> None:
    await world.push("app:2")
    await world.until("Analysing")
    await world.act("Abort", "same")
    await world.until("RolledBack")
    await world.push("app:3")
    await world.until("Succeeded")


async def test_promote_full_skips_the_rest(world: World) -> None:
    world.verdict = "Inconclusive"
    await world.push("app:2")
    await world.until("Analysing")
    await world.act("PromoteFull")
    await world.until("Succeeded", 60)


async def test_frozen_stays_and_says_so() -> None:
    world = World(spec(failure={"action": "Freeze"}))
    await world.adopted()
    await world.push("app:2")
    await world.until("Analysing")
    world.verdict = "Harm"
    await world.until("Frozen")
    await world.run(100, step=10)
    assert world.status.phase == "Frozen"
    assert world.route_weights() == [{"web-a": 90, "web-b": 10}]
    world.verdict = "Safe"
    await world.act("Retry")
    await world.until("Succeeded")


async def test_suspended_nothing_starts_and_nothing_goes_on(world: World) -> None:
    await world.change(suspend=True)
    await world.push("app:2")
    await world.run(30)
    assert world.status.phase == "Idle"
    await world.change(suspend=False)
    await world.until("Analysing")
    await world.change(suspend=True)
    await world.run(120, step=10)
    assert (world.status.phase, world.status.step) == ("Analysing", 1)
    assert world.condition("Paused")[0] == "True"
    assert world.status.message.startswith("suspended; step 1 of 2")
    await world.act("Promote", "by hand")
    await world.run(10)
    assert (world.status.phase, world.status.step) == ("Analysing", 2), "what somebody asks for is done"
    world.verdict = "Harm"
    await world.until("RolledBack")


async def test_the_capacity_is_an_autoscalers_also_in_mid_release(world: World) -> None:
    await world.push("app:2")
    await world.until("Analysing")
    await world.change(replicas=8)
    await world.settle()
    assert world.replicas("web-a") == 8
    await world.change(replicas=2)
    await world.settle()
    assert world.replicas("web-a") == 8, "nobody loses pods while weight moves"
    await world.until("Succeeded")
    await world.run(60)
    assert (world.replicas("web-a"), world.replicas("web-b")) == (0, 2)


async def test_a_slot_that_was_scaled_a_moment_ago_keeps_its_weight(world: World) -> None:
    await world.push("app:2")
    await world.until("Analysing")
    before = world.route_weights()
    world.controllers = False
    await world.run(60)
    assert (world.status.step, world.replicas("web-b")) == (2, 2), "the next step needs another pod"
    assert world.route_weights() == before
    world.controllers = True
    await world.until("Succeeded")


async def test_a_candidate_that_loses_its_pods_loses_its_weight(world: World) -> None:
    await world.push("app:2")
    await world.until("Analysing")
    world.kubelet = False
    world.lose("web-b", 0)
    await world.settle()
    assert world.route_weights() == [{"web-a": 100, "web-b": 0}]
    world.now += timedelta(seconds=61)
    await world.until("RolledBack")


async def test_a_weight_just_written_is_confirmed_as_soon_as_the_gateway_has_it(world: World) -> None:
    await world.push("app:2")
    await world.until("Shifting")
    world.gateway = False
    await world.settle()
    assert world.route_weights() == [{"web-a": 90, "web-b": 10}]
    assert await world.look() == 0.5
    world.now += timedelta(minutes=3)
    assert await world.look() == 2.0, "a gateway that does not answer is not asked without end"
    world.gateway = True
    await world.until("Analysing")


async def test_stable_shrinks_when_told_and_grows_before_it_gets_the_requests_back() -> None:
    world = World(spec(dynamicStableScale=True, replicas=4))
    await world.adopted()
    await world.push("app:2")
    await world.until("Analysing")
    while world.status.step < 2 or world.status.phase != "Analysing":
        world.now += timedelta(seconds=1)
        await world.settle()
    await world.settle()
    assert world.replicas("web-a") == 2
    world.kubelet = False
    world.verdict = "Harm"
    await world.until("RollingBack", 5)
    await world.settle()
    assert world.replicas("web-a") == 4
    assert world.route_weights()[0]["web-b"] > 0, "two pods cannot take it all"
    world.kubelet = True
    world.control()
    await world.until("RolledBack")


async def test_deleting_gives_everything_back() -> None:
    world = World()
    await world.adopted()
    await world.push("app:2")
    await world.until("Analysing")
    await world.api.delete(CANARY)
    await world.look()
    await world.settle()
    assert world.replicas("app") == 4
    assert world.image("app") == "app:1", "what was not released is not released by deleting"
    assert world.apex() == {"app": "app"}
    assert world.route_weights() == [{"web": 1}]
    assert world.replicas("web-a") is not None, "the slots drain first"
    await world.run(10)
    assert world.api.find(CANARY) is None
    for ref in (APEX, ROUTE):
        found = world.api.find(ref)
        assert found is not None
        assert OWNED_BY not in found["metadata"].get("annotations", {})
    assert world.api.find(Ref("apps", "Deployment", NAMESPACE, "web-a")) is None


async def test_a_gateway_that_never_answers_holds_no_deletion_up() -> None:
    world = World(gateway=False)
    world.deploy()
    world.create()
    await world.run(30)
    assert world.status.phase == "Adopting"
    await world.api.delete(CANARY)
    await world.run(60)
    assert world.api.find(CANARY) is not None, "it may yet answer"
    await world.run(120)
    assert world.api.find(CANARY) is None
    assert (world.replicas("app"), world.apex()) == (4, {"app": "app"})


async def test_deleting_releases_nothing_that_was_never_tried() -> None:
    world = World()
    await world.adopted()
    await world.change(suspend=True)
    await world.push("app:bad")
    await world.run(10)
    await world.api.delete(CANARY)
    await world.run(60)
    assert world.api.find(CANARY) is None
    assert (world.image("app"), world.replicas("app")) == ("app:1", 4)


def settings(value: str) -> dict[str, object]:
    metadata = {"name": "settings", "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"A": value}}


async def test_deleting_does_not_bring_a_configuration_back_that_has_failed() -> None:
    world = World()
    world.deploy()
    world.api.seed(settings("1"))
    container = {"name": "main", "image": "app:1", "envFrom": [{"configMapRef": {"name": "settings"}}]}
    await world.api.patch(TEMPLATE, {"spec": {"template": {"spec": {"containers": [container]}}}})
    world.control()
    world.create()
    await world.until("Adopting")
    await world.until("Idle")
    await world.settle()
    world.verdict = "Harm"
    world.api.seed(settings("2"))
    await world.until("RolledBack")
    await world.api.delete(CANARY)
    await world.run(60)
    assert world.api.find(CANARY) is None
    template = world.api.find(TEMPLATE) or {}
    [source] = template["spec"]["template"]["spec"]["containers"][0]["envFrom"]
    copy = world.api.find(Ref("", "ConfigMap", NAMESPACE, source["configMapRef"]["name"])) or {}
    assert copy["data"] == {"A": "1"}


async def test_what_is_only_observed_goes_on_and_its_alarm_is_remembered() -> None:
    world = World(spec(analysis={"mode": "observe", "metrics": [METRIC]}), verdict="Harm")
    await world.adopted()
    await world.push("app:2")
    await world.until("Succeeded")
    assert world.status.history[0].alarm == "5 % errors"
    world.verdict = "Safe"
    await world.push("app:3")
    await world.until("Preparing")
    await world.until("Succeeded")
    assert world.status.history[0].alarm == ""


async def test_what_serves_is_released_beside_itself_to_see_how_often_an_alarm_is_false() -> None:
    world = World(spec(analysis={"mode": "observe", "metrics": [METRIC]}), verdict="Harm")
    await world.adopted()
    for attempt, slot in ((1, "b"), (2, "a")):
        await world.act("Retry")
        await world.until("Analysing")
        assert world.status.candidate is not None
        assert (world.status.candidate.slot, world.status.step) == (slot, 1), "no shortcut past the steps"
        await world.until("Succeeded")
        past = world.status.history[0]
        assert (len(world.status.history), past.hash, past.alarm) == (attempt, past.beside, "5 % errors")
        world.verdict = "Safe" if attempt == 2 else "Harm"
    await world.push("app:2")
    await world.until("Preparing")
    await world.until("Succeeded")
    assert world.status.history[0].hash != world.status.history[0].beside


async def test_an_aborted_rehearsal_leaves_what_serves_unblamed() -> None:
    world = World(spec(analysis={"mode": "observe", "metrics": [METRIC]}))
    await world.adopted()
    await world.act("Retry")
    await world.until("Analysing")
    await world.act("Abort")
    await world.until("Idle")
    assert world.status.failed is None
    assert world.route_weights() == [{"web-a": 100, "web-b": 0}]


async def test_where_verdicts_are_enforced_nothing_is_released_beside_itself(world: World) -> None:
    await world.act("Retry")
    await world.run(60)
    assert (world.status.phase, world.status.attempt) == ("Idle", 0)


async def test_where_the_deployment_is_gone_everything_goes_with_the_canary() -> None:
    world = World()
    await world.adopted()
    await world.api.delete(TEMPLATE)
    await world.api.delete(CANARY)
    await world.settle()
    made = (Ref("apps", "Deployment", NAMESPACE, "web-a"), Ref("", "Service", NAMESPACE, "web-a"), APEX, ROUTE, CANARY)
    assert [ref for ref in made if world.api.find(ref) is not None] == []
