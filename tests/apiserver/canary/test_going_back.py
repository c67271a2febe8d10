"""What is gone back from, what is tried again and what is not. On a real API server, with the operator's own judge."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter

import pytest

from operators.canary.instruments import Trusting
from operators.canary.models import Canary
from operators.canary.routers import Feature
from operators.canary.terms import Counts, Reading, Sample, Slot
from operators.kit.kube import KubeApi, Manifest
from tests.support.beside import Beside, Stories, Story
from tests.support.canary_stage import Stage, canary, weights

STORIES = Stories()
GIT = "argocd-controller"
LOOK = 2000.0
"""Requests of each slot from one look to the next."""
METRICS = {
    "metrics": [
        {"name": "errors", "gateway": {"signal": "errors"}},
        {"name": "latency", "gateway": {"signal": "latency", "above": "500ms"}},
    ]
}


@dataclass
class Meter(Trusting):
    """Counts requests as fast as it is looked at; a share of the candidate's is bad."""

    bad: Mapping[str, float] = field(default_factory=dict)
    """By metric."""
    looks: int = 0

    def features(self, router: str) -> frozenset[Feature]:
        return frozenset({Feature.WEIGHTS})

    async def samples(
        self, api: KubeApi, canary: Canary, routes: Mapping[str, Manifest | None], at: datetime
    ) -> tuple[Sample, ...]:
        del api, routes
        self.looks += 1
        candidate = canary.status.candidate.slot if canary.status.candidate else "b"
        total = self.looks * LOOK

        def counts(metric: str, slot: Slot) -> Counts:
            return Counts(total * (self.bad.get(metric, 0.0) if slot == candidate else 0.0), total)

        slots: tuple[Slot, Slot] = ("a", "b")
        return tuple(
            Sample(name, at, tuple(Reading("r", slot, counts(name, slot)) for slot in slots))
            for name in ("errors", "latency")
        )


@STORIES.add
async def one_bad_metric_of_several_sends_a_release_back_and_is_named(stage: Stage) -> None:
    stage.instruments = meter = Meter()
    await stage.api.apply(canary(stage.namespace, analysis=METRICS), field_manager=GIT)
    async with stage.operator():
        await stage.phase("Idle")
        meter.bad = {"latency": 0.3}
        await stage.push("app:2")
        failed = await stage.phase("RolledBack")
        assert failed.status.history[0].reason.startswith("latency: ")
        assert weights(await stage.find("HTTPRoute", "web")) == {"web-a": 100, "web-b": 0}
        meter.bad = {}
        await stage.push("app:3")
        await stage.phase("Succeeded")


@STORIES.add
async def what_failed_is_tried_again_when_it_comes_anew_and_stables_own_never(stage: Stage) -> None:
    await stage.api.apply(canary(stage.namespace, progressDeadline="30s"), field_manager=GIT)
    async with stage.operator():
        first = (await stage.phase("Idle")).status.attempt
        pod = (await stage.find("Deployment", "app"))["spec"]["template"]["spec"]["containers"][0]
        same = {key: pod[key] for key in ("env", "envFrom")}
        await stage.push("app:bad", **same)
        await stage.phase("RolledBack")
        await stage.push("app:1", **same)
        back = await stage.phase("Idle")
        assert back.status.attempt == first + 1, "stable's own version is no release"
        await stage.push("app:bad", **same)
        again = await stage.phase("Preparing")
        assert again.status.attempt == first + 2
        await stage.push("app:2", **same)
        done = await stage.phase("Succeeded")
        assert (done.status.stable is not None, done.status.failed) == (True, None)


@STORIES.add
async def a_third_revision_in_mid_release_gets_pods_and_steps_of_its_own(stage: Stage) -> None:
    steps = [{"weight": 20, "hold": "1h"}]
    await stage.api.apply(canary(stage.namespace, steps=steps), field_manager=GIT)
    async with stage.operator():
        await stage.phase("Idle")
        await stage.push("app:2")
        await stage.phase("Analysing")
        await stage.push("app:3")
        third = await stage.until("the third", lambda one: one.status.phase == "Analysing" and one.status.attempt == 2)
        assert third.status.candidate is not None
        assert (third.status.candidate.image, third.status.weight.desired) == ("app:3", 20)
        assert third.status.history[0].outcome == "Superseded"
        slot = await stage.find("Deployment", f"web-{third.status.candidate.slot}")
        assert slot["spec"]["template"]["spec"]["containers"][0]["image"] == "app:3"
        assert slot["status"]["availableReplicas"] == 1


@STORIES.add
async def an_abort_of_what_is_over_changes_nothing(stage: Stage) -> None:
    await stage.api.apply(canary(stage.namespace), field_manager=GIT)
    async with stage.operator():
        await stage.phase("Idle")
        await stage.push("app:2")
        await stage.until("over", lambda one: one.status.phase == "Succeeded" and one.status.previous is None)
        before = await stage.find("HTTPRoute", "web")
        await stage.act("Abort")
        heard = await stage.until("heard", lambda one: one.status.last_action_id.startswith("Abort"))
        await asyncio.sleep(2)
        assert (heard.status.phase, (await stage.canary()).status.phase) == ("Succeeded", "Succeeded")
        assert (await stage.find("HTTPRoute", "web"))["spec"] == before["spec"]


@pytest.mark.parametrize("story", STORIES, ids=attrgetter("name"))
@pytest.mark.asyncio(loop_scope="session")
async def test_story(story: Story, beside: Beside) -> None:
    await beside.told(story)
