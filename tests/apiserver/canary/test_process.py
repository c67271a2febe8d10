"""The operator as its Deployment runs it: a process with probes, a Lease and kopf's watch."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import urllib.error
import urllib.request
from pathlib import Path

from cluster.local.settings import ROOT
from tests.support.canary_stage import HANGS_S, Stage, canary
from tests.support.git_server import free_port


def _answers(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


async def test_it_serves_says_so_and_ends_when_told(stage: Stage, kubeconfig: Path, tmp_path: Path) -> None:
    port = free_port()
    environment = {
        **os.environ,
        "KUBECONFIG": str(kubeconfig),
        "CANARY_NAMESPACE": stage.namespace,
        "CANARY_WATCH_NAMESPACES": stage.namespace,
        "CANARY_PORT": str(port),
        "CANARY_TRUST_GATEWAYS": "true",
    }
    log = (tmp_path / "log").open("wb")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "operators.canary", cwd=ROOT, env=environment, stdout=log, stderr=log
    )
    try:
        async with asyncio.timeout(HANGS_S):
            while not await asyncio.to_thread(_answers, port, "/readyz"):
                assert process.returncode is None, (tmp_path / "log").read_text()
                await asyncio.sleep(0.1)
        assert await asyncio.to_thread(_answers, port, "/healthz")
        assert await asyncio.to_thread(_answers, port, "/metrics")
        await stage.api.apply(canary(stage.namespace), field_manager="test")
        adopted = await stage.phase("Idle")
        assert set((await stage.find("Canary", "web"))["metadata"]["finalizers"]) == {"canary.automatrix.dev/give-back"}
        assert adopted.status.selector == "automatrix.dev/canary=web"
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(HANGS_S):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        log.close()
