"""The operator as its Deployment runs it: a process with probes, a Lease, kopf's watch, and the chart's rights only.

It serves all namespaces, so it is no story beside others: it would serve theirs as well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from operators.kit.kubernetes_api import KubernetesApi
from operators.kit.testing.controlplane import ControlPlane
from tests.support.beside import Scene
from tests.support.canary_process import running
from tests.support.canary_rights import rights_only
from tests.support.canary_stage import canary, furnished


@pytest.fixture
async def stage(api: KubernetesApi, namespace: str, kubernetes: ControlPlane, tmp_path: Path) -> AsyncIterator[Scene]:
    scene = Scene(api, namespace, kubernetes=kubernetes, folder=tmp_path)
    async with furnished(scene):
        yield scene


async def test_it_serves_with_the_charts_rights_says_so_and_ends_when_told(stage: Scene) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "migrate:1"}]}}
    gates = [{"name": "expand", "at": "start", "job": {"template": {"template": template}}}]
    spec = canary(stage.namespace, gates=gates, analysis={"metrics": []}, progressDeadline="10s")
    settings = {"CANARY_NAMESPACE": stage.namespace, "CANARY_TRUST_GATEWAYS": "true"}
    kubeconfig = await rights_only(stage.api, stage.kubernetes, stage.namespace, stage.folder)
    async with running(kubeconfig, stage.folder, **settings) as operator:
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
