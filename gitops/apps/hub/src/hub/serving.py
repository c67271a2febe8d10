"""What both processes answer besides their work: /healthz, /readyz and /metrics; and how they start and stop.

SIGTERM ends a process in order: no new connection is taken, what is under way is finished, then it exits with 0.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from hub.settings import Settings, WrongSetting

SHUTDOWN_S = 20.0
"""How long requests under way may take to finish after SIGTERM; below the chart's shutdownSeconds."""


def new_registry() -> CollectorRegistry:
    """A registry of one process, with its memory and CPU."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


def add_probes(app: web.Application, registry: CollectorRegistry, is_alive: Callable[[], bool]) -> None:
    """Serve /healthz and /readyz (503 while `is_alive` says no) and /metrics."""

    async def probe(_: web.Request) -> web.Response:
        return web.json_response({"ok": True}) if is_alive() else web.json_response({"ok": False}, status=503)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app.router.add_get("/healthz", probe)
    app.router.add_get("/readyz", probe)
    app.router.add_get("/metrics", metrics)


def run(make_app: Callable[[Settings], web.Application]) -> None:
    """Read the settings and serve until SIGTERM or SIGINT; a wrong setting ends with one line and exit code 2."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    try:
        settings = Settings.from_environment()
    except WrongSetting as error:
        print(f"hub: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    web.run_app(make_app(settings), port=settings.port, shutdown_timeout=SHUTDOWN_S, access_log=None, print=None)
