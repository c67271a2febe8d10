"""Have the engine killed at a chosen action, once, and started again, while somebody goes on working with it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from operators.gitops.kill import EXIT_CODE
from tests.support.engine import free_the_lease
from tests.support.stage import Stage

_DYING_S = 20.0
"""The story may be told before the engine has died of its last action."""


class Killing:
    """What has become of the engine so far."""

    def __init__(self) -> None:
        self.happened = False


@asynccontextmanager
async def killed_once(stage: Stage, at: str) -> AsyncIterator[Killing]:
    """Run the engine until it dies at `at` (as GITOPS_KILL_AT has it), then without the switch."""
    killing = Killing()
    stage.engine.start(GITOPS_KILL_AT=at)
    revival = asyncio.create_task(_revive(stage, killing))
    try:
        yield killing
        await asyncio.wait([revival], timeout=_DYING_S)
        assert killing.happened, f"the story has no {at}: give it one"
    finally:
        if not killing.happened:
            await asyncio.to_thread(stage.engine.stop, signal.SIGKILL)
            revival.cancel()
        await asyncio.gather(revival, return_exceptions=True)


async def _revive(stage: Stage, killing: Killing) -> None:
    process = stage.engine.process
    assert process is not None
    while process.is_alive():
        await asyncio.sleep(0.02)
    killing.happened = process.exitcode == EXIT_CODE
    if killing.happened:
        await free_the_lease(stage.api, stage.name)
        stage.engine.start()
