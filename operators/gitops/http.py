"""The engine's HTTP: webhooks in, receipts out, probes and metrics.

In:  `HttpDeps`, callbacks into the engine. Out: an aiohttp application (`build_app`), served on port 8080.
Nothing here waits for the loop: a webhook is answered when it is verified, and a receipt is a stream of its own.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial

from aiohttp import web
from prometheus_client import REGISTRY, CollectorRegistry, Counter, generate_latest

from operators.kit.errors import Invalid
from operators.kit.logging import get_logger

from . import webhook
from .coalescer import Coalescer
from .receipts import Receipts, Said
from .webhook import Delivery, Push, WebhookSecrets

FOLLOW_MAX_S = 600.0
FOLLOWERS_MAX = 200
BODY_TIMEOUT_S = 10.0
"""As long as GitHub and GitLab wait for an answer."""
ORDINARY_BYTES = 1024 * 1024
LARGE_AT_ONCE = 4
"""Bodies beyond the ordinary, or of unknown size, that are read at a time. None is held: this bounds the work."""
MAX_SILENCE_S = 150.0
"""A watch sends events or bookmarks about once a minute; silent for longer, it has stopped."""


class TooLarge(Exception):
    """A body goes on beyond what a webhook may have."""


_REVISION = re.compile(r"[0-9a-f]{7,64}")
_DEPS: web.AppKey[HttpDeps] = web.AppKey("deps")
_COALESCER: web.AppKey[Coalescer] = web.AppKey("coalescer", Coalescer)
_WEBHOOKS: web.AppKey[Counter] = web.AppKey("webhooks", Counter)
_LARGE: web.AppKey[asyncio.Semaphore] = web.AppKey("large", asyncio.Semaphore)
_FOLLOWERS: web.AppKey[asyncio.Semaphore] = web.AppKey("followers", asyncio.Semaphore)
_REFUSALS: Mapping[type[Exception], tuple[int, str]] = {
    TooLarge: (413, f"a webhook may have {webhook.MAX_BODY_BYTES} bytes"),
    TimeoutError: (408, f"the body did not come within {BODY_TIMEOUT_S:.0f} s"),
    webhook.Unauthorized: (401, ""),
    Invalid: (422, ""),
    webhook.NotConfigured: (503, ""),
}

log = get_logger("gitops")


@dataclass(frozen=True)
class HttpDeps:
    """What the HTTP side needs of the engine."""

    receipts: Receipts
    secrets: Callable[[], WebhookSecrets]
    """Read anew for every request, so that a changed Secret counts without a restart."""
    pushed: Callable[[str, str, str, str], None]
    """`pushed(url_key, ref, before, after)`: look at this repository now. Called at a bounded rate; must not block."""
    tracked: Callable[[Push], bool] = lambda _: True
    """Whether an application follows this repository and ref. Where none does, nobody shall wait for one: the receipt
    says so at once. True while the engine does not know yet."""
    freshness: Mapping[str, Callable[[], float]] = field(default_factory=dict)
    """Per watch, seconds since it was last heard of."""
    ready: Callable[[], bool] = lambda: True
    registry: CollectorRegistry = REGISTRY
    max_silence_s: float = MAX_SILENCE_S


def build_app(deps: HttpDeps) -> web.Application:
    """Return the application; whoever runs it owns its runner and port."""
    app = web.Application()
    app[_DEPS] = deps
    app[_COALESCER] = Coalescer(partial(_pass_on, deps), partial(_drop, deps))
    app[_WEBHOOKS] = Counter("gitops_webhooks", "Webhooks received", ["result"], registry=deps.registry)
    app[_LARGE] = asyncio.Semaphore(LARGE_AT_ONCE)
    app[_FOLLOWERS] = asyncio.Semaphore(FOLLOWERS_MAX)
    app.on_cleanup.append(_close)
    app.router.add_post("/api/webhook", post_webhook)
    app.router.add_get("/api/v1/receipts/{revision}", get_receipt)
    app.router.add_get("/healthz", get_healthz)
    app.router.add_get("/readyz", get_readyz)
    app.router.add_get("/metrics", get_metrics)
    return app


def _pass_on(deps: HttpDeps, push: Push) -> None:
    for key in sorted(push.keys):
        deps.pushed(key, push.ref, push.before, push.after)


def _drop(deps: HttpDeps, old: Push, new: Push) -> None:
    deps.receipts.overtaken(old.after, by=new.after)


async def post_webhook(request: web.Request) -> web.Response:
    """Take a push announcement: 202 and on with it; 401, 413, 422 or 503 say what is wrong with it."""
    deps, count = request.app[_DEPS], request.app[_WEBHOOKS]
    try:
        push = await _delivered(request, deps.secrets())
    except tuple(_REFUSALS) as error:
        status, message = _REFUSALS[type(error)]
        return _refused(count, status, message or str(error))
    if push is None:
        count.labels("ignored").inc()
        return web.json_response({"message": "nothing to do: not a push to a branch or tag"})
    count.labels("accepted").inc()
    deps.receipts.announced(push.repo_url, push.before, push.after)
    if not deps.tracked(push):
        deps.receipts.expect(push.after, [])
    request.app[_COALESCER].push(push)
    return web.json_response({"message": "accepted", "revision": push.after}, status=202)


async def _delivered(request: web.Request, secrets: WebhookSecrets) -> Push | None:
    """Read a webhook piece by piece; nothing of it is kept but the few fields that say what was pushed."""
    announced = request.content_length
    if announced is not None and announced > webhook.MAX_BODY_BYTES:
        raise TooLarge
    delivery, size = Delivery(secrets, request.headers), 0
    is_large = announced is None or announced > ORDINARY_BYTES
    async with asyncio.timeout(BODY_TIMEOUT_S), request.app[_LARGE] if is_large else nullcontext():
        async for piece in request.content.iter_any():
            size += len(piece)
            if size > webhook.MAX_BODY_BYTES:
                raise TooLarge
            delivery.feed(piece)
    return delivery.push()


async def get_receipt(request: web.Request) -> web.StreamResponse:
    """The receipt of a revision: its JSON form, or with `follow=true` a stream of records (NDJSON) until it is done.

    Signed as webhooks are, over the request target, because what a push breaks is not for everybody's eyes.
    """
    deps, revision = request.app[_DEPS], request.match_info["revision"]
    secret = deps.secrets().github
    if not secret:
        return web.json_response({"message": "no webhook secret is set in the Secret argocd-secret"}, status=503)
    target = request.raw_path.encode("utf-8", "surrogateescape")
    if not webhook.verify_signature(secret, target, request.headers.get("X-Hub-Signature-256", "")):
        return web.json_response({"message": "the X-Hub-Signature-256 is missing or wrong"}, status=401)
    if not _REVISION.fullmatch(revision):
        return web.json_response({"message": "a revision is 7 to 64 hex digits"}, status=422)
    if request.query.get("follow") == "true":
        return await _stream(request, deps.receipts, revision)
    receipt = deps.receipts.get(revision)
    if receipt is None:
        return web.json_response({"message": f"no receipt of {revision}"}, status=404)
    return web.json_response(receipt.to_json())


async def _stream(request: web.Request, receipts: Receipts, revision: str) -> web.StreamResponse:
    try:
        timeout_s = min(max(float(request.query.get("timeout", "60")), 0.0), FOLLOW_MAX_S)
    except ValueError:
        return web.json_response({"message": "timeout is a number of seconds"}, status=422)
    followers = request.app[_FOLLOWERS]
    if followers.locked():
        return web.json_response({"message": f"{FOLLOWERS_MAX} receipts are followed already"}, status=429)
    async with followers:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson", "Cache-Control": "no-store"})
        await response.prepare(request)
        with suppress(ConnectionError):  # whoever followed has left: the receipt is kept all the same
            async for said in receipts.follow(revision, timeout_s):
                await response.write(_record(said))
            await response.write_eof()
    return response


async def get_healthz(request: web.Request) -> web.Response:
    """200 while every watch is heard of; 503 names the silent ones, so that the kubelet starts the engine anew."""
    deps = request.app[_DEPS]
    ages = {name: age() for name, age in deps.freshness.items()}
    silent = {name: _seconds(age_s) for name, age_s in ages.items() if not age_s <= deps.max_silence_s}
    if silent:
        log.warning("watches are silent", silent=silent)
        return web.json_response({"message": "watching has stopped", "silentSeconds": silent}, status=503)
    return web.json_response({"message": "ok"})


async def get_readyz(request: web.Request) -> web.Response:
    """200 once the engine has seen the world and serves."""
    if request.app[_DEPS].ready():
        return web.json_response({"message": "ok"})
    return web.json_response({"message": "still reading the cluster"}, status=503)


async def get_metrics(request: web.Request) -> web.Response:
    """The metrics, in Prometheus' text format."""
    return web.Response(
        body=generate_latest(request.app[_DEPS].registry),
        headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
    )


def _seconds(age_s: float) -> int | None:
    """Whole seconds; None, for JSON, where a watch was never heard of."""
    return round(age_s) if math.isfinite(age_s) else None


def _refused(count: Counter, status: int, message: str) -> web.Response:
    count.labels("refused").inc()
    log.warning("webhook refused", status=status, message=message)
    return web.json_response({"message": message}, status=status)


def _record(said: Said) -> bytes:
    return json.dumps(said.to_json(), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


async def _close(app: web.Application) -> None:
    app[_COALESCER].close()
