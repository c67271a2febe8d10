"""The operator is killed right before and right after each thing it can do, and what it was at is finished rightly."""

from __future__ import annotations

import asyncio

import pytest

from operators.canary.actions import ACTION_TYPES
from operators.kit.kube import Manifest, Ref
from operators.kit.kubernetes_api import KubernetesApi
from tests.support import canary_stage
from tests.support.canary_stage import GATEWAY, Stage, canary, weights

FOREIGN = frozenset({"PatchRoute"})
"""What is only done with somebody else's route."""


@pytest.mark.parametrize("action", [kind.__name__ for kind in ACTION_TYPES])
async def test_an_operator_killed_at_any_action_finishes_what_it_was_at(action: str, api: KubernetesApi) -> None:
    async def one(moment: str) -> None:
        namespace = f"killed-{action.lower()}-{moment}"
        await api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        async with canary_stage.stage(api, namespace) as stage:
            await _story(stage, f"{action}:{moment}", foreign=action in FOREIGN)
        await api.delete(Ref("", "Namespace", "", namespace))

    await asyncio.gather(one("before"), one("after"))


async def _story(stage: Stage, kill_at: str, *, foreign: bool) -> None:
    """A whole life: adopted, released, given back in the middle of a bad release; every action has its place in it."""
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "migrate:1"}]}}
    gates = [{"name": "expand", "at": "start", "job": {"template": {"template": template}}}]
    spec = canary(stage.namespace, gates=gates)
    if foreign:
        spec["spec"]["traffic"] = {"routes": [{"name": "web"}]}
        await _route(stage)
    await stage.api.apply(spec, field_manager="argocd-controller")
    async with stage.operator(kill_at):
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
    assert stage.killed.is_set(), f"the story has no {kill_at}: give it one"
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
