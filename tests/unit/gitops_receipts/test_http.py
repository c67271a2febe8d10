"""The engine's HTTP side, over a real socket."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from operators.gitops.http import LARGE_AT_ONCE, HttpDeps, build_app
from operators.gitops.receipts import Healthy, Receipts, Rendered
from operators.gitops.receipts_text import receipt_lines
from operators.gitops.webhook import MAX_BODY_BYTES, WebhookSecrets
from operators.kit.testing import FakeKubeApi

A, B = "a" * 40, "b" * 40
PUSH = {"ref": "refs/heads/main", "before": B, "after": A, "repository": {"clone_url": "http://git/platform.git"}}


def sign(what: bytes, key: str = "key") -> dict[str, str]:
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(key.encode(), what, hashlib.sha256).hexdigest()}


@dataclass
class Engine:
    """A running HTTP side, and what it told the loop."""

    pushed: list[tuple[str, str, str, str]] = field(default_factory=list)
    secrets: WebhookSecrets = field(default_factory=lambda: WebhookSecrets(github="key"))
    ages: dict[str, float] = field(default_factory=lambda: {"applications": 1.0, "deployments": 1.0})
    ready: bool = True
    tracked: bool = True

    async def start(self) -> None:
        self.receipts = Receipts(FakeKubeApi())
        deps = HttpDeps(
            receipts=self.receipts,
            secrets=lambda: self.secrets,
            pushed=lambda *push: self.pushed.append(push),
            tracked=lambda _: self.tracked,
            freshness={name: lambda name=name: self.ages[name] for name in self.ages},  # type: ignore[misc]
            ready=lambda: self.ready,
            registry=CollectorRegistry(),
        )
        self.runner = web.AppRunner(build_app(deps), shutdown_timeout=0.1)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60))

    async def stop(self) -> None:
        await self.session.close()
        await self.runner.cleanup()

    async def post(self, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        headers = {"X-GitHub-Event": "push", **headers}
        async with self.session.post(f"{self.url}/api/webhook", data=io.BytesIO(body), headers=headers) as answer:
            return answer.status, await answer.text()

    async def get(self, target: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
        async with self.session.get(self.url + target, headers=headers) as answer:
            return answer.status, await answer.text()


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    engine = Engine()
    await engine.start()
    yield engine
    await engine.stop()


async def test_a_signed_push_begins_a_receipt_and_wakes_the_loop(engine: Engine) -> None:
    body = json.dumps(PUSH).encode()
    assert (await engine.post(body, sign(body)))[0] == 202
    assert engine.pushed == [("git/platform", "refs/heads/main", B, A)]
    receipt = engine.receipts.get(A)
    assert receipt is not None
    assert not receipt.done


async def test_a_push_that_no_application_follows_is_done_at_once(engine: Engine) -> None:
    engine.tracked = False
    body = json.dumps(PUSH).encode()
    assert (await engine.post(body, sign(body)))[0] == 202
    receipt = engine.receipts.get(A)
    assert receipt is not None
    assert receipt_lines(receipt) == ["gitops  no application is touched by this push"]


@pytest.mark.parametrize(
    ("body", "headers", "status", "message"),
    [
        pytest.param(b"{}", {}, 401, "X-Hub-Signature-256", id="not signed"),
        pytest.param(b"{}", sign(b"{}", "other"), 401, "X-Hub-Signature-256", id="signed with another key"),
        pytest.param(b"x" * (MAX_BODY_BYTES + 1), {}, 413, str(MAX_BODY_BYTES), id="too large, whoever signed it"),
        pytest.param(b"not json", sign(b"not json"), 422, "content type application/json", id="no JSON"),
        pytest.param(b"{}", sign(b"{}") | {"X-GitHub-Event": "ping"}, 200, "nothing to do", id="a ping"),
        pytest.param(b"{}", {"X-Gitlab-Event": "Push Hook"}, 503, "webhook.gitlab.secret", id="not configured"),
    ],
)
async def test_a_webhook_that_is_not_taken_says_why(
    engine: Engine, body: bytes, headers: dict[str, str], status: int, message: str
) -> None:
    got, text = await engine.post(body, headers)
    assert got == status
    assert message in text
    assert engine.pushed == []


async def test_the_largest_webhook_that_is_allowed(engine: Engine) -> None:
    body = json.dumps({**PUSH, "commits": ""}).encode()
    body = body.replace(b'"commits": ""', b'"commits": "' + b"x" * (MAX_BODY_BYTES - len(body)) + b'"')
    assert len(body) == MAX_BODY_BYTES
    assert (await engine.post(body, sign(body)))[0] == 202


async def test_a_large_push_of_many_commits_is_taken(engine: Engine) -> None:
    commit = {"id": A, "message": 'grün \\ "quoted" {[', "added": ["charts/a.yaml"] * 50, "author": {"name": "x"}}
    body = json.dumps({"commits": [commit] * 9000, **PUSH, "head_commit": commit}).encode()
    assert MAX_BODY_BYTES * 0.3 < len(body) < MAX_BODY_BYTES
    assert (await engine.post(body, sign(body)))[0] == 202
    assert engine.pushed == [("git/platform", "refs/heads/main", B, A)]


async def test_a_body_of_unknown_size_that_goes_on_too_long_is_refused(engine: Engine) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 65536 + 2):
            yield b" " * 65536

    headers = {"X-GitHub-Event": "push", **sign(b"")}
    async with engine.session.post(f"{engine.url}/api/webhook", data=endless(), headers=headers) as answer:
        assert answer.status == 413


async def test_who_does_not_sign_is_refused_before_the_body_is_read(engine: Engine) -> None:
    host, port = engine.runner.addresses[0][:2]
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"POST /api/webhook HTTP/1.1\r\nHost: x\r\nContent-Length: {MAX_BODY_BYTES}\r\n\r\n".encode())
    assert b" 401 " in await reader.readline()
    writer.close()


async def test_large_bodies_that_do_not_come_keep_no_ordinary_push_waiting(engine: Engine) -> None:
    host, port = engine.runner.addresses[0][:2]
    head = f"POST /api/webhook HTTP/1.1\r\nHost: x\r\nContent-Length: {MAX_BODY_BYTES}\r\n"
    head += f"X-Hub-Signature-256: sha256={'0' * 64}\r\n\r\n"
    held = [await asyncio.open_connection(host, port) for _ in range(LARGE_AT_ONCE + 1)]
    for _, writer in held:
        writer.write(head.encode())
    body = json.dumps(PUSH).encode()
    assert (await engine.post(body, sign(body)))[0] == 202
    for _, writer in held:
        writer.close()


async def test_a_key_that_is_changed_counts_from_then_on(engine: Engine) -> None:
    body = json.dumps(PUSH).encode()
    engine.secrets = replace(engine.secrets, github="new")
    assert (await engine.post(body, sign(body)))[0] == 401
    assert (await engine.post(body, sign(body, "new")))[0] == 202


async def test_a_storm_of_webhooks_wakes_the_loop_a_few_times(engine: Engine) -> None:
    async def one(number: int) -> int:
        body = json.dumps({**PUSH, "after": f"{number:040x}"}).encode()
        return (await engine.post(body, sign(body)))[0]

    assert set(await asyncio.gather(*(one(number) for number in range(1, 201)))) == {202}
    assert len(engine.pushed) < 50


# -- receipts ------------------------------------------------------------------------------------------------------


async def test_a_receipt_is_read_with_a_signature_of_its_address(engine: Engine) -> None:
    engine.receipts.expect(A, ["hub-dev"])
    engine.receipts.note("hub-dev", A, Healthy(1.0))
    target = f"/api/v1/receipts/{A}"
    assert (await engine.get(target))[0] == 401
    assert (await engine.get(target, sign(b"/api/v1/receipts/" + B.encode())))[0] == 401
    status, text = await engine.get(target, sign(target.encode()))
    assert status == 200
    assert json.loads(text)["applications"][0]["state"] == "Healthy"


@pytest.mark.parametrize(
    ("target", "status"),
    [
        pytest.param(f"/api/v1/receipts/{B}", 404, id="an unknown one"),
        pytest.param("/api/v1/receipts/HEAD", 422, id="no revision"),
        pytest.param(f"/api/v1/receipts/{A}?follow=true&timeout=soon", 422, id="no number"),
    ],
)
async def test_a_receipt_that_is_not_there(engine: Engine, target: str, status: int) -> None:
    assert (await engine.get(target, sign(target.encode())))[0] == status


async def test_following_streams_one_record_per_line_as_it_happens(engine: Engine) -> None:
    target = f"/api/v1/receipts/{A}?follow=true&timeout=30"
    async with engine.session.get(engine.url + target, headers=sign(target.encode())) as answer:
        assert answer.content_type == "application/x-ndjson"
        engine.receipts.announced("http://git/platform.git", B, A)
        engine.receipts.expect(A, ["hub-dev"])
        engine.receipts.note("hub-dev", A, Rendered(3, 1))
        first = json.loads(await answer.content.readline())
        assert first == {
            "application": "hub-dev",
            "state": "Rendered",
            "final": False,
            "lines": ["gitops  hub-dev  rendered 3 objects · 1 changed"],
            "end": "",
        }
        engine.receipts.note("hub-dev", A, Healthy(1.0))
        assert json.loads(await answer.content.readline())["final"]
        assert json.loads(await answer.content.readline())["end"] == "complete"
        assert await answer.content.readline() == b""


async def test_a_follower_who_leaves_disturbs_nobody(engine: Engine) -> None:
    target = f"/api/v1/receipts/{A}?follow=true&timeout=30"
    async with engine.session.get(engine.url + target, headers=sign(target.encode())) as staying:
        leaving = await engine.session.get(engine.url + target, headers=sign(target.encode()))
        leaving.close()
        engine.receipts.expect(A, ["hub-dev"])
        engine.receipts.note("hub-dev", A, Rendered(3, 1))
        await staying.content.readline()
        engine.receipts.note("hub-dev", A, Healthy(1.0))
        await staying.content.readline()
        assert json.loads(await staying.content.readline())["end"] == "complete"


# -- probes --------------------------------------------------------------------------------------------------------


async def test_liveness_fails_when_a_watch_has_stopped_and_names_it(engine: Engine) -> None:
    assert (await engine.get("/healthz"))[0] == 200
    engine.ages["deployments"] = 151.0
    status, text = await engine.get("/healthz")
    assert status == 503
    assert json.loads(text)["silentSeconds"] == {"deployments": 151}


@pytest.mark.parametrize("age_s", [float("inf"), float("nan")])
async def test_a_watch_that_was_never_heard_of_is_silent(engine: Engine, age_s: float) -> None:
    engine.ages["deployments"] = age_s
    assert (await engine.get("/healthz"))[0] == 503


async def test_readiness_is_the_engines_own(engine: Engine) -> None:
    assert (await engine.get("/readyz"))[0] == 200
    engine.ready = False
    assert (await engine.get("/readyz"))[0] == 503


async def test_webhooks_are_counted(engine: Engine) -> None:
    await engine.post(b"{}", {})
    body = json.dumps(PUSH).encode()
    await engine.post(body, sign(body))
    text = (await engine.get("/metrics"))[1]
    assert 'gitops_webhooks_total{result="refused"} 1.0' in text
    assert 'gitops_webhooks_total{result="accepted"} 1.0' in text
