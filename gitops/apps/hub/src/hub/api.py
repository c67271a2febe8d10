"""The web API: `python3 -m hub.api`.

In: requests. Out: GET / tells message, version, environment and pod as JSON; requests are counted by route and code.
The switches act on GET / alone, so that a pod told to fail its users still answers its probes: that is the
kind of bad release that only its traffic shows.
"""

from __future__ import annotations

import asyncio
import random
import time

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry, Counter, Histogram

from hub.serving import add_probes, new_registry, run
from hub.settings import Settings

HEALTH = "/api/health"
"""Asked from beyond the edge, without a token: it tells that the whole way in works."""
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


def make_app(settings: Settings) -> web.Application:
    """The application of one process."""
    registry = new_registry()
    app = web.Application(middlewares=[_counting(registry)])

    async def greet(_: web.Request) -> web.Response:
        if settings.latency_s:
            await asyncio.sleep(settings.latency_s)
        _work(settings.cpu_s)
        if random.random() < settings.error_rate:  # noqa: S311 - chooses which request fails, protects nothing
            return web.json_response({"error": "failed on purpose: HUB_ERROR_RATE"}, status=500)
        return web.json_response(
            {
                "message": settings.message,
                "version": settings.version,
                "environment": settings.environment,
                "pod": settings.pod,
            }
        )

    async def health(_: web.Request) -> web.Response:
        return web.json_response({"ok": True, "environment": settings.environment})

    app.router.add_get("/", greet)
    app.router.add_get(HEALTH, health)
    add_probes(app, registry, is_alive=lambda: True)
    return app


def _work(cpu_s: float) -> None:
    """Use a processor for so long, however many others want it meanwhile."""
    enough = time.thread_time() + cpu_s
    while time.thread_time() < enough:
        pass


def _counting(registry: CollectorRegistry) -> Middleware:
    """A middleware that counts and times requests by route; unknown paths share one label, so scans cannot grow it."""
    requests = Counter("hub_requests", "Requests answered", ["route", "code"], registry=registry)
    seconds = Histogram("hub_request_seconds", "Time to answer", ["route"], buckets=BUCKETS_S, registry=registry)

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        route = resource.canonical if resource else "other"
        started = time.monotonic()
        code = 500
        try:
            response = await handler(request)
            code = response.status
        except web.HTTPException as error:
            code = error.status
            raise
        else:
            return response
        finally:
            requests.labels(route, str(code)).inc()
            seconds.labels(route).observe(time.monotonic() - started)

    return count


if __name__ == "__main__":
    run(make_app)
