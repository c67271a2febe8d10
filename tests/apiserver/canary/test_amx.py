"""`amx canary` as a person types it, against a real operator: text, JSON, exit codes."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from operator import attrgetter
from pathlib import Path

import pytest

from cluster.local import leases
from cluster.local.settings import ROOT
from operators.kit.lease import Lease, LeaseSettings
from tests.support.beside import Beside, Scene, Stories, Story
from tests.support.canary_stage import canary

GATES = [{"name": "board", "at": "step", "step": 2, "manual": True}]


SILENT = "the canary operator does not run (nobody holds its Lease)"
STORIES = Stories()


@asynccontextmanager
async def _held(stage: Scene) -> AsyncIterator[None]:
    """Hold the Lease that the platform's own operator holds; those of stories have theirs in their namespaces."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": leases.CANARY.namespace}}
    await stage.api.apply(namespace, field_manager="test")
    lease = Lease(stage.api, LeaseSettings(leases.CANARY.namespace, leases.CANARY.name, retry_s=1.0))
    async with lease.held(lambda: None):
        yield


async def amx(state: Path, *words: str) -> tuple[int, str, str]:
    environment = {name: value for name, value in os.environ.items() if name != "AMX_CLUSTER_NAME"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "amx", "canary", *words),
        cwd=ROOT,
        env={**environment, "AMX_STATE_DIR": str(state)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode or 0, out.decode(), err.decode()


@STORIES.add
async def a_person_sees_a_release_and_decides_about_it(stage: Scene) -> None:
    state = stage.folder  # whose cluster is the API server
    (state / "automatrix").mkdir()
    shutil.copy(stage.kubernetes.kubeconfig, state / "automatrix/kubeconfig")
    await stage.api.apply(canary(stage.namespace, gates=GATES), field_manager="argocd-controller")
    here = ("web", "--namespace", stage.namespace)
    async with stage.operator():
        await stage.phase("Idle")
        code, text, _ = await amx(state, "status", *here)
        assert (code, text.splitlines()[0].split(":")[0]) == (3, SILENT), "none that the platform knows of"
    async with stage.operator(), _held(stage):
        code, text, _ = await amx(state, "status", *here)
        assert (code, text.split()[:2]) == (0, [f"{stage.namespace}/web", "Idle"])
        code, _, said = await amx(state, "abort", *here)
        assert code == 1
        assert said == f"amx: {stage.namespace}/web is Idle: no release of it is under way\n"
        code, _, said = await amx(state, "promote", "none")
        assert (code, said.split(";")[0]) == (1, "amx: there is no Canary none")

        await stage.push("app:2")
        await stage.phase("Held")
        code, text, _ = await amx(state, "status", *here)
        assert "app:1 → app:2" in text
        assert "say Promote or Abort" in text
        code, text, _ = await amx(state, "promote", *here, "--output", "json")
        assert (code, json.loads(text)["canaries"][0]["name"]) == (0, "web")
        await stage.phase("Succeeded")

        await stage.push("app:3")
        await stage.phase("Held")
        assert (await amx(state, "abort", *here))[0] == 0
        await stage.phase("RolledBack")
        code, text, _ = await amx(state, "status", *here, "--output", "json")
        assert (code, json.loads(text)["ok"]) == (3, False)
        assert (await amx(state, "retry", *here))[0] == 0
        await stage.phase("Held")
        assert (await amx(state, "promote-full", *here))[0] == 0
        await stage.phase("Succeeded")


@pytest.mark.parametrize("story", STORIES, ids=attrgetter("name"))
@pytest.mark.asyncio(loop_scope="session")
async def test_story(story: Story, beside: Beside) -> None:
    await beside.told(story)
