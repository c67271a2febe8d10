"""The real instruments at their edges: hooks of gates, slow sources, what routers say of several routes."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from operators.canary.apparatus import Apparatus
from operators.canary.asking import Asking
from operators.canary.metrics import Outage, bounded
from operators.canary.metrics.bounded import Http
from operators.canary.models import Canary, Gate, parse
from operators.canary.planes import Planes, data_plane_of
from operators.canary.routers import Feature, Observed
from operators.canary.seen import GateAnswer
from operators.canary.settings import Settings
from operators.kit.testing import FakeKubeApi
from tests.support.canary_world import NAMESPACE, spec

Answer = Callable[[web.Request], Awaitable[web.Response]]
NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEYS = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "keys", "namespace": NAMESPACE},
    "data": {"key": base64.b64encode(b"secret").decode()},
}


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Answer], Awaitable[str]]]:
    runners: list[web.AppRunner] = []

    async def start(answer: Answer) -> str:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", answer)
        runners.append(web.AppRunner(application, shutdown_timeout=0.1))
        await runners[-1].setup()
        await web.TCPSite(runners[-1], "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runners[-1].addresses[0][1]}/hook"

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def asking() -> AsyncIterator[Asking]:
    http = Http(trusted=True)
    made = Asking(http)
    yield made
    await made.close()
    await http.close()


def canary(**more: Any) -> Canary:
    status = {"phase": "Held", "attempt": 3, "candidate": {"slot": "b", "hash": "h2", "image": "app:2", "since": NOW}}
    metadata = {"name": "web", "namespace": NAMESPACE, "uid": "u1", "generation": 1}
    return parse({"metadata": metadata, "spec": spec(**more), "status": status})


def gate(url: str, secret: str = "") -> Gate:
    return Gate.model_validate({"name": "board", "at": "promote", "webhook": {"url": url, "secret": secret}})


async def settled(asking: Asking, api: FakeKubeApi, asked: Gate, looks: int = 200) -> GateAnswer:
    for _ in range(looks):
        answer = await asking.ask(api, canary(), asked)
        if answer.verdict != "waiting":
            break
        await asyncio.sleep(0.01)
    return answer


async def test_a_hook_is_told_what_is_released_signed_and_asked_until_it_says(serve: Any, asking: Asking) -> None:
    seen: list[tuple[Any, bytes]] = []

    async def hook(request: web.Request) -> web.Response:
        seen.append((request.headers, await request.read()))
        return web.Response(status=503 if len(seen) < 3 else 200, text="go")

    api = FakeKubeApi()
    api.seed(KEYS)
    assert await settled(asking, api, gate(await serve(hook), "keys")) == GateAnswer("passed", "go")
    headers, body = seen[-1]
    assert headers["X-Signature-256"] == "sha256=" + hmac.new(b"secret", body, hashlib.sha256).hexdigest()
    assert json.loads(body)["image"] == "app:2"
    assert {one["Idempotency-Key"] for one, _ in seen} == {"u1-3-board"}


@pytest.mark.parametrize(
    ("status", "verdict"), [(204, "passed"), (403, "refused"), (404, "refused"), (429, "waiting"), (302, "waiting")]
)
async def test_what_an_answer_means(serve: Any, asking: Asking, status: int, verdict: str) -> None:
    async def hook(_: web.Request) -> web.Response:
        return web.Response(status=status)

    assert (await settled(asking, FakeKubeApi(), gate(await serve(hook)), 20)).verdict == verdict


async def test_a_hook_that_hangs_delays_no_look(serve: Any, asking: Asking) -> None:
    async def hook(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    asked = gate(await serve(hook))
    async with asyncio.timeout(5):
        for _ in range(20):
            assert (await asking.ask(FakeKubeApi(), canary(), asked)).verdict == "waiting"


async def test_a_missing_key_holds_and_says_so(asking: Asking) -> None:
    api = FakeKubeApi()
    await settled(asking, api, gate("http://192.0.2.1/", "keys"), 3)
    assert "no key `key`" in (await asking.ask(api, canary(), gate("http://192.0.2.1/", "keys"))).message


async def test_users_hooks_lead_to_no_inner_address() -> None:
    http = Http()
    with pytest.raises(Outage, match="never asked of"):
        await http.ask(bounded.Ask("http://169.254.169.254/latest/meta-data"))
    await http.close()


async def test_without_gateways_nothing_is_confirmed_and_every_metric_is_an_outage() -> None:
    api = FakeKubeApi()
    async with Apparatus(api, Settings(prometheus="")) as instruments:
        assert Feature.COOKIES in instruments.features("traefik")
        assert Feature.MIRROR not in instruments.features("alb")
        assert (await instruments.data_plane(api, canary(), {"web": None})).problem
        one = canary(analysis={})
        samples = await instruments.samples(api, one, {"web": None}, NOW)
        assert {sample.metric: bool(sample.outage) for sample in samples} == {"errors": True, "latency": True}


async def test_a_slow_source_delays_no_look_and_its_answer_is_taken_later(
    serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = asyncio.Event()

    async def hook(_: web.Request) -> web.Response:
        await answered.wait()
        return web.json_response({slot: {"events": 0, "total": 10} for slot in ("a", "b")})

    monkeypatch.setattr("operators.canary.apparatus.PATIENCE_S", 0.2)
    monkeypatch.setattr(bounded, "_refuse_inside", lambda _: None)
    one = canary(analysis={"metrics": [{"name": "own", "web": {"url": await serve(hook)}}]})
    api = FakeKubeApi()
    async with Apparatus(api, Settings(prometheus="")) as instruments:
        assert await instruments.samples(api, one, {}, NOW) == ()
        answered.set()
        samples: tuple[Any, ...] = ()
        async with asyncio.timeout(10):
            while not samples:
                samples = await instruments.samples(api, one, {}, NOW)
        assert [(reading.slot, reading.counts.total) for reading in samples[0].readings] == [("a", 10), ("b", 10)]


def test_the_lowest_and_the_highest_of_all_routes_count() -> None:
    first = Observed({"pod-1": ({"a": 90, "b": 10},), "pod-2": ({"a": 80, "b": 20},)})
    second = Observed({"pod-1": ({"a": 100, "b": 0},)}, "pod-2 does not answer")
    joined = data_plane_of([first, second])
    assert (joined.lowest, joined.highest) == ({"a": 80, "b": 0}, {"a": 100, "b": 20})
    assert joined.problem == "pod-2 does not answer"


class SlowRouter:
    """A router that answers when it is told to."""

    name = "alb"
    features: frozenset[Feature] = frozenset()

    def __init__(self) -> None:
        self.answers: list[asyncio.Future[Observed]] = []

    async def observed(self, target: Any) -> Observed:
        self.answers.append(asyncio.get_running_loop().create_future())
        return await self.answers[-1]


async def test_a_slow_router_delays_no_look_and_an_old_answer_tells_nothing_of_a_new_route() -> None:
    def route(version: str) -> dict[str, Any]:
        return {"web": {"metadata": {"name": "web", "namespace": NAMESPACE, "resourceVersion": version}}}

    router, one = SlowRouter(), canary(traffic={"parentRefs": [{"name": "web"}], "router": "alb"})
    planes = Planes({"alb": router}, Any, patience_s=0.05)  # type: ignore[arg-type]
    assert "has not answered" in (await planes.look(one, route("1"))).problem
    assert "has not answered" in (await planes.look(one, route("1"))).problem
    assert len(router.answers) == 1, "it is not asked again while it thinks"
    router.answers[0].set_result(Observed({"r": ({"a": 90, "b": 10},)}))
    assert (await planes.look(one, route("1"))).lowest == {"a": 90, "b": 10}

    await planes.look(one, route("1"))
    assert "has not answered" in (await planes.look(one, route("2"))).problem
    assert router.answers[1].cancelled(), "what it says of route 1 would be taken for route 2"
    router.answers[2].set_result(Observed({"r": ({"a": 80, "b": 20},)}))
    assert (await planes.look(one, route("2"))).lowest == {"a": 80, "b": 20}
    await planes.close()
