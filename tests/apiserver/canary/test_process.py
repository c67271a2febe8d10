"""The operator as its Deployment runs it: a process with probes, a Lease, kopf's watch, and the chart's rights only."""

from __future__ import annotations

from operator import attrgetter
from pathlib import Path

import pytest

from cluster.local.settings import ROOT
from operators.kit.kube import Ref
from tests.apiserver.charts.identity import kubeconfig_of
from tests.support.beside import Beside, Scene, Stories, Story
from tests.support.canary_process import running
from tests.support.canary_stage import canary
from tests.support.helm import Helm

STORIES = Stories()
NAME = "canary-operator"
RIGHTS = ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")


async def _rights(stage: Scene) -> Path:
    """Give the chart's rights to its ServiceAccount; returns the kubeconfig to use them by."""
    objects = Helm().template_once(ROOT / "charts/platform", {"image": {"tag": "1.0"}})
    for one in objects:
        if one["kind"] not in RIGHTS or NAME not in one["metadata"]["name"]:
            continue
        if "namespace" in one["metadata"]:
            one["metadata"]["namespace"] = stage.namespace
        for subject in one.get("subjects") or ():
            subject["namespace"] = stage.namespace
        await stage.api.apply(one, field_manager="test", force=True)
    account = Ref("", "ServiceAccount", stage.namespace, NAME)
    return await kubeconfig_of(stage.api, stage.kubernetes, account, stage.folder)


@STORIES.add
async def it_serves_with_the_charts_rights_says_so_and_ends_when_told(stage: Scene) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "migrate:1"}]}}
    gates = [{"name": "expand", "at": "start", "job": {"template": {"template": template}}}]
    spec = canary(stage.namespace, gates=gates, analysis={"metrics": []}, progressDeadline="30s")
    settings = {"CANARY_NAMESPACE": stage.namespace, "CANARY_TRUST_GATEWAYS": "true"}
    async with running(await _rights(stage), stage.folder, **settings) as operator:
        assert await operator.answers("/healthz")
        assert await operator.answers("/metrics")
        await stage.api.apply(spec, field_manager="test")
        adopted = await stage.phase("Idle")
        assert set((await stage.find("Canary", "web"))["metadata"]["finalizers"]) == {"canary.automatrix.dev/give-back"}
        assert adopted.status.selector == "automatrix.dev/canary=web"
        await stage.api.patch(stage.ref("ConfigMap", "settings"), {"data": {"A": "2"}})
        await stage.push("app:2")
        await stage.phase("Succeeded")
        await stage.push("app:bad")
        await stage.phase("RolledBack")
        events = (await stage.api.list("", "v1", "Event", namespace=stage.namespace)).items
        told = {one["reason"] for one in events if one["involvedObject"]["kind"] == "Canary"}
        assert {"Preparing", "Succeeded", "RolledBack"} <= told
        await stage.api.delete(stage.ref("Canary", "web"))
        await stage.until_gone("Canary", "web")
    log = (stage.folder / "log").read_text()
    assert "orbidden" not in log, log[-3000:]


@pytest.mark.parametrize("story", STORIES, ids=attrgetter("name"))
@pytest.mark.asyncio(loop_scope="session")
async def test_story(story: Story, beside: Beside) -> None:
    await beside.told(story)
