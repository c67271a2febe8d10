"""What a user is told when something is wrong, and that what serves is left alone; gates; A/B; what is copied."""

from __future__ import annotations

from typing import Any

import pytest

from operators.canary.actions import ACTION_TYPES, RunJob
from operators.canary.execute import EXECUTE
from operators.canary.kill import KillSwitch
from operators.canary.seen import GateAnswer
from operators.canary.settings import Settings
from operators.kit.kube import Ref
from tests.support.canary_world import APEX, CANARY, NAMESPACE, ROUTE, World, deployment, spec

HPA = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "scaler", "namespace": NAMESPACE},
    "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"}},
}
RIVAL = {
    "apiVersion": "automatrix.dev/v1alpha1",
    "kind": "Canary",
    "metadata": {"name": "first", "namespace": NAMESPACE, "creationTimestamp": "2025-01-01"},
    "spec": spec(),
}
OURS_NOT = {**deployment("web-a", "other:1"), "metadata": {"name": "web-a", "namespace": NAMESPACE}}
ROWS = [
    pytest.param({}, [HPA], "TargetScaled", "point its scaleTargetRef at", id="an autoscaler on the template"),
    pytest.param({}, [RIVAL], "TargetShared", "first is older", id="two Canaries on one Deployment"),
    pytest.param({"targetRef": {"name": "none"}}, [], "TargetNotFound", "create it", id="no such Deployment"),
    pytest.param({}, [OURS_NOT], "NameTaken", "rename it", id="a slot's name is taken"),
    pytest.param(
        {"traffic": {"parentRefs": [{"name": "web"}], "mirror": {}}}, [], "RouterCannot", "mirroring", id="no mirroring"
    ),
    pytest.param(
        {"traffic": {"parentRefs": [{"name": "web"}], "affinity": {"cookie": "c"}}},
        [],
        "RouterCannot",
        "affinity",
        id="no affinity",
    ),
    pytest.param({"traffic": {"routes": [{"name": "x"}]}}, [], "RouteNotFound", "create it", id="no such route"),
]


@pytest.mark.parametrize(("change", "there", "reason", "remedy"), ROWS)
async def test_a_problem_is_named_with_its_remedy_and_nothing_is_touched(
    change: dict[str, Any], there: list[dict[str, Any]], reason: str, remedy: str
) -> None:
    world = World(spec(**change))
    world.deploy()
    world.api.seed(*there)
    world.create()
    await world.settle()
    assert world.condition("Stalled")[:2] == ("True", reason)
    assert remedy in world.condition("Ready")[2]
    assert world.apex() == {"app": "app"}
    assert world.replicas("app") == 4
    assert world.api.find(ROUTE) is None
    written = {call.ref.kind for call in world.api.writes}
    assert written <= {"Canary"}


@pytest.mark.parametrize(
    ("selector", "told"),
    [({"app": "app"}, "True"), ({"app": "app", "tier": "db"}, "False"), ({"app": "other"}, "False"), (None, "False")],
)
async def test_a_service_that_leads_past_the_weights_is_named_and_stops_nothing(
    selector: dict[str, str] | None, told: str
) -> None:
    world = World()
    world.deploy()
    world.create()
    await world.until("Idle")
    metadata = {"name": "metrics", "namespace": NAMESPACE}
    further = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"selector": selector}}
    world.api.seed(further)
    await world.push("app:2")
    await world.until("Succeeded")
    status, _, message = world.condition("Shielded")
    assert (status == "False", "Service metrics" in message) == ((told == "True"),) * 2
    assert world.condition("Ready")[0] == "True"


async def test_without_ports_it_says_where_to_name_them() -> None:
    world = World()
    world.deploy()
    await world.api.delete(APEX)
    world.create()
    await world.settle()
    assert world.condition("Stalled")[1] == "NoPorts"
    await world.change(service={"ports": [{"name": "http", "port": 80, "targetPort": 8080}]})
    await world.until("Idle")
    assert world.apex()["automatrix.dev/slot"] == "a"


async def test_a_problem_stops_new_releases_and_no_way_back() -> None:
    world = World()
    await world.adopted()
    await world.push("app:2")
    await world.until("Analysing")
    world.api.seed(HPA)
    world.verdict = "Harm"
    await world.until("RolledBack")
    await world.push("app:3")
    await world.run(20)
    assert world.status.phase == "RolledBack"
    await world.api.delete(Ref("autoscaling", "HorizontalPodAutoscaler", NAMESPACE, "scaler", "v2"))
    world.verdict = "Safe"
    await world.until("Succeeded")


