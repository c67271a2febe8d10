"""Releases on a real API server with real controllers; the kubelet and the gateway are played."""

from __future__ import annotations

import asyncio
from operator import attrgetter

import pytest

from operators.canary.names import TRACKING
from operators.canary.seen import GateAnswer
from operators.kit.kube import Ref
from tests.support.beside import Beside, Stories, Story
from tests.support.canary_stage import GATEWAY, HANGS_S, Stage, canary, deployment, weights

METRIC = {"metrics": [{"name": "errors", "gateway": {"signal": "errors"}}]}
SLOT_A = {"automatrix.dev/canary": "web", "automatrix.dev/slot": "a"}
SLOT_B = {"automatrix.dev/canary": "web", "automatrix.dev/slot": "b"}
STORIES = Stories()
CONFIG = {"envFrom": [{"configMapRef": {"name": "settings"}}]}


@STORIES.add
async def a_life_adopted_released_and_given_back(stage: Stage) -> None:
    await stage.api.apply(canary(stage.namespace), field_manager="argocd-controller")
    async with stage.operator():
        adopted = await stage.phase("Idle")
        assert adopted.spec.replicas == 3
        assert (await stage.find("Deployment", "app"))["spec"]["replicas"] == 0
        apex = await stage.find("Service", "web")
        assert apex["spec"]["selector"] == SLOT_A
        assert TRACKING not in apex["metadata"]["annotations"], "GitOps does not prune what the Canary has taken over"
        pod = (await stage.find("Deployment", "web-a"))["spec"]["template"]["spec"]["containers"][0]
        copied = pod["envFrom"][0]["configMapRef"]["name"]
        assert copied.startswith("web-configmap-")
        assert (await stage.find("ConfigMap", copied))["immutable"] is True
        assert pod["env"][0]["valueFrom"]["secretKeyRef"]["name"].startswith("web-secret-")

        await stage.push("app:2", **CONFIG)
        await stage.phase("Succeeded")
        assert weights(await stage.find("HTTPRoute", "web")) == {"web-a": 0, "web-b": 100}
        assert (await stage.find("Service", "web"))["spec"]["selector"] == SLOT_B
        assert (await stage.find("Deployment", "web-b"))["spec"]["replicas"] == 3

        await stage.api.patch(stage.ref("ConfigMap", "settings"), {"data": {"A": "2"}})
        await stage.phase("Preparing")
        released = await stage.phase("Succeeded")
        assert released.status.stable is not None
        assert released.status.stable.slot == "a"

        leads = [(await stage.find(kind, "web"))["metadata"]["uid"] for kind in ("Service", "HTTPRoute")]
        # As GitOps prunes: what has an ownerReference would go at once, long before the Canary.
        await stage.api.delete(stage.ref("Canary", "web"), propagation="Foreground")
        await stage.until_gone("Canary", "web")
    assert [(await stage.find(kind, "web"))["metadata"]["uid"] for kind in ("Service", "HTTPRoute")] == leads
    template = await stage.find("Deployment", "app")
    assert template["spec"]["replicas"] == 3
    assert template["status"]["availableReplicas"] == 3
    assert (await stage.find("Service", "web"))["spec"]["selector"] == {"app": "web"}
    assert weights(await stage.find("HTTPRoute", "web")) == {"web": 1}
    await stage.until_gone("Deployment", "web-b")


@STORIES.add
async def a_job_that_the_server_refuses_is_told_with_its_words_and_the_release_can_be_aborted(stage: Stage) -> None:
    job = {"template": {"template": {"spec": {"containers": [{"name": "main", "image": "migrate:1"}]}}}}
    gates = [{"name": "expand", "at": "start", "job": job}]
    await stage.api.apply(canary(stage.namespace, gates=gates), field_manager="argocd-controller")
    async with stage.operator():
        await stage.phase("Idle")
        await stage.push("app:2")
        told = await stage.until("refused", lambda one: any(c.reason == "Refused" for c in one.status.conditions))
        stalled = next(c for c in told.status.conditions if c.type == "Stalled")
        assert "restartPolicy" in stalled.message
        assert "mend the gate's job.template" in stalled.message
        await stage.act("Abort")
        await stage.phase("RolledBack")


