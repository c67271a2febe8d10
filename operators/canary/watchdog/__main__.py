"""Run the watchdog: `python3 -m operators.canary.watchdog`.

CANARY_NAMESPACE is where the operator's Lease is (the pod's own where absent), WATCHDOG_PORT the port of probes and
metrics, WATCHDOG_EVERY_S how often it looks.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

import prometheus_client
from aiohttp import web

from operators.canary.names import MANAGER as OPERATOR
from operators.kit.kube import Ref
from operators.kit.kubernetes_api import KubernetesApi
from operators.kit.lease import Lease, LeaseSettings
from operators.kit.logging import configure, get_logger

from .patrol import Patrol, Watch

SILENT_S = 90.0
log = get_logger("canary-watchdog")


@dataclass(frozen=True)
class Settings:
    """What the environment says."""

    namespace: str = "automatrix-system"
    port: int = 8080
    every_s: float = 5.0
    log_level: str = "INFO"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the environment; raises ValueError for a number that is none."""
        own = environment.get("POD_NAMESPACE") or cls.namespace
        return cls(
            namespace=environment.get("CANARY_NAMESPACE") or own,
            port=int(environment.get("WATCHDOG_PORT") or cls.port),
            every_s=float(environment.get("WATCHDOG_EVERY_S") or cls.every_s),
            log_level=environment.get("CANARY_LOG_LEVEL") or cls.log_level,
        )


async def run(settings: Settings) -> None:
    """Run until stopped by SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(await KubernetesApi.connect())
        lease = Ref("coordination.k8s.io", "Lease", settings.namespace, OPERATOR)
        patrol = Patrol(api, Watch(lease, settings.every_s))
        waiting = asyncio.Event()
        await _serve_http(stack, settings.port, patrol, waiting)
        own = Lease(api, LeaseSettings(settings.namespace, "canary-watchdog"))
        await stack.enter_async_context(own.held(lambda: os._exit(1)))
        waiting.set()
        patrol.looked_at = asyncio.get_running_loop().time()
        tasks = [asyncio.create_task(patrol.run(), name="patrol"), asyncio.create_task(stop.wait(), name="stop")]
        log.info("watching", lease=str(lease))
        done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        for task in done:
            task.result()


async def _serve_http(stack: AsyncExitStack, port: int, patrol: Patrol, working: asyncio.Event) -> None:
    async def health(_request: web.Request) -> web.Response:
        silent_s = asyncio.get_running_loop().time() - patrol.looked_at
        is_well = not working.is_set() or silent_s < SILENT_S
        return web.Response(status=200 if is_well else 503, text=f"last look {silent_s:.0f} s ago\n")

    async def ready(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=prometheus_client.generate_latest(), content_type="text/plain")

    application = web.Application()
    application.add_routes([web.get("/healthz", health), web.get("/readyz", ready), web.get("/metrics", metrics)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, port=port).start()


def main() -> None:
    """Run the watchdog."""
    settings = Settings.from_environment()
    configure(settings.log_level)
    asyncio.run(run(settings))


if __name__ == "__main__":
    main()