@pytest.mark.parametrize("ends", ["Harm", "Abort"])
@pytest.mark.parametrize(
    "edit",
    [
        pytest.param({"traffic": {"parentRefs": [{"name": "web"}], "mirror": {}}}, id="what the router cannot"),
        pytest.param({"targetRef": {"name": "app"}, "rival": True}, id="somebody else was first"),
    ],
)
async def test_no_problem_bars_the_way_back(edit: dict[str, Any], ends: str) -> None:
    world = World()
    await world.adopted()
    await world.push("app:2")
    await world.until("Analysing")
    if edit.pop("rival", False):
        world.api.seed(RIVAL)
    await world.change(**edit)
    await world.run(10)
    if ends == "Abort":
        await world.act("Abort")
    else:
        world.verdict = "Harm"
    await world.until("RolledBack")
    assert world.route_weights() == [{"web-a": 100, "web-b": 0}]


def route(**more: Any) -> dict[str, Any]:
    """A route that serves Service web already."""
    wanted = {"parentRefs": [{"name": "web"}], "rules": [{"backendRefs": [{"name": "web", "port": 80}]}], **more}
    metadata = {"name": "web", "namespace": NAMESPACE}
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": metadata, "spec": wanted}


API_TOO = [
    {"backendRefs": [{"name": "web", "port": 80}]},
    {"matches": [{"path": {"type": "PathPrefix", "value": "/api"}}], "backendRefs": [{"name": "api", "port": 80}]},
]
REDIRECT = [{"filters": [{"type": "RequestRedirect"}], "backendRefs": [{"name": "web", "port": 80}]}]


@pytest.mark.parametrize(
    ("there", "named"),
    [
        pytest.param({"hostnames": ["shop.example.com"]}, "traffic.hostnames lacks shop.example.com", id="a host"),
        pytest.param({"parentRefs": [{"name": "other"}]}, "traffic.parentRefs lacks Gateway other", id="a Gateway"),
        pytest.param({"rules": API_TOO}, "rule 1 leads to api", id="another service"),
        pytest.param({"rules": REDIRECT}, "traffic.rules has nothing like rule 0", id="a filter"),
    ],
)
async def test_a_route_that_would_lose_something_is_not_taken_over(there: dict[str, Any], named: str) -> None:
    world = World()
    world.deploy()
    world.api.seed(route(**there))
    world.create()
    await world.settle()
    assert world.condition("Stalled")[:2] == ("True", "RouteDiffers")
    assert named in world.condition("Ready")[2]
    assert {call.ref.kind for call in world.api.writes} <= {"Canary"}


async def test_a_route_that_says_the_same_is_taken_over() -> None:
    world = World()
    world.deploy()
    world.api.seed(route())
    world.create()
    await world.until("Idle")
    assert world.route_weights() == [{"web-a": 100, "web-b": 0}]


async def test_a_route_that_is_written_back_is_mended_once_and_then_told_of() -> None:
    world = World(spec(traffic={"routes": [{"name": "web"}]}))
    world.deploy()
    world.api.seed(route())
    world.create()
    await world.until("Idle")
    await world.push("app:2")
    await world.until("Analysing")
    plain = {"spec": {"rules": route()["spec"]["rules"]}}
    for backends in (2, 1, 1):
        await world.api.patch(ROUTE, plain)
        world.control()
        for _ in range(4):
            await world.look()
        assert len(world.route_weights()[0]) == backends
        assert world.condition("Stalled")[1] == "RouteHealedBack"
        assert "ignoreDifferences" in world.condition("Stalled")[2]
    assert world.route_weights() == [{"web": 1}], "left alone for a while"
    world.verdict = "Harm"
    await world.until("RolledBack")


@pytest.mark.parametrize(
    "refs",
    [
        pytest.param(
            [{"name": "web", "port": 80, "weight": 7}, {"name": "other", "port": 80, "weight": 3}], id="shared"
        ),
        pytest.param([{"name": "web", "port": 80, "filters": [{"type": "RequestHeaderModifier"}]}], id="filters"),
    ],
)
async def test_a_rule_that_divides_already_is_left_alone(refs: list[dict[str, Any]]) -> None:
    world = World(spec(traffic={"routes": [{"name": "web"}]}))
    world.deploy()
    world.api.seed(route(rules=[{"backendRefs": refs}]))
    world.create()
    await world.settle()
    assert world.condition("Stalled")[1] == "RouteElsewhere"
    assert "a rule of its own" in world.condition("Ready")[2]
    assert {call.ref.kind for call in world.api.writes} <= {"Canary"}


@pytest.mark.parametrize(
    "at", [{"at": "start"}, {"at": "step", "step": 1}, {"at": "step", "step": 2}, {"at": "promote"}]
)
async def test_a_manual_gate_waits_for_ever_and_opens_by_promote(at: dict[str, Any]) -> None:
    world = World(spec(gates=[{"name": "person", "manual": True, **at}]))
    await world.adopted()
    await world.push("app:2")
    await world.run(300, step=10)
    assert world.status.phase in ("Preparing", "Held")
    assert "person" in world.status.message
    assert world.condition("Paused")[2].count("say Promote") == (world.status.phase == "Held"), "said once"
    await world.act("Promote")
    await world.until("Succeeded")


