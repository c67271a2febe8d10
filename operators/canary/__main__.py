"""Run the operator: `python3 -m operators.canary`.

One active process by a Lease; losing it ends the process.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import kopf
from aiohttp import web

from operators.kit.kubernetes_api import KubernetesApi
from operators.kit.lease import Lease, LeaseSettings
from operators.kit.logging import configure, get_logger

from . import handlers
from .apparatus import Apparatus
from .fleet import Fleet
from .http import build_app
from .instruments import Instruments, Trusting
from .judging import judge
from .kill import KillSwitch
from .names import MANAGER
from .operator import Parts
from .settings import Settings
from .witness import Witness

log = get_logger(MANAGER)
PARALLEL = 12
"""Requests at once: one process takes in no more answers anyway, and a connection keeps 0.1 MiB of buffers or more."""


async def run(settings: Settings) -> None:
    """Run until stopped by SIGTERM or SIGINT."""
    stop = asyncio.Event()
    _stop_by_signal(stop)
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(await KubernetesApi.connect(parallel=PARALLEL))
        apparatus = await stack.enter_async_context(Apparatus(api, settings))
        instruments: Instruments = Trusting() if settings.trust_gateways else apparatus
        parts = Parts(instruments, judge, kill=KillSwitch(settings.kill_at))
        fleet = Fleet(api, parts, settings)
        witness = Witness(api, settings.watch_namespaces)
        ready = asyncio.Event()
        freshness = {"watches": fleet.silent_s, "canaries": witness.silent_s}
        await _serve_http(stack, settings.port, freshness, ready.is_set)
        lease = Lease(api, LeaseSettings(settings.namespace, MANAGER))
        await stack.enter_async_context(lease.held(lambda: os._exit(1)))
        stack.push_async_callback(fleet.close)
        fleet.start()
        kopf_ready = asyncio.Event()
        tasks = [
            asyncio.create_task(_watch_canaries(fleet, witness, settings, kopf_ready), name="kopf"),
            asyncio.create_task(witness.run(), name="witness"),
            asyncio.create_task(stop.wait(), name="stop"),
        ]
        stack.push_async_callback(_cancel, tasks)
        watching = asyncio.create_task(kopf_ready.wait(), name="ready")
        done, _ = await asyncio.wait([*tasks, watching], return_when=asyncio.FIRST_COMPLETED)
        if watching in done:
            _stop_by_signal(stop)  # kopf has put its own handlers in place of ours
            ready.set()
            log.info("serving", namespace=settings.namespace, port=settings.port)
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()  # a part that has died takes the process down; the kubelet starts it anew


def _stop_by_signal(stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


async def _serve_http(
    stack: AsyncExitStack, port: int, freshness: Mapping[str, Callable[[], float]], ready: Callable[[], bool]
) -> None:
    runner = web.AppRunner(build_app(freshness, ready), access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, port=port).start()


async def _watch_canaries(fleet: Fleet, witness: Witness, settings: Settings, ready: asyncio.Event) -> None:
    registry = kopf.OperatorRegistry()
    handlers.register(registry, fleet, witness)
    await kopf.operator(
        registry=registry,
        settings=handlers.settings(),
        namespaces=list(settings.watch_namespaces),
        clusterwide=not settings.watch_namespaces,
        standalone=True,
        ready_flag=ready,
        stop_flag=asyncio.Event(),
    )


async def _cancel(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def main() -> int:
    """Run and return the exit code."""
    try:
        settings = Settings.from_environment()
        configure(settings.log_level)
        logging.getLogger("kopf").setLevel(logging.WARNING)  # it tells of every event
        asyncio.run(run(settings))
    except ValueError as error:
        sys.stderr.write(f"{MANAGER}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
