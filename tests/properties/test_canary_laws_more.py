"""What holds for every Canary, whatever happens to it in whatever order.

The world itself asserts at every pass that no weight rises without ready pods and that no slot loses pods while it may
get requests; here it is only given reasons to.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from operators.canary.capacity import Shift, allowed, needed, possible
from operators.canary.configs import references, with_copies
from operators.canary.models.base import format_duration, parse_duration
from tests.support.canary_world import CANARY, ROUTE, World, spec

EVENTS = (
    *(
        "push 2",
        "push 3",
        "push bad",
        "push 1",
        "harm",
        "safe",
        "unknown",
        "grow",
        "shrink",
        "abort",
        "promote",
        "full",
    ),
    *("retry", "suspend", "resume", "blind", "see", "sick", "well", "look", "wait", "rest", "restart"),
    *("lose", "config 1", "config 2", "steps 1", "steps 3", "unroute"),
    *("mirror {}", "mirror", "host new.localhost", "host web.localhost", "observe", "enforce"),
)
STEPS = {
    "1": [{"weight": 30, "hold": "5s"}],
    "3": [{"weight": 5, "hold": "5s"}, {"weight": 20, "hold": "5s"}, {"weight": 60, "hold": "5s", "maxHold": "9s"}],
}
SHIFTS = st.builds(
    Shift,
    current=st.integers(0, 100),
    desired=st.integers(0, 100),
    candidate_ready=st.integers(0, 30),
    stable_ready=st.integers(0, 30),
    replicas=st.integers(0, 30),
    going_back=st.booleans(),
)
FEW = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


async def befall(world: World, word: str, what: str) -> None:
    """Have somebody else do something."""
    if word == "config":
        world.configure(what)
    if word == "steps":
        await world.change(steps=STEPS[what])
    if word == "mirror":  # which no router can: nothing new is begun while it stands
        await world.change(traffic={"mirror": {} if what else None})
    if word == "host":
        await world.change(traffic={"hostnames": [what]})
    if word in ("observe", "enforce"):
        await world.change(analysis={"mode": word})
    if word == "lose" and (world.replicas("web-b") or 0) > 0:
        world.lose("web-b", 0)
        await world.look()
    if word == "unroute" and world.api.find(ROUTE) is not None:
        await world.api.delete(ROUTE)
    if word == "rest":  # nothing happens, no time passes: it comes to an end, and stays there
        await world.settle()
        before = world.api.store.version
        await world.look()
        assert world.api.store.version == before, "a plan applied to its own result is empty"


async def happen(world: World, event: str) -> None:
    """Have something happen, and the operator look once."""
    word, _, what = event.partition(" ")
    if word == "push":
        await world.push(f"app:{what}")
    verdicts: dict[str, Any] = {"harm": "Harm", "safe": "Safe", "unknown": "Inconclusive"}
    world.verdict = verdicts.get(word, world.verdict)
    if word in ("grow", "shrink"):
        await world.change(replicas={"grow": 7, "shrink": 2}[word])
    verbs = {"abort": "Abort", "promote": "Promote", "full": "PromoteFull", "retry": "Retry"}
    if word in verbs:
        await world.act(verbs[word], f"{word}-{len(world.api.calls)}")
    if word in ("suspend", "resume"):
        await world.change(suspend=word == "suspend")
    world.gateway = {"blind": False, "see": True}.get(word, world.gateway)
    world.kubelet = {"sick": False, "well": True}.get(word, world.kubelet)
    await befall(world, word, what)
    if word == "wait":
        world.now += timedelta(seconds=7)
    world.control()
    for _ in range({"look": 4}.get(word, 1)):
        await world.look()


async def calm(world: World, image: str) -> None:
    """All is well again, and the template asks for `image`."""
    world.verdict, world.gateway, world.kubelet = "Safe", True, True
    await world.change(suspend=False, replicas=4, traffic={"mirror": None}, analysis={"mode": "enforce"})
    await world.push(image)
    for _ in range(12):
        await world.run(20, step=5)
        if world.status.phase in ("RolledBack", "Frozen"):
            await world.act("Retry" if world.status.phase == "RolledBack" else "Abort", f"calm-{len(world.api.calls)}")
    await world.settle()


@FEW
@given(events=st.lists(st.sampled_from(EVENTS), max_size=25), dynamic=st.booleans(), freeze=st.booleans())
def test_whatever_happens_in_whatever_order_it_ends_where_the_template_asks(
    events: list[str], dynamic: bool, freeze: bool
) -> None:
    async def story() -> None:
        failure = {"action": "Freeze" if freeze else "Rollback"}
        world = World(spec(dynamicStableScale=dynamic, failure=failure), config=True)
        world.configure("0")
        await world.adopted()
        for event in events:
            await happen(world, event)
        await calm(world, "app:9")
        status = world.status
        assert status.stable is not None
        assert status.phase in ("Idle", "Succeeded"), (status.phase, status.message)
        assert world.image(f"web-{status.stable.slot}") == "app:9"
        assert world.route_weights()[-1][f"web-{status.stable.slot}"] == 100
        assert world.apex()["automatrix.dev/slot"] == status.stable.slot
        before = world.api.store.version
        await world.look()
        assert world.api.store.version == before, "a plan applied to its own result is empty"

    asyncio.run(story())


@FEW
@given(events=st.lists(st.sampled_from(EVENTS), max_size=15), verdict=st.sampled_from(["Harm", "Safe"]))
def test_deleted_at_any_time_it_gives_everything_back(events: list[str], verdict: str) -> None:
    async def story() -> None:
        world = World(config=True)
        world.configure("0")
        await world.adopted()
        for event in events:
            await happen(world, event)
        world.gateway = world.kubelet = True
        await world.change(traffic={"mirror": None})
        await world.push("app:5")
        await world.api.delete(world.canary.ref)
        for _ in range(12):
            await world.look()
            await world.run(10, step=5)
        assert world.api.find(CANARY) is None
        assert world.apex() == {"app": "app"}
        assert world.replicas("web-a") is None
        assert (world.replicas("app") or 0) > 0

    asyncio.run(story())


@given(shift=SHIFTS)
def test_nobody_gets_more_without_pods_that_are_ready_for_it(shift: Shift) -> None:
    weight = allowed(shift)
    assert 0 <= weight <= 100
    if weight > shift.current:
        assert shift.candidate_ready >= needed(weight, shift.replicas)
    if weight < shift.current:
        slack = max(1, shift.replicas // 4) if shift.going_back else 0
        assert shift.stable_ready + slack >= needed(100 - weight, shift.replicas)
        assert shift.stable_ready > 0 or shift.replicas == 0 or weight == shift.current


@given(shift=SHIFTS)
def test_what_is_allowed_is_enough_at_once_or_comes_nearer(shift: Shift) -> None:
    once = allowed(shift)
    assert allowed(Shift(once, shift.desired, *_rest(shift))) == once


def _rest(shift: Shift) -> tuple[int, int, int, bool]:
    return shift.candidate_ready, shift.stable_ready, shift.replicas, shift.going_back


@given(ready=st.integers(0, 200), replicas=st.integers(1, 200))
def test_what_pods_can_take_needs_no_more_pods(ready: int, replicas: int) -> None:
    assert needed(possible(ready, replicas), replicas) <= ready


@given(milliseconds=st.integers(0, 10**10))
def test_a_duration_is_read_as_it_is_written(milliseconds: int) -> None:
    duration = timedelta(milliseconds=milliseconds)
    assert abs(parse_duration(format_duration(duration)) - duration) < timedelta(milliseconds=1)


def test_every_place_of_a_reference_is_found_and_replaced() -> None:
    pod: dict[str, Any] = {
        "volumes": [
            {"name": "v", "configMap": {"name": "c"}},
            {"name": "s", "secret": {"secretName": "s"}},
            {"name": "p", "projected": {"sources": [{"configMap": {"name": "c"}}, {"secret": {"name": "s"}}]}},
        ],
        "imagePullSecrets": [{"name": "s"}],
        "initContainers": [{"env": [{"valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}]}],
        "containers": [
            {"envFrom": [{"secretRef": {"name": "s"}}], "env": [{"valueFrom": {"secretKeyRef": {"name": "s"}}}]}
        ],
    }
    names = {("ConfigMap", "c"): "c-1", ("Secret", "s"): "s-1"}
    changed = with_copies({"spec": pod}, names)["spec"]
    assert {one.name for one in references(changed)} == {"c-1", "s-1"}
    assert len(list(references(changed))) == len(list(references(pod))) == 7
    assert changed["imagePullSecrets"] == [{"name": "s"}]
