"""Probes and metrics of the operator, on one port.

/healthz fails when watching has stopped, for then only a restart helps. /readyz fails until Canaries are served.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aiohttp import web
from prometheus_client import generate_latest

MAX_SILENCE_S = 150.0
"""A watch sends events or bookmarks about once a minute; overdue for longer, it has stopped."""


def build_app(freshness: Mapping[str, Callable[[], float]], ready: Callable[[], bool]) -> web.Application:
    """Return the application; whoever runs it owns its runner and port. `freshness`: seconds overdue, by what."""

    async def healthz(_: web.Request) -> web.Response:
        late = [name for name, silent_s in freshness.items() if silent_s() > MAX_SILENCE_S]
        return web.Response(status=503 if late else 200, text=f"stopped: {', '.join(late)}\n" if late else "ok\n")

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(status=200 if ready() else 503, text="ok\n" if ready() else "not yet\n")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": "text/plain; version=0.0.4"})

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    return app
