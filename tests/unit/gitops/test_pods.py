"""Why a workload does not come up, as its pods tell it: one row per thing that goes wrong."""

from __future__ import annotations

from typing import Any

import pytest

from operators.gitops.health import pods
from operators.kit.errors import Forbidden
from operators.kit.kube import Manifest, Ref
from tests.support.gitops_world import World, application, config, deployment

HEAL = {"prune": True, "selfHeal": True}
WORKLOAD = deployment("web", namespace="shop")
PASSWORD = "hunter2-in-the-log"
SECRET_ENV = {"env": [{"name": "P", "valueFrom": {"secretKeyRef": {"name": "db", "key": "p"}}}]}


def pod(
    name: str = "web-1-a", *containers: dict[str, Any], made: int = 1, template: str = "1", **more: Any
) -> Manifest:
    """A pod of the Deployment `web`, with its containers' statuses; `spec` and `status` add to it."""
    owner = {"kind": "ReplicaSet", "name": f"web-{template}", "uid": "r", "controller": True}
    metadata = {
        "name": name,
        "namespace": "shop",
        "labels": {"app": "web", "pod-template-hash": template},
        "creationTimestamp": f"2026-01-01T12:00:0{made}Z",
        "ownerReferences": [owner],
    }
    spec = {"containers": [{"name": "web"}], **more.get("spec", {})}
    status = {"phase": "Pending", "containerStatuses": list(containers), **more.get("status", {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}


def waits(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    return {"name": "web", "state": {"waiting": {"reason": reason, "message": message}}, **more}


def ended(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


def condition(kind: str, status: str, **more: Any) -> dict[str, Any]:
    return {"conditions": [{"type": kind, "status": status, **more}]}


READY = pod("web-0-z", made=0, status={"phase": "Running", **condition("Ready", "True")}, template="0")
PULL = 'Back-off pulling image "web:2": ErrImagePull: not found'
RUNS = {"name": "web", "state": {"running": {}}}
INIT = {"initContainerStatuses": [{"name": "db", "state": ended(2)}]}
FULL = condition("PodScheduled", "False", reason="Unschedulable", message="0/1 nodes: Insufficient cpu")
BEFORE = "kubectl -n shop logs web-1-a -c web --previous"


@pytest.mark.parametrize(
    ("found", "want"),
    [
        pytest.param([], "", id="no pod at all"),
        pytest.param([READY], "", id="one that is well"),
        pytest.param(
            [READY, pod("web-1-a", waits("ImagePullBackOff", PULL))],
            f"pod web-1-a: container web: ImagePullBackOff: {PULL}",
            id="an image that is not there, beside the old pods",
        ),
        pytest.param(
            [pod("web-1-a", waits("ErrImagePull", 'Get "https://s3.example/blob?X-Amz-Signature=abc": 403'))],
            'pod web-1-a: container web: ErrImagePull: Get "https://s3.example/blob?…": 403',
            id="a signed address of a registry",
        ),
        pytest.param(
            [pod("web-1-a", waits("CreateContainerConfigError", 'secret "db" not found'))],
            'pod web-1-a: container web: CreateContainerConfigError: secret "db" not found',
            id="a Secret that is missing",
        ),
        pytest.param(
            [pod("web-1-a", waits("CrashLoopBackOff", "back-off", lastState=ended(3, message="log\nno port\n")))],
            "pod web-1-a: container web: CrashLoopBackOff: it ended with exit code 3: no port",
            id="a program that ends, with its last words",
        ),
        pytest.param(
            [pod("web-1-a", waits("CrashLoopBackOff", lastState=ended(137, "OOMKilled")))],
            f"pod web-1-a: container web: CrashLoopBackOff: it ended with exit code 137 (OOMKilled); {BEFORE}",
            id="a program that takes too much memory",
        ),
        pytest.param(
            [pod("web-1-a", waits("RunContainerError", lastState=ended(128, "StartError", "no such file")))],
            "pod web-1-a: container web: RunContainerError: it ended with exit code 128 (StartError): no such file",
            id="a program that is not there",
        ),
        pytest.param(
            [pod("web-1-a", {**RUNS, "lastState": ended(1)}, status={"phase": "Running"})],
            f"pod web-1-a: container web runs again and is not ready: it ended with exit code 1; {BEFORE}",
            id="between two crashes",
        ),
        pytest.param(
            [pod("web-1-a", RUNS, status={"phase": "Running"})],
            "pod web-1-a: container web runs and is not ready: its startup or readiness probe has not succeeded",
            id="a probe that fails",
        ),
        pytest.param(
            [pod("web-1-a", waits("PodInitializing"), status=INIT)],
            "pod web-1-a: init container db has ended: it ended with exit code 2; kubectl -n shop logs web-1-a -c db",
            id="an init container that fails",
        ),
        pytest.param(
            [pod(status=FULL)],
            "pod web-1-a: Unschedulable: 0/1 nodes: Insufficient cpu",
            id="no node has room",
        ),
        pytest.param(
            [pod(status={"phase": "Failed", "reason": "Evicted", "message": "low on resource: memory"})],
            "pod web-1-a: Evicted: low on resource: memory",
            id="evicted",
        ),
        pytest.param(
            [pod("web-1-a", waits("ContainerCreating"), made=2), pod("web-1-b", waits("ErrImagePull", "no"))],
            "pod web-1-b: container web: ErrImagePull: no",
            id="what cannot run comes before what starts",
        ),
        pytest.param(
            [pod("web-2-a", waits("ContainerCreating"), made=2, template="2"), pod("web-1-a", waits("ErrImagePull"))],
            "pod web-2-a: container web: ContainerCreating",
            id="only the newest template counts",
        ),
    ],
)
def test_why(found: list[Manifest], want: str) -> None:
    assert pods.why(WORKLOAD, found) == want


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"containers": [{"name": "web", **SECRET_ENV}]}, id="as a variable"),
        pytest.param({"containers": [{"name": "web", "envFrom": [{"secretRef": {"name": "db"}}]}]}, id="as variables"),
        pytest.param({"initContainers": [{"name": "db", **SECRET_ENV}]}, id="in an init container"),
        pytest.param({"volumes": [{"name": "s", "secret": {"secretName": "db"}}]}, id="as files"),
        pytest.param({"volumes": [{"name": "s", "projected": {"sources": [{"secret": {}}]}}]}, id="as projected files"),
        pytest.param({"volumes": [{"name": "s", "csi": {"driver": "secrets-store.csi.k8s.io"}}]}, id="from a store"),
    ],
)
def test_a_program_that_is_given_a_secret_is_not_quoted(spec: dict[str, Any]) -> None:
    found = pod("web-1-a", waits("CrashLoopBackOff", lastState=ended(1, message=PASSWORD)), spec=spec)
    text = pods.why(WORKLOAD, [found])
    assert PASSWORD not in text
    assert text.endswith(BEFORE)


