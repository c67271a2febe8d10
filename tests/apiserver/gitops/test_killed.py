"""The engine is killed right before and right after each thing it can do, and what it was at is finished rightly."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from operators.gitops.actions import ACTION_TYPES
from operators.kit.kube import Manifest, Ref
from operators.kit.kubernetes_api import KubernetesApi
from operators.kit.testing.controlplane import ControlPlane
from operators.kit.testing.proxy import FaultProxy
from tests.support import charts
from tests.support import stage as stages
from tests.support.killing import killed_once
from tests.support.stage import Stage, conditions

POLICY = {
    "automated": {"prune": True, "selfHeal": True},
    "syncOptions": ["CreateNamespace=true"],
    "managedNamespaceMetadata": {"labels": {"team": "shop"}},
}
FINALIZER = "resources-finalizer.argocd.argoproj.io"


@pytest.mark.parametrize("action", [kind.__name__ for kind in ACTION_TYPES])
async def test_an_engine_killed_at_any_action_finishes_what_it_was_at(
    action: str, api: KubernetesApi, kubernetes: ControlPlane, tmp_path: Path
) -> None:
    async def one(moment: str) -> None:
        folder = tmp_path / moment
        folder.mkdir()
        name = f"killed-{action.lower()}-{moment}"
        async with FaultProxy(kubernetes.kubeconfig, folder) as proxy, stages.stage(name, api, proxy, folder) as stage:
            await _story(stage, f"{action}:{moment}")

    await asyncio.gather(one("before"), one("after"))


async def _story(stage: Stage, kill_at: str) -> None:
    """A whole life: made, changed, pruned, refreshed, deleted; every action class has its place in it."""
    first = await stage.push(
        {
            "web/adopted.yaml": charts.config("adopted"),
            "web/stays.yaml": charts.config("stays", wave=-1),
            "web/replaced.yaml": charts.config("replaced", sync_options="Replace=true"),
            "web/goes.yaml": charts.config("goes", wave=1),
        }
    )
    bystander = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": stage.destination}}
    await stage.api.create(bystander)
    adopted = {**bystander, "metadata": {"name": "adopted", "namespace": stage.destination}, "data": {"message": "old"}}
    await stage.api.create(adopted, field_manager="kubectl-client-side-apply")
    async with killed_once(stage, kill_at):
        await stage.create("web", finalizers=(FINALIZER,), syncPolicy=POLICY)
        await stage.until_synced("web", first)
        before = await _uids(stage)
        second = await stage.push(
            {
                "web/goes.yaml": None,
                "web/stays.yaml": charts.config("stays", "second", wave=-1),
                "web/replaced.yaml": charts.config("replaced", "second", sync_options="Replace=true"),
            }
        )
        app = await stage.until_synced("web", second)
        _assert_consistent(app, [first, second])
        assert await _uids(stage) == {name: uid for name, uid in before.items() if name != "goes"}
        for name in ("stays", "replaced"):
            await stage.until_message(name, "second")
        assert {path.rpartition("/")[2] for path in stage.deletions()} == {"goes"}
        assert conditions(await stage.refreshed("web")) == {}
        await stage.api.delete(stage.ref("web"))
        await stage.until_object(stage.ref("web"), lambda found: found is None, "gone")
    assert await _uids(stage) == {}
    assert await stage.api.get(stage.config("x")) is not None, "what is not its own is left alone"


async def _uids(stage: Stage) -> dict[str, Any]:
    """The uids of the Application's ConfigMaps."""
    listed = await stage.api.list("", "v1", "ConfigMap", namespace=stage.destination)
    return {
        found["metadata"]["name"]: found["metadata"]["uid"]
        for found in listed.items
        if found["metadata"]["name"] not in ("x", "kube-root-ca.crt")
    }


def _assert_consistent(app: Manifest, revisions: list[str]) -> None:
    """Whatever happened on the way: each commit stands in the history once, and the last sync tells the truth."""
    status = app["status"]
    assert [entry["revision"] for entry in status["history"]] == revisions
    state = status["operationState"]
    assert state["phase"] == "Succeeded"
    assert state["startedAt"] <= state["finishedAt"]
    assert state["syncResult"]["revision"] == revisions[-1]
    results = {entry["name"]: entry["status"] for entry in state["syncResult"]["resources"]}
    assert {name: results.get(name) for name in ("adopted", "stays", "replaced")} == dict.fromkeys(
        ("adopted", "stays", "replaced"), "Synced"
    )
    assert results.get("goes", "Pruned") == "Pruned"
    assert "operation" not in app
    assert Ref.of(app).kind == "Application"