async def test_a_hook_that_refuses_or_never_answers_ends_the_release() -> None:
    unknown = GateAnswer("waiting", "gate hook: Name or service not known")
    for answer, told in ((GateAnswer("refused", "no"), "no"), (unknown, "no answer within 30s: gate hook: Name or")):
        gate = {"name": "hook", "at": "step", "step": 2, "webhook": {"url": "https://x.org"}, "timeout": "30s"}
        world = World(spec(gates=[gate]), answers={"hook": answer})
        await world.adopted()
        await world.push("app:2")
        await world.until("RolledBack")
        assert told in world.status.message


async def test_a_job_gate_starts_one_job_for_each_release() -> None:
    gate = {"name": "expand", "at": "start", "job": {"template": {"template": {"spec": {}}}}}
    world = World(spec(gates=[gate]))
    await world.adopted()
    await world.push("app:2")
    await world.run(10)
    jobs = [call for call in world.api.writes if call.ref.kind == "Job"]
    assert len(jobs) == 1
    assert world.replicas("web-b") is None, "not a pod before the schema has grown"
    found = world.api.find(Ref("batch", "Job", NAMESPACE, jobs[0].ref.name))
    assert found is not None
    world.api.seed({**found, "status": {"conditions": [{"type": "Complete", "status": "True"}]}})
    await world.until("Succeeded")


async def test_a_b_leads_who_matches_to_the_candidate_and_everybody_else_to_stable() -> None:
    test = {"cookie": {"name": "beta", "value": "yes"}, "hold": "5s", "percentReplicas": 50}
    world = World(spec(strategy="abTest", steps=None, abTest=test))
    await world.adopted()
    await world.push("app:2")
    await world.until("Analysing")
    assert world.route_weights() == [{"web-a": 0, "web-b": 100}, {"web-a": 100, "web-b": 0}]
    assert world.replicas("web-b") == 2
    await world.until("Succeeded")
    assert world.route_weights() == [{"web-a": 0, "web-b": 100}]


async def test_observing_tells_harm_and_goes_on() -> None:
    world = World(spec(analysis={"mode": "observe"}))
    await world.adopted()
    world.verdict = "Harm"
    await world.push("app:2")
    await world.until("Succeeded")


def test_everything_that_can_be_planned_can_be_done_and_be_killed_at() -> None:
    assert set(EXECUTE) == set(ACTION_TYPES)
    died: list[bool] = []
    switch = KillSwitch("RunJob:after:2", lambda: died.append(True))
    for _ in range(2):
        switch.at(RunJob({}, "why"), "before")
        switch.at(RunJob({}, "why"), "after")
    assert died == [True]
    with pytest.raises(ValueError, match="write Action:before"):
        KillSwitch("Nothing:after")


def test_settings_name_the_variable_that_is_wrong() -> None:
    assert Settings.from_environment({"POD_NAMESPACE": "x"}).namespace == "x"
    assert Settings.from_environment({"CANARY_WATCH_NAMESPACES": "a, b"}).watch_namespaces == ("a", "b")
    with pytest.raises(ValueError, match="CANARY_PORT='x'"):
        Settings.from_environment({"CANARY_PORT": "x"})


async def test_a_route_that_somebody_has_deleted_keeps_no_canary_from_going() -> None:
    world = World()
    await world.adopted()
    await world.api.delete(world.canary.ref)
    await world.api.delete(ROUTE)
    for _ in range(6):
        await world.look()
        await world.run(10, step=5)
    assert world.api.find(CANARY) is None
    assert world.apex() == {"app": "app"}


async def test_previews_in_somebody_elses_route_are_refused() -> None:
    preview = {"preview": {"name": "x", "value": "y"}}
    world = World(spec(strategy="blueGreen", steps=None, blueGreen=preview, traffic={"routes": [{"name": "shop"}]}))
    world.deploy()
    world.create()
    await world.settle()
    assert "name traffic.parentRefs" in world.condition("Ready")[2]


async def test_what_stands_in_the_way_is_told_once_and_not_kept() -> None:
    world = World()
    await world.adopted()
    world.gateway = False
    await world.push("app:2")
    await world.until("Shifting")
    for _ in range(5):
        await world.look()
    assert world.status.message.count("unconfirmed") == 1
    world.gateway = True
    await world.until("Succeeded")
    assert "unconfirmed" not in world.status.history[0].reason


async def test_pods_that_do_not_come_up_are_told_in_the_kubelets_words() -> None:
    world = World()
    await world.adopted()
    await world.push("app:bad")
    waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
    world.api.seed(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": "web-b-1",
                "namespace": NAMESPACE,
                "labels": {"automatrix.dev/canary": "web", "automatrix.dev/slot": "b"},
            },
            "status": {"containerStatuses": [{"name": "main", "state": {"waiting": waiting}}]},
        }
    )
    await world.run(20)
    assert "ImagePullBackOff: no such image" in world.status.message
    failed = (await world.until("RolledBack")).failed
    assert failed is not None
    assert "ImagePullBackOff" in failed.reason
