"""What the worker tells about itself, and that it ends in order."""

import asyncio

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hub.settings import Settings
from hub.worker import Heart, make_app

Client = TestClient[web.Request, web.Application]


async def client_of(settings: Settings) -> Client:
    client = TestClient(TestServer(make_app(settings)))
    await client.start_server()
    return client


async def jobs_counted(client: Client, result: str) -> float:
    text = await (await client.get("/metrics")).text()
    lines = [line for line in text.splitlines() if line.startswith(f'hub_jobs_total{{result="{result}"}}')]
    return float(lines[0].split()[-1]) if lines else 0.0


async def until_counted(client: Client, result: str, at_least: float) -> None:
    async with asyncio.timeout(20):
        while await jobs_counted(client, result) < at_least:
            await asyncio.sleep(0.02)


async def test_jobs_are_done_one_after_another() -> None:
    client = await client_of(Settings(interval_s=0.01))
    try:
        await until_counted(client, "done", at_least=3)

        assert await jobs_counted(client, "failed") == 0
        assert (await client.get("/healthz")).status == 200
    finally:
        await client.close()


async def test_failing_jobs_are_counted_and_do_not_end_the_loop() -> None:
    client = await client_of(Settings(interval_s=0.01, error_rate=1))
    try:
        await until_counted(client, "failed", at_least=3)

        assert await jobs_counted(client, "done") == 0
    finally:
        await client.close()


async def test_the_job_under_way_is_finished_at_the_end() -> None:
    client = await client_of(Settings(interval_s=60, latency_s=0.3))

    async with asyncio.timeout(20):
        await client.close()  # would hang for the interval, or cut the job, if the loop did not listen


def test_a_silent_loop_fails_its_probe() -> None:
    heart = Heart(allowed_silence_s=10)

    assert heart.is_beating()
    heart.last_beat -= 11
    assert not heart.is_beating()
