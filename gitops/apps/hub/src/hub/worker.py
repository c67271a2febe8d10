"""The worker: `python3 -m hub.worker`.

It does one small job per interval and tells by HTTP whether it still does: /healthz fails when the loop has been
silent for too long, whatever the reason. SIGTERM lets the job under way finish.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from hub.serving import SHUTDOWN_S, add_probes, new_registry, run
from hub.settings import Settings

log = logging.getLogger("hub.worker")

SILENCE_S = 30.0
"""A loop that has finished no job for this long beyond its interval and latency is taken for dead."""


@dataclass(slots=True)
class Heart:
    """When the loop last finished a job, in seconds of the monotonic clock."""

    allowed_silence_s: float
    last_beat: float = field(default_factory=time.monotonic)

    def beat(self) -> None:
        """Note that a job was finished."""
        self.last_beat = time.monotonic()

    def is_beating(self) -> bool:
        """Whether the last beat is recent enough."""
        return time.monotonic() - self.last_beat <= self.allowed_silence_s


class Jobs:
    """The loop and what it counts."""

    def __init__(self, settings: Settings, registry: CollectorRegistry, heart: Heart) -> None:
        self._settings = settings
        self._heart = heart
        self._stop = asyncio.Event()
        self._done = Counter("hub_jobs", "Jobs finished", ["result"], registry=registry)
        self._seconds = Histogram("hub_job_seconds", "Time of a job", registry=registry)
        self._beat = Gauge("hub_heartbeat_timestamp_seconds", "When the last job was finished", registry=registry)

    async def run(self) -> None:
        """Do jobs until `stop`."""
        number = 0
        while not self._stop.is_set():
            started = time.monotonic()
            await self._do(number)
            number += 1
            self._seconds.observe(time.monotonic() - started)
            self._beat.set_to_current_time()
            self._heart.beat()
            rest_s = self._settings.interval_s - (time.monotonic() - started)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), timeout=max(rest_s, 0.001))

    def stop(self) -> None:
        """Finish the job under way, then end."""
        self._stop.set()

    async def _do(self, number: int) -> None:
        """One job: the checksum of a little text, slower or failing when told so."""
        await asyncio.sleep(self._settings.latency_s)
        if random.random() < self._settings.error_rate:  # noqa: S311 - chooses which job fails, protects nothing
            self._done.labels("failed").inc()
            log.warning("job %d failed on purpose: HUB_ERROR_RATE", number)
            return
        checksum = hashlib.sha256(f"job {number}".encode()).hexdigest()
        self._done.labels("done").inc()
        log.debug("job %d: %s", number, checksum)


def make_app(settings: Settings) -> web.Application:
    """The application of one process; the loop lives as long as the server."""
    registry = new_registry()
    heart = Heart(allowed_silence_s=SILENCE_S + settings.interval_s + settings.latency_s)

    async def loop_beside_server(_: web.Application) -> AsyncIterator[None]:
        jobs = Jobs(settings, registry, heart)
        task = asyncio.create_task(jobs.run())
        yield
        jobs.stop()
        await asyncio.wait_for(task, timeout=SHUTDOWN_S)

    app = web.Application()
    app.cleanup_ctx.append(loop_beside_server)
    add_probes(app, registry, is_alive=heart.is_beating)
    return app


if __name__ == "__main__":
    run(make_app)