@STORIES.add
async def a_bad_image_leaves_stable_whole_and_the_next_one_takes_its_place(stage: Stage) -> None:
    await stage.api.apply(canary(stage.namespace, progressDeadline="30s"), field_manager="argocd-controller")
    async with stage.operator():
        await stage.phase("Idle")
        await stage.push("app:bad")
        await stage.phase("Preparing")
        await stage.push("app:worse-bad")
        failed = await stage.phase("RolledBack")
        assert failed.status.failed is not None
        stable = await stage.find("Deployment", "web-a")
        assert stable["status"]["availableReplicas"] == 3
        await stage.push("app:3")
        await stage.phase("Succeeded")


@STORIES.add
async def harm_abort_and_retry(stage: Stage) -> None:
    await stage.api.apply(canary(stage.namespace, analysis=METRIC), field_manager="argocd-controller")
    async with stage.operator():
        await stage.phase("Idle")
        stage.verdict = "Inconclusive"
        await stage.push("app:2")
        await stage.phase("Analysing")
        stage.verdict = "Harm"
        await stage.phase("RolledBack")
        assert weights(await stage.find("HTTPRoute", "web")) == {"web-a": 100, "web-b": 0}
        stage.verdict = "Inconclusive"
        await stage.act("Retry")
        await stage.phase("Analysing")
        await stage.api.patch(stage.ref("Canary", "web"), {"spec": {"action": {"id": "2", "verb": "Abort"}}})
        aborted = await stage.phase("RolledBack")
        assert [past.outcome for past in aborted.status.history] == ["Aborted", "Failed"]


@STORIES.add
async def a_job_runs_before_the_first_pod_and_a_hook_before_the_promotion(stage: Stage) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "migrate:1"}]}}
    stage.kubelet.migrates = False
    gates = [
        {"name": "expand", "at": "start", "job": {"template": {"template": template}}},
        {"name": "board", "at": "promote", "webhook": {"url": "https://example.org/"}},
    ]
    await stage.api.apply(canary(stage.namespace, gates=gates), field_manager="argocd-controller")
    async with stage.operator():
        await stage.phase("Idle")
        await stage.push("app:2")
        await stage.until("gated", lambda one: "expand" in one.status.message)
        async with asyncio.timeout(HANGS_S):
            while not (await stage.api.list("batch", "v1", "Job", namespace=stage.namespace)).items:
                await asyncio.sleep(0.05)
        assert (await stage.api.get(stage.ref("Deployment", "web-b"))) is None
        stage.kubelet.migrates = True
        held = await stage.phase("Held")
        assert held.status.weight.desired == 60
        stage.answers["board"] = GateAnswer("refused", "not on a Friday")
        back = await stage.phase("RolledBack")
        assert "not on a Friday" in back.status.message


@STORIES.add
async def blue_green_goes_there_and_back_at_once(stage: Stage) -> None:
    header = {"name": "x-preview", "value": "yes"}
    preview = {"preview": header, "previewHostnames": ["next.example.com"], "hold": "1s"}
    spec = canary(stage.namespace, strategy="blueGreen", steps=None, blueGreen=preview, rollbackWindow="1m")
    await stage.api.apply(spec, field_manager="argocd-controller")
    async with stage.operator():
        await stage.phase("Idle")
        assert await _previewed(stage) == "web-a"
        await stage.push("app:2")
        await stage.phase("Analysing")
        while await _previewed(stage) != "web-b":
            await asyncio.sleep(0.1)
        rules = (await stage.find("HTTPRoute", "web"))["spec"]["rules"]
        assert rules[0]["matches"][0]["headers"] == [{"type": "Exact", "name": "x-preview", "value": "yes"}]
        assert weights(await stage.find("HTTPRoute", "web")) == {"web-a": 100, "web-b": 0}
        assert (await stage.find("Deployment", "web-b"))["spec"]["replicas"] == 3
        await stage.phase("Succeeded")
        assert len((await stage.find("HTTPRoute", "web"))["spec"]["rules"]) == 1
        await stage.push("app:1", envFrom=CONFIG["envFrom"], env=_key())
        back = await stage.until(
            "back", lambda one: one.status.phase == "Succeeded" and one.status.stable is not None
            and one.status.stable.slot == "a",
        )  # fmt: skip
        assert back.status.history[0].reason == "back to the revision before"
        assert await _previewed(stage) == "web-a"
        await stage.api.patch(stage.ref("Canary", "web"), {"spec": {"blueGreen": {"previewHostnames": None}}})
        while await stage.api.get(stage.ref("HTTPRoute", "web-preview")) is not None:
            await asyncio.sleep(0.1)


