"""The watchdog as a process against the real API server: it takes requests back from a dead operator's candidate."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from operators.canary.seen import OWNED_BY
from operators.canary.watchdog import decide, patrol
from operators.canary.watchdog.patrol import Patrol, Watch
from operators.kit.kube import Ref
from operators.kit.lease import Lease, LeaseSettings
from tests.support import canary_stage
from tests.support.data_plane import free_port, start_program, until
from tests.support.helm import ROOT

from .conftest import DataPlane


async def stands(plane: DataPlane) -> bool:
    """Have the pods of stable be ready, as a kubelet would; whether the Deployment has heard of it."""
    for pod in (await plane.api.list("", "v1", "Pod", namespace=plane.namespace, label_selector="app=web-a")).items:
        ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        await plane.api.patch(Ref.of(pod), {"status": ready}, subresource="status")
    deployment = await plane.api.get(Ref("apps", "Deployment", plane.namespace, "web-a"))
    return bool(deployment and (deployment.get("status") or {}).get("readyReplicas"))


@pytest.fixture
async def released(data_plane: DataPlane, canaries: None) -> DataPlane:
    """Stand a Canary in mid-shift at 40 %, with its route and slots, as the operator would have left it."""
    api, namespace = data_plane.api, data_plane.namespace
    made = await api.create(canary_stage.canary(namespace, deadMan="20s"))
    status = {
        "phase": "Analysing",
        "stable": {"slot": "a", "hash": "1", "since": "2026-01-01T00:00:00Z"},
        "weight": {"desired": 40, "written": 40, "observed": 40},
    }
    await api.patch(Ref.of(made), {"status": status}, subresource="status")
    route = data_plane.wish(40)
    route["metadata"]["annotations"] = {OWNED_BY: made["metadata"]["uid"]}
    await data_plane.write(route)
    await data_plane.confirmed(40)
    labels = {"app": "web-a"}
    pods = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "example.invalid/web:1"}]}}
    await api.create(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web-a", "namespace": namespace},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": pods},
        }
    )
    await until(lambda: stands(data_plane), "a ready pod of stable")
    return data_plane


def lease_of(plane: DataPlane) -> Ref:
    return Ref("coordination.k8s.io", "Lease", plane.namespace, "canary-operator")


async def weights(plane: DataPlane) -> list[Any]:
    route = await plane.api.get(plane.ref)
    assert route is not None
    return [one["weight"] for one in route["spec"]["rules"][0]["backendRefs"]]


async def test_a_dead_operators_release_goes_back_even_after_the_watchdog_was_killed(
    released: DataPlane, kubeconfig: Path, tmp_path: Path
) -> None:
    operator = Lease(released.api, LeaseSettings(released.namespace, "canary-operator"))
    await operator.acquire()  # and never renewed: the operator was killed
    environment = {
        "KUBECONFIG": str(kubeconfig),
        "POD_NAMESPACE": released.namespace,
        "WATCHDOG_EVERY_S": "0.5",
        "PYTHONPATH": str(ROOT),
    }
    argv = [sys.executable, "-m", "operators.canary.watchdog"]
    processes = []
    try:
        for number in range(2):
            environment["WATCHDOG_PORT"] = str(free_port())
            process = start_program(argv, tmp_path / f"watchdog-{number}.log", environment)
            processes.append(process)
            if number == 0:
                await asyncio.sleep(8)
                process.kill()
                process.wait()
        await released.confirmed(0)
    finally:
        for process in processes:
            process.kill()
            process.wait()

    canary = await released.api.get(Ref("automatrix.dev", "Canary", released.namespace, "web", "v1alpha1"))
    assert canary is not None
    condition = canary["status"]["conditions"][0]
    assert (condition["type"], condition["status"], condition["reason"]) == (
        "TrafficReturned",
        "True",
        "OperatorSilent",
    )
    assert "silent" in canary["status"]["message"]
    assert "observed" not in canary["status"]["weight"]
    events = (await released.api.list("", "v1", "Event", namespace=released.namespace)).items
    assert [one["reason"] for one in events if one["involvedObject"]["kind"] == "Canary"] == ["OperatorSilent"]


async def test_nothing_is_done_while_the_operator_lives_whatever_the_clock_says(
    released: DataPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decide, "LEAST", timedelta(seconds=3))
    monkeypatch.setattr(patrol, "LEAST", timedelta(seconds=3))
    future = datetime.now(UTC) + timedelta(hours=1)
    watchdog = Patrol(released.api, Watch(lease_of(released)), now=lambda: future)
    operator = Lease(released.api, LeaseSettings(released.namespace, "canary-operator", retry_s=1.0))

    async with operator.held(lambda: None):
        for _ in range(25):
            await watchdog.look()
            await asyncio.sleep(0.2)
        assert await weights(released) == [60, 40]

    # Handed back and taken by nobody: now it is silent.
    async def returned() -> bool:
        await watchdog.look()
        return await weights(released) == [100, 0]

    await until(returned, "the requests are back at stable")
    await watchdog.look()
