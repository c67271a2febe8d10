"""What a client of the web API sees."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hub.api import HEALTH, make_app
from hub.settings import Settings

from cluster.declared import entrance

Client = TestClient[web.Request, web.Application]


async def client_of(settings: Settings) -> Client:
    client = TestClient(TestServer(make_app(settings)))
    await client.start_server()
    return client


async def test_the_root_tells_who_answers() -> None:
    client = await client_of(Settings(message="hi", version="1", environment="dev", pod="hub-api-1"))
    try:
        answer = await client.get("/")

        assert answer.status == 200
        assert await answer.json() == {"message": "hi", "version": "1", "environment": "dev", "pod": "hub-api-1"}
    finally:
        await client.close()


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/api/health"])
async def test_a_pod_that_fails_its_users_still_answers_its_probes(path: str) -> None:
    client = await client_of(Settings(error_rate=1))
    try:
        assert (await client.get("/")).status == 500
        assert (await client.get(path)).status == 200
    finally:
        await client.close()


def test_the_health_check_of_the_edge_asks_what_the_hub_answers() -> None:
    assert HEALTH == entrance.HEALTH


async def test_the_error_rate_is_a_share() -> None:
    client = await client_of(Settings(error_rate=0.5))
    try:
        codes = [(await client.get("/")).status for _ in range(200)]

        # 200 throws of a fair coin: fewer than 50 or more than 150 of a kind happen once in 10^12 runs.
        assert 50 <= codes.count(500) <= 150
    finally:
        await client.close()


async def test_latency_makes_an_answer_wait() -> None:
    client = await client_of(Settings(latency_s=0.2))
    try:
        started = asyncio.get_running_loop().time()
        await client.get("/")

        assert asyncio.get_running_loop().time() - started >= 0.2
    finally:
        await client.close()


async def test_metrics_count_by_route_and_code_and_unknown_paths_as_one() -> None:
    client = await client_of(Settings())
    try:
        await client.get("/")
        for path in ("/admin", "/.env"):
            assert (await client.get(path)).status == 404
        text = await (await client.get("/metrics")).text()

        assert 'hub_requests_total{code="200",route="/"} 1.0' in text
        assert 'hub_requests_total{code="404",route="other"} 2.0' in text
        assert "admin" not in text
    finally:
        await client.close()
