"""The operator as its Deployment runs it: a process with probes, a Lease, kopf's watch, and the chart's rights only."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from cluster.local.settings import ROOT
from operators.kit.kube import Ref
from operators.kit.testing.controlplane import ControlPlane
from tests.apiserver.charts.identity import kubeconfig_of
from tests.support.canary_stage import HANGS_S, Stage, canary
from tests.support.git_server import free_port
from tests.support.helm import Helm

NAME = "canary-operator"
RIGHTS = ("ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")


def _answers(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


async def _rights(stage: Stage, kubernetes: ControlPlane, folder: Path) -> Path:
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
    return await kubeconfig_of(stage.api, kubernetes, Ref("", "ServiceAccount", stage.namespace, NAME), folder)


@asynccontextmanager
async def _running(stage: Stage, kubeconfig: Path, folder: Path) -> AsyncIterator[int]:
    """Run the operator until it has been told to end; yields its port."""
    port = free_port()
    environment = {
        **os.environ,
        "KUBECONFIG": str(kubeconfig),
        "CANARY_NAMESPACE": stage.namespace,
        "CANARY_PORT": str(port),
        "CANARY_TRUST_GATEWAYS": "true",
    }
    log = (folder / "log").open("wb")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "operators.canary", cwd=ROOT, env=environment, stdout=log, stderr=log
    )
    try:
        async with asyncio.timeout(HANGS_S):
            while not await asyncio.to_thread(_answers, port, "/readyz"):
                assert process.returncode is None, (folder / "log").read_text()
                await asyncio.sleep(0.1)
        yield port
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(HANGS_S):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        log.close()


async def test_it_serves_with_the_charts_rights_says_so_and_ends_when_told(
    stage: Stage, kubernetes: ControlPlane, tmp_path: Path
) -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "migrate:1"}]}}
    gates = [{"name": "expand", "at": "start", "job": {"template": {"template": template}}}]
    spec = canary(stage.namespace, gates=gates, analysis={"metrics": []}, progressDeadline="3s")
    async with _running(stage, await _rights(stage, kubernetes, tmp_path), tmp_path) as port:
        assert await asyncio.to_thread(_answers, port, "/healthz")
        assert await asyncio.to_thread(_answers, port, "/metrics")
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
    log = (tmp_path / "log").read_text()
    assert "orbidden" not in log, log[-3000:]
