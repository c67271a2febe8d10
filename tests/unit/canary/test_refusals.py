"""What the API server refuses reaches the user, and a release is not left alone for it."""

from __future__ import annotations

from typing import Any

import pytest

from operators.canary.actions import RunJob, WriteRoute
from operators.canary.jobs import KEPT_S, job, job_ref
from operators.canary.models import Gate, parse
from operators.canary.refusals import longest_wait, remedy
from operators.kit.errors import ApiError, Forbidden, PlatformError
from operators.kit.kube import Manifest, Ref
from tests.support.canary_world import CANARY, NAMESPACE, World, spec

GATE = {"name": "expand", "at": "start", "job": {"template": {"template": {"spec": {}}}}}
SAID = 'Job.batch "web-expand" is invalid: spec.template.spec.restartPolicy: Unsupported value: "Always"'


async def refusing(kind: str, error: ApiError, **more: Any) -> World:
    """A release whose writes of a kind are refused."""
    world = World(spec(**more))
    await world.adopted()
    await world.push("app:2")
    world.api.faults.add(lambda call: call.ref.kind == kind and call.is_write, error)
    return world


async def look(world: World) -> None:
    for _ in range(4):
        try:
            await world.look()
        except PlatformError:
            world.control()


async def test_a_job_that_is_refused_is_told_with_what_the_server_said_and_the_remedy() -> None:
    world = await refusing("Job", ApiError(422, "Invalid", SAID), gates=[GATE])
    await look(world)
    status, reason, message = world.condition("Stalled")
    assert (status, reason) == ("True", "Refused")
    assert SAID in message
    assert "mend the gate's job.template" in message
    event = world.api.find(Ref("", "Event", NAMESPACE, "web.c-1.1.refused"))
    assert event is not None
    assert SAID in event["message"]


async def test_harm_is_found_while_something_is_refused() -> None:
    world = World(spec())
    await world.adopted()
    await world.push("app:2")
    await world.until("Analysing")
    error = Forbidden(403, "Forbidden", "exceeded quota: pods")
    world.api.faults.add(lambda call: call.ref.name == "web-a" and call.is_write, error)
    await world.change(replicas=9)
    await look(world)
    world.verdict = "Harm"
    await look(world)
    assert world.status.phase == "RollingBack"


async def test_an_event_that_is_refused_stops_nothing() -> None:
    world = await refusing("Event", Forbidden(403, "Forbidden", "events is forbidden"))
    await world.until("Succeeded")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ApiError(422, "Invalid", "spec.rules: too many"), "spec.traffic"),
        (ApiError(403, "Forbidden", 'admission webhook "x" denied the request: no'), "admission policy"),
        (Forbidden(403, "Forbidden", "exceeded quota: pods"), "quota"),
        (Forbidden(403, "Forbidden", "cannot create resource"), "ServiceAccount"),
    ],
)
def test_each_refusal_has_a_remedy(error: ApiError, told: str) -> None:
    assert told in remedy(WriteRoute({}, "", "why"), error)


@pytest.mark.parametrize(
    ("phase", "deleting", "at_most"),
    [("Idle", False, 120), ("Analysing", False, 5), ("RollingBack", False, 5), ("Idle", True, 5)],
)
def test_a_release_is_never_left_alone_for_long(phase: str, deleting: bool, at_most: float) -> None:
    metadata = {"deletionTimestamp": "x"} if deleting else {}
    assert longest_wait({"metadata": metadata, "status": {"phase": phase}}) == at_most


def named(canary: str, gate: str, **template: Any) -> tuple[str, Manifest]:
    found = {"apiVersion": "automatrix.dev/v1alpha1", "kind": "Canary", "spec": spec()}
    made = parse({**found, "metadata": {"name": canary, "namespace": NAMESPACE, "uid": canary}})
    asked = Gate.model_validate({"name": gate, "at": "start", "job": {"template": template}})
    return job_ref(made, asked).name, job(made, asked)


def test_no_two_gates_have_the_same_job_and_no_name_is_too_long() -> None:
    assert named("web", "api-expand")[0] != named("web-api", "expand")[0]
    assert len(named("x" * 50, "y" * 20)[0]) <= 63


def test_a_job_goes_a_day_after_its_end_and_no_sooner() -> None:
    assert named("web", "g")[1]["spec"]["ttlSecondsAfterFinished"] == KEPT_S
    assert named("web", "g", ttlSecondsAfterFinished=5)[1]["spec"]["ttlSecondsAfterFinished"] == KEPT_S
    assert named("web", "g", ttlSecondsAfterFinished=10**6)[1]["spec"]["ttlSecondsAfterFinished"] == 10**6


async def test_a_job_of_somebody_else_passes_no_gate() -> None:
    world = World(spec(gates=[GATE]))
    await world.adopted()
    await world.push("app:2")
    await world.until("Preparing")
    action = RunJob(job(world.canary, world.canary.spec.gates[0]), "gate expand")
    theirs = {**action.manifest, "metadata": {**action.manifest["metadata"], "ownerReferences": []}}
    world.api.seed(theirs)
    found = world.api.find(CANARY)
    assert found is not None
    with pytest.raises(PlatformError, match="somebody else's"):
        await world.operator.execute[RunJob](world.api, found, action)