async def _previewed(stage: Stage) -> str:
    """Where the preview's host leads."""
    route = await stage.find("HTTPRoute", "web-preview")
    assert route["spec"]["hostnames"] == ["next.example.com"]
    [rule] = route["spec"]["rules"]
    [backend] = rule["backendRefs"]
    return str(backend["name"])


def _key() -> list[dict[str, object]]:
    return [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "key"}}}]


@STORIES.add
async def somebody_elses_route_gets_its_weights_and_nothing_else(stage: Stage) -> None:
    other = {"name": "other", "port": 80, "weight": 7}
    route = {
        "apiVersion": f"{GATEWAY}/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "shop", "namespace": stage.namespace},
        "spec": {
            "parentRefs": [{"name": "web"}],
            "rules": [
                {"backendRefs": [other]},
                {"matches": [{"path": {"value": "/web"}}], "backendRefs": [{"name": "web", "port": 80}]},
            ],
        },
    }
    await stage.api.create(route, field_manager="somebody")
    traffic = {"routes": [{"name": "shop"}]}
    await stage.api.apply(canary(stage.namespace, traffic=traffic), field_manager="argocd-controller")
    async with stage.operator():
        await stage.phase("Idle")
        await stage.push("app:2")
        await stage.phase("Succeeded")
        live = await stage.find("HTTPRoute", "shop")
        assert weights(live) == {"web-a": 0, "web-b": 100}
        assert live["spec"]["rules"][0]["backendRefs"][0]["weight"] == 7
        await stage.api.delete(stage.ref("Canary", "web"))
        await stage.until_gone("Canary", "web")
    assert list(weights(await stage.find("HTTPRoute", "shop"))) == ["web"]


@STORIES.add
async def an_autoscaler_of_the_template_is_named_with_its_remedy(stage: Stage) -> None:
    autoscaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "app", "namespace": stage.namespace},
        "spec": {"maxReplicas": 9, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "app"}},
    }
    await stage.api.create(autoscaler)
    await stage.api.apply(canary(stage.namespace), field_manager="argocd-controller")
    async with stage.operator():
        told = await stage.until("told", lambda one: "HorizontalPodAutoscaler" in one.status.message)
        assert "kind Canary, name web" in told.status.message
        assert (await stage.find("Service", "web"))["spec"]["selector"] == {"app": "web"}
        await stage.api.delete(Ref("autoscaling", "HorizontalPodAutoscaler", stage.namespace, "app", "v2"))
        await stage.api.patch(stage.ref("Canary", "web"), {"spec": {"replicas": 3}})
        await stage.phase("Idle")


@STORIES.add
async def replicas_in_git_are_told_and_not_fought_over(stage: Stage) -> None:
    await stage.api.apply(canary(stage.namespace), field_manager="argocd-controller")
    async with stage.operator():
        await stage.phase("Idle")
        healed = deployment(stage.namespace, {"name": "main", "image": "app:1"}, replicas=3)
        await stage.api.patch(stage.ref("Deployment", "app"), {"spec": {"replicas": healed["spec"]["replicas"]}})
        told = await stage.until("told", lambda one: "ignoreDifferences" in one.status.message)
        assert "/spec/replicas" in told.status.message
        assert (await stage.find("Deployment", "app"))["spec"]["replicas"] == 3


@STORIES.add
async def a_target_that_comes_later_is_adopted_then(stage: Stage) -> None:
    found = await stage.find("Deployment", "app")
    await stage.api.delete(stage.ref("Deployment", "app"))
    await stage.until_gone("Deployment", "app")
    await stage.api.apply(canary(stage.namespace), field_manager="argocd-controller")
    async with stage.operator():
        await stage.until("told", lambda one: "does not exist: create it" in one.status.message)
        container = found["spec"]["template"]["spec"]["containers"][0]
        await stage.api.create(deployment(stage.namespace, container, replicas=2))
        assert (await stage.phase("Idle")).spec.replicas == 2


@pytest.mark.parametrize("story", STORIES, ids=attrgetter("name"))
@pytest.mark.asyncio(loop_scope="session")
async def test_story(story: Story, beside: Beside) -> None:
    await beside.told(story)
