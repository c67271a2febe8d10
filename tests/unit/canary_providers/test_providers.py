"""Hooks, pods, counters and routes: what is an answer, and what is an outage."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp import web

from operators.canary.metrics import Target
from operators.canary.metrics.bounded import Http
from operators.canary.metrics.pods import Pods, Question, restarts_of, trouble
from operators.canary.metrics.prometheus import Prometheus, PrometheusPair, Queries, Series, parse
from operators.canary.metrics.traefik import Signal, count
from operators.canary.metrics.web import Hook, WebHook
from operators.canary.routers import gatewayapi
from operators.canary.routers.gatewayapi import Match, RouteWish, Split
from operators.canary.routers.shares import Share, confirmed
from operators.canary.routers.windows import Windows
from operators.canary.terms import Counts, Reading
from operators.kit.testing import FakeKubeApi

Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[str]]
GOOD = {"a": {"events": 1, "total": 90}, "b": {"events": 2, "total": 10}}


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    client = Http(trusted=True)
    yield client
    await client.close()


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    runners: list[web.AppRunner] = []

    async def start(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> str:
        application = web.Application()
        application.router.add_get("/{path:.*}", answer)
        runners.append(web.AppRunner(application, shutdown_timeout=0.1))
        await runners[-1].setup()
        await web.TCPSite(runners[-1], "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runners[-1].addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


async def test_a_hook_answers_for_both_slots_and_is_signed(serve: Serve, http: Http, target: Target) -> None:
    seen: list[web.Request] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append(request)
        return web.json_response(GOOD)

    url = await serve(answer) + "/hub?of={{name}}"
    sample = await WebHook("m", Hook(url, key=b"k"), http).read(target)
    assert {one.slot: one.counts for one in sample.readings} == {"a": Counts(1, 90), "b": Counts(2, 10)}
    assert len(seen) == 1
    digest = hmac.new(b"k", b"/hub?of=web", hashlib.sha256).hexdigest()
    assert seen[0].headers["X-Signature-256"] == f"sha256={digest}"


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        pytest.param(GOOD, 500, "answered 500", id="an error"),
        pytest.param({"a": GOOD["a"]}, 200, "no b.events", id="half an answer"),
        pytest.param({**GOOD, "b": {"events": 11, "total": 10}}, 200, "cannot be", id="more bad than all"),
        pytest.param({**GOOD, "b": {"events": "2", "total": 10}}, 200, "is no number", id="words"),
        pytest.param("x" * 70_000, 200, "more than 65536 bytes", id="too much"),
    ],
)
async def test_a_hook_that_says_nothing_useful_is_an_outage(
    serve: Serve, http: Http, target: Target, *, body: Any, status: int, why: str
) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status)

    sample = await WebHook("m", Hook(await serve(answer)), http).read(target)
    assert sample.readings == ()
    assert why in sample.outage


async def test_a_hook_that_hangs_or_leads_elsewhere_is_an_outage(serve: Serve, http: Http, target: Target) -> None:
    async def hang(_request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(3600)
        raise AssertionError

    async def move(_request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("http://example.invalid/")

    assert (
        "did not answer within"
        in (await WebHook("m", Hook(await serve(hang), timeout_s=0.2), http).read(target)).outage
    )
    assert "answered 302" in (await WebHook("m", Hook(await serve(move)), http).read(target)).outage


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "http://[::1]:1/", "http://169.254.169.254/", "http://localhost:1/"]
)
async def test_a_users_hook_never_leads_to_the_machine_itself(target: Target, url: str) -> None:
    client = Http()
    sample = await WebHook("m", Hook(url), client).read(target)
    await client.close()
    assert "is an address that metrics are never asked of" in sample.outage


def pod(name: str, slot: str, age: timedelta, target: Target, **status: Any) -> dict[str, Any]:
    labels = {"automatrix.dev/canary": "web", "automatrix.dev/slot": slot}
    started = (target.at - age).strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata = {"name": name, "namespace": "hub", "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": {"startTime": started, **status}}


def container(restarts: int, **state: Any) -> dict[str, Any]:
    return {"name": "web", "restartCount": restarts, "state": state}


def test_restarts_never_fall_while_a_container_fails_and_waits_and_comes_back(target: Target) -> None:
    states = [
        container(0, running={}),
        container(0, terminated={"exitCode": 1}),
        container(0, waiting={"reason": "CrashLoopBackOff"}),
        container(1, running={}),
    ]
    told = [restarts_of(pod("p", "a", timedelta(0), target, containerStatuses=[one])) for one in states]
    assert told == [0, 1, 1, 1]


async def test_restarts_are_counted_by_pod_and_second(target: Target) -> None:
    api = FakeKubeApi(namespaces=["hub"])
    api.seed(
        pod("web-a-1", "a", timedelta(hours=1), target, containerStatuses=[container(0, running={})]),
        pod("web-b-1", "b", timedelta(minutes=1), target, containerStatuses=[container(3, running={})]),
    )
    sample = await Pods("m", Question(), api).read(target)
    assert {one.replica: one.counts for one in sample.readings} == {
        "web-a-1": Counts(0, 3600),
        "web-b-1": Counts(3, 60),
    }


def test_a_pod_that_cannot_pull_says_so(target: Target) -> None:
    waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
    stuck = pod("p", "b", timedelta(0), target, containerStatuses=[container(0, waiting=waiting)])
    assert trouble([stuck]) == "web of p: ImagePullBackOff: no such image"


def test_a_traefik_that_counts_no_services_is_an_outage_and_a_slot_never_served_is_none(target: Target) -> None:
    labels = 'code="{}",method="GET",protocol="http",service="hub-{}-http-80@kubernetesgateway"'
    line = f"traefik_service_requests_total{{{{{labels}}}}} {{}}\n"
    served = line.format(200, "web-a", 9) + line.format(502, "web-a", 1) + line.format(500, "web-a-a", 7)
    assert count(served, target, Signal()) == {"a": Counts(1, 10), "b": Counts()}
    assert count("", target, Signal()) == {"a": Counts(), "b": Counts()}
    entry = 'traefik_entrypoint_requests_total{code="200",entrypoint="web",method="GET",protocol="http"} 5\n'
    with pytest.raises(Exception, match="addServicesLabels"):
        count(entry, target, Signal())


@pytest.mark.parametrize(
    "answer",
    [
        {"status": "error", "error": "x"},
        {"status": "success", "warnings": ["partial"], "data": {"resultType": "vector", "result": []}},
        {"status": "success", "data": {"resultType": "matrix", "result": []}},
        {"status": "success"},
        [],
        "x",
    ],
)
def test_what_prometheus_says_beside_an_answer_is_an_outage(answer: Any) -> None:
    with pytest.raises(Exception, match=r"Prometheus|the query gives"):
        parse(answer)


async def test_a_label_with_too_many_values_is_an_outage_with_the_remedy(target: Target) -> None:
    class Answering(Prometheus):
        async def query(self, query: str, at: datetime) -> list[Series]:
            return [Series({"user": str(number)}, 1.0) for number in range(101)]

    sample = await PrometheusPair("m", Queries("e", "t", by="user"), Answering("", None)).read(target)  # type: ignore[arg-type]
    assert "101 series" in sample.outage
    assert "a label with fewer values" in sample.outage


def test_every_rule_has_both_backends_with_weights() -> None:
    split = Split({"a": "web-a", "b": "web-b"}, 80, {"a": 100, "b": 0})
    rules = [{"matches": [{"path": {"type": "PathPrefix", "value": f"/{n}"}}]} for n in range(2)]
    made = gatewayapi.build(
        RouteWish("hub", "web", [{"name": "web"}], ["h"], rules, split, [Match("b", header=("X", "1"))])
    )
    told = [[(one["name"], one["weight"]) for one in rule["backendRefs"]] for rule in made["spec"]["rules"]]
    assert told == [[("web-a", 0), ("web-b", 100)], [("web-a", 100), ("web-b", 0)]] * 2
    assert made["spec"]["rules"][2]["matches"] == [
        {"path": {"type": "PathPrefix", "value": "/1"}, "headers": [{"type": "Exact", "name": "X", "value": "1"}]}
    ]


@pytest.mark.parametrize(
    ("share", "percent", "before", "want"),
    [
        pytest.param(Share(1000, 100), 10, 0, True, id="as wanted"),
        pytest.param(Share(1000, 0), 10, 0, False, id="as before"),
        pytest.param(Share(20, 1), 10, 5, None, id="too few to tell"),
        pytest.param(Share(1000, 999), 100, 50, None, id="neither: one request went elsewhere"),
        pytest.param(Share(0, 0), 10, 0, None, id="no traffic"),
    ],
)
def test_shares_confirm_only_what_they_can_tell(share: Share, percent: int, before: int, want: bool | None) -> None:
    assert confirmed(share, percent=percent, before=before) is want


def test_a_gateway_that_sends_what_it_does_not_say_is_believed_by_its_requests() -> None:
    def counted(a: float, b: float) -> tuple[Reading, ...]:
        return (Reading("pod", "a", Counts(0, a)), Reading("pod", "b", Counts(0, b)))

    windows = Windows()
    assert windows.look("u", 0, counted(0, 0), 0) == ""
    assert windows.look("u", 0, counted(100, 0), 2) == ""
    assert windows.look("u", 20, counted(200, 0), 4) == "", "too young a reading"
    assert windows.look("u", 20, counted(300, 0), 6) == ""
    assert windows.look("u", 20, counted(302, 0), 8) == "", "two requests tell nothing"
    assert "sent it 0 of 100 requests" in windows.look("u", 20, counted(400, 0), 10)
    assert windows.look("u", 20, counted(480, 20), 12), "on probation"
    assert windows.look("u", 20, counted(640, 60), 16) == ""
    windows.forget("u")
    assert windows.look("u", 50, counted(700, 60), 18) == ""
