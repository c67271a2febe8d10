"""The operator is killed right before and right after each thing it can do, and what it was at is finished rightly.

Both in one life: the operator that comes after the first is killed after it has done the same thing.
"""

from __future__ import annotations

from functools import partial
from operator import attrgetter

import pytest

from operators.canary.actions import ACTION_TYPES
from operators.kit.kube import Manifest
from tests.support.beside import Beside, Story
from tests.support.canary_stage import GATEWAY, Stage, canary, weights

FOREIGN = frozenset({"PatchRoute"})
"""What is only done with somebody else's route."""


async def finishes(stage: Stage, action: str) -> None:
    """A whole life: adopted, released, given back in the middle of a bad release; every action has its place in it."""
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "migrate:1"}]}}
    gates = [{"name": "expand", "at": "start", "job": {"template": {"template": template}}}]
    spec = canary(stage.namespace, gates=gates)
    if action in FOREIGN:
        spec["spec"]["traffic"] = {"routes": [{"name": "web"}]}
        await _route(stage)
    await stage.api.apply(spec, field_manager="argocd-controller")
    async with stage.operator(f"{action}:before", f"{action}:after"):
        await stage.phase("Idle")
        first = _copied(await stage.find("Deployment", "web-a"))
        await stage.api.patch(stage.ref("ConfigMap", "settings"), {"data": {"A": "2"}})
        await stage.push("app:2")
        released = await stage.phase("Succeeded")
        assert released.status.history[0].outcome == "Promoted"
        assert (await stage.find("Deployment", "web-b"))["status"]["availableReplicas"] == 3
        assert weights(await stage.find("HTTPRoute", "web")) == {"web-a": 0, "web-b": 100}
        await stage.push("app:bad")
        await stage.phase("Preparing")
        await stage.until_gone("ConfigMap", first)
        await stage.api.delete(stage.ref("Canary", "web"))
        await stage.until_gone("Canary", "web")
        # The last thing it does is seen here before it hears of it itself, and is killed.
        assert await stage.was_killed(2), f"the story has no {action}: give it one"
    template_ = await stage.find("Deployment", "app")
    assert template_["spec"]["template"]["spec"]["containers"][0]["image"] == "app:2"
    assert template_["status"]["availableReplicas"] == 3
    assert (await stage.find("Service", "web"))["spec"]["selector"] == {"app": "web"}
    assert list(weights(await stage.find("HTTPRoute", "web"))) == ["web"]


def _copied(slot: Manifest) -> str:
    name: str = slot["spec"]["template"]["spec"]["containers"][0]["envFrom"][0]["configMapRef"]["name"]
    return name


async def _route(stage: Stage) -> None:
    route = {
        "apiVersion": f"{GATEWAY}/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "web", "namespace": stage.namespace},
        "spec": {"parentRefs": [{"name": "web"}], "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]},
    }
    await stage.api.create(route, field_manager="somebody")


STORIES = [Story(kind.__name__, partial(finishes, action=kind.__name__)) for kind in ACTION_TYPES]


@pytest.mark.parametrize("story", STORIES, ids=attrgetter("name"))
@pytest.mark.asyncio(loop_scope="session")
async def test_an_operator_killed_at_any_action_finishes_what_it_was_at(story: Story, beside: Beside) -> None:
    await beside.told(story)
