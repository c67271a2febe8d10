"""A release never takes pods away from those who need them: budgets, going back, autoscalers. On a real API server."""

from __future__ import annotations

import asyncio
from operator import attrgetter

import pytest

from tests.support.beside import Beside, Stories, Story
from tests.support.canary_stage import Stage, canary, weights
from tests.support.capacity import history

METRIC = {"metrics": [{"name": "errors", "gateway": {"signal": "errors"}}]}
STORIES = Stories()
GIT = "argocd-controller"


@STORIES.add
async def a_disruption_budget_without_room_stops_no_release(stage: Stage) -> None:
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web", "namespace": stage.namespace},
        "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "web"}}},
    }
    await stage.api.create(budget)
    await stage.api.apply(canary(stage.namespace), field_manager=GIT)
    async with stage.operator():
        await stage.phase("Idle")
        await stage.push("app:2")
        await stage.phase("Succeeded")
        async with asyncio.timeout(60):
            while (await stage.find("Deployment", "web-a"))["status"].get("replicas"):
                await asyncio.sleep(0.1)


@STORIES.add
async def a_release_that_fails_takes_no_pod_from_stable(stage: Stage) -> None:
    await stage.api.apply(canary(stage.namespace, analysis=METRIC), field_manager=GIT)
    async with stage.operator():
        await stage.phase("Idle")
        async with history(stage.api, stage.namespace) as seen:
            stage.verdict = "Inconclusive"
            await stage.push("app:2")
            await stage.until("at 20 %", lambda one: one.status.phase == "Analysing")
            stage.verdict = "Harm"
            await stage.phase("RolledBack")
        assert seen.fewest("web-a") == 3
        assert seen.short(3) == []


@STORIES.add
async def going_back_waits_for_the_pods_that_stable_had_given_away(stage: Stage) -> None:
    steps = [{"weight": 80, "hold": "1h"}]
    spec = canary(stage.namespace, dynamicStableScale=True, steps=steps, replicas=5)
    await stage.api.apply(spec, field_manager=GIT)
    async with stage.operator():
        await stage.until("whole", lambda one: one.status.phase == "Idle" and one.status.ready_replicas == 5)
        async with history(stage.api, stage.namespace) as seen:
            await stage.push("app:2")
            await stage.phase("Analysing")
            async with asyncio.timeout(60):
                while (await stage.find("Deployment", "web-a"))["status"].get("availableReplicas") != 1:
                    await asyncio.sleep(0.1)
            stage.kubelet.rests = True
            await stage.act("Abort")
            async with asyncio.timeout(60):
                while (await stage.find("Deployment", "web-a"))["spec"]["replicas"] != 5:
                    await asyncio.sleep(0.1)
            await asyncio.sleep(2)
            assert weights(await stage.find("HTTPRoute", "web"))["web-b"] >= 60, "one pod cannot serve what five did"
            stage.kubelet.rests = False
            await stage.phase("RolledBack")
        # Going back, stable may lack a quarter of its pods, at least one, as in a rolling update.
        assert seen.short(5, lacking=1) == []
        assert weights(await stage.find("HTTPRoute", "web")) == {"web-a": 100, "web-b": 0}


@STORIES.add
async def scaled_after_an_abort_only_stable_grows_and_keeps_all_requests(stage: Stage) -> None:
    await stage.api.apply(canary(stage.namespace, analysis=METRIC), field_manager=GIT)
    async with stage.operator():
        await stage.phase("Idle")
        stage.verdict = "Inconclusive"
        await stage.push("app:2")
        await stage.phase("Analysing")
        await stage.act("Abort")
        await stage.phase("RolledBack")
        await stage.api.patch(stage.ref("Canary", "web"), {"spec": {"replicas": 6}}, subresource="scale")
        await stage.until("six pods", lambda one: one.status.ready_replicas == 6)
        assert weights(await stage.find("HTTPRoute", "web")) == {"web-a": 100, "web-b": 0}
        assert (await stage.find("Deployment", "web-b"))["spec"]["replicas"] == 0
        assert (await stage.canary()).status.phase == "RolledBack"


@pytest.mark.parametrize("story", STORIES, ids=attrgetter("name"))
@pytest.mark.asyncio(loop_scope="session")
async def test_story(story: Story, beside: Beside) -> None:
    await beside.told(story)
