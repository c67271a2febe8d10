"""The operator as a process of its own, in front of a real Kubernetes API.

In: a kubeconfig, a folder for its log, its settings. Out: `Running` while it serves; it has ended when it was told to.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import urllib.error
import urllib.request
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster.local.settings import ROOT
from operators.kit.testing.controlplane import die_with_parent
from tests.support.canary_stage import HANGS_S
from tests.support.git_server import free_port


@dataclass(frozen=True)
class Running:
    """An operator that serves."""

    pid: int
    port: int

    async def answers(self, path: str) -> bool:
        """Whether its probe or its metrics answer 200."""
        return await asyncio.to_thread(_answers, self.port, path)


@asynccontextmanager
async def running(kubeconfig: Path, folder: Path, **settings: str) -> AsyncIterator[Running]:
    """Run the operator until it has been told to end; `settings` are CANARY_* variables, its log is `folder`/log."""
    port = free_port()
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "CANARY_PORT": str(port), **settings}
    path = folder / "log"
    with path.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "operators.canary"),
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent,
        )
        try:
            yield await _ready(process, port, path)
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(HANGS_S):
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def _ready(process: Process, port: int, log: Path) -> Running:
    async with asyncio.timeout(HANGS_S):
        while not await asyncio.to_thread(_answers, port, "/readyz"):
            assert process.returncode is None, log.read_text()
            await asyncio.sleep(0.1)
    return Running(process.pid, port)


def _answers(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
