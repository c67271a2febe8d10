"""The two processes as the container starts them: real processes, real signals."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import aiohttp
import pytest

SOURCE = Path(__file__).parents[3] / "gitops/apps/hub/src"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def started(module: str, **environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        env={**os.environ, "PYTHONPATH": str(SOURCE), **environment},
        stderr=asyncio.subprocess.PIPE,
    )


async def until_ready(session: aiohttp.ClientSession, url: str) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                async with session.get(f"{url}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("module", ["hub.api", "hub.worker"])
async def test_sigterm_ends_with_zero(module: str) -> None:
    port = free_port()
    process = await started(module, PORT=str(port))
    async with aiohttp.ClientSession() as session:
        await until_ready(session, f"http://127.0.0.1:{port}")

    process.send_signal(signal.SIGTERM)

    async with asyncio.timeout(30):
        await process.communicate()
    assert process.returncode == 0


async def test_a_request_under_way_is_answered_after_sigterm() -> None:
    port = free_port()
    process = await started("hub.api", PORT=str(port), HUB_LATENCY_MS="700")
    async with aiohttp.ClientSession() as session:
        await until_ready(session, f"http://127.0.0.1:{port}")
        request = asyncio.create_task(session.get(f"http://127.0.0.1:{port}/"))
        await asyncio.sleep(0.2)

        process.send_signal(signal.SIGTERM)

        async with asyncio.timeout(30):
            answer = await request
            assert answer.status == 200
            await process.communicate()
    assert process.returncode == 0


async def test_a_wrong_setting_is_one_line_and_exit_code_2() -> None:
    process = await started("hub.api", HUB_ERROR_RATE="5%")

    async with asyncio.timeout(30):
        _, stderr = await process.communicate()

    assert process.returncode == 2
    assert stderr.decode() == "hub: HUB_ERROR_RATE takes a number from 0 to 1, it holds '5%'\n"