def test_pods_of_others_and_those_that_go_are_not_asked() -> None:
    other = pod("web-1-a", waits("ErrImagePull"))
    other["metadata"]["ownerReferences"][0]["name"] = "webmail-1"
    going = pod("web-1-b", waits("ErrImagePull"))
    going["metadata"]["deletionTimestamp"] = "2026-01-01T12:00:00Z"
    assert pods.why(WORKLOAD, [other, going]) == ""


def test_a_selector_as_the_api_takes_it() -> None:
    expressions = [
        {"key": "tier", "operator": "In", "values": ["a", "b"]},
        {"key": "old", "operator": "DoesNotExist"},
    ]
    workload = {"spec": {"selector": {"matchLabels": {"app": "web"}, "matchExpressions": expressions}}}
    assert pods.selector_of(workload) == "app=web,tier in (a,b),!old"
    assert pods.selector_of({"spec": {}}) == ""


# -- in the loop -------------------------------------------------------------------------------------------------------


def asked(world: World) -> int:
    return sum(call.verb == "list" and call.ref.kind == "Pod" for call in world.api.calls)


def rolling(**status: Any) -> dict[str, Any]:
    return {"status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, **status}}


async def push_a_deployment(world: World) -> str:
    world.git.commit(web=[config("a")])
    await world.create(application(automated=HEAL))
    web = deployment("web")
    web["spec"]["replicas"] = 1
    revision = await world.push(web=[config("a"), web])
    await world.api.patch(Ref("apps", "Deployment", "shop", "web"), rolling(), subresource="status")
    await world.settle()
    return revision


async def test_a_push_that_does_not_become_healthy_is_told_why(world: World) -> None:
    revision = await push_a_deployment(world)
    world.api.seed(pod("web-1-a", waits("ImagePullBackOff", PULL)))
    assert asked(world) == 0, "an ordinary start is nobody's question"
    await world.later(seconds=4)
    assert world.told(revision)[0].endswith(f"pod web-1-a: container web: ImagePullBackOff: {PULL}")
    assert not world.is_told(revision)
    assert asked(world) == 1
    await world.look()
    assert asked(world) == 1, "an event is no reason to ask again"
    ready = rolling(availableReplicas=1, readyReplicas=1)
    await world.api.patch(Ref("apps", "Deployment", "shop", "web"), ready, subresource="status")
    await world.settle()
    await world.later(seconds=60)
    assert world.told(revision)[0].endswith("healthy 4.0 s")
    assert asked(world) == 1, "one that is well is not asked"


async def test_a_deadline_that_is_exceeded_says_why_in_receipt_and_status(world: World) -> None:
    revision = await push_a_deployment(world)
    world.api.seed(pod("web-1-a", waits("ImagePullBackOff", PULL)))
    late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    status = rolling(conditions=[late])
    await world.api.patch(Ref("apps", "Deployment", "shop", "web"), status, subresource="status")
    await world.later(seconds=11)
    await world.later(seconds=11)
    assert world.is_told(revision)
    assert "failed Deployment shop/web: exceeded its progress deadline: pod web-1-a: " in world.told(revision)[0]
    health = [entry["health"] for entry in world.status()["resources"] if entry["kind"] == "Deployment"]
    assert PULL in health[0]["message"]


async def test_a_wave_that_waits_says_why(world: World) -> None:
    web = deployment("web")
    web["spec"]["replicas"] = 1
    world.git.commit(web=[web, config("late", wave=1)])
    await world.create(application(automated=HEAL))
    await world.api.patch(Ref("apps", "Deployment", "shop", "web"), rolling(), subresource="status")
    world.api.seed(pod("web-1-a", waits("ImagePullBackOff", PULL)))
    await world.settle()
    await world.later(seconds=4)
    assert PULL in world.status()["operationState"]["message"]


async def test_pods_that_cannot_be_read_freeze_nothing(world: World) -> None:
    revision = await push_a_deployment(world)
    world.api.faults.add(
        lambda call: call.verb == "list" and call.ref.kind == "Pod", Forbidden(403, "Forbidden", "no right")
    )
    await world.later(seconds=4)
    assert "its pods cannot be asked why" in world.told(revision)[0]
    assert world.conditions() == {}
