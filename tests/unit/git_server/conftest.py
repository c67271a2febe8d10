"""A Git server and an engine per test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from operators.gitops.http import HttpDeps, build_app
from operators.gitops.receipts import Receipts
from operators.gitops.webhook import WebhookSecrets
from operators.kit.testing import FakeKubeApi
from tests.support.git_server import Checkout, GitServer, until


@dataclass
class Engine:
    """The HTTP side of the engine with its receipts, and no loop behind it: the test says what becomes of a push."""

    port: int
    api: FakeKubeApi = field(default_factory=FakeKubeApi)
    secret: str = "shared-key"
    pushed: list[tuple[str, str, str, str]] = field(default_factory=list)

    async def start(self) -> None:
        self.receipts = Receipts(self.api)
        await self.receipts.load()
        self._writer = asyncio.create_task(self.receipts.run())
        deps = HttpDeps(
            receipts=self.receipts,
            secrets=lambda: WebhookSecrets(github=self.secret),
            pushed=lambda *push: self.pushed.append(push),
            registry=CollectorRegistry(),
        )
        self._runner = web.AppRunner(build_app(deps), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def stop(self) -> None:
        await self._runner.cleanup()
        self._writer.cancel()
        with suppress(asyncio.CancelledError):
            await self._writer

    async def announced(self, revision: str) -> None:
        await until(lambda: any(push[3] == revision for push in self.pushed))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    server = GitServer(tmp_path / "server")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def checkout(server: GitServer, tmp_path: Path) -> Checkout:
    return Checkout.of(server.url, tmp_path / "checkout")


@pytest.fixture
async def engine(server: GitServer) -> AsyncIterator[Engine]:
    engine = Engine(server.engine_port)
    await engine.start()
    yield engine
    await engine.stop()
