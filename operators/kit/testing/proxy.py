"""A proxy in front of a real API server that fails as told: by status, by reset, by silence, by a lost answer.

In: the real server's kubeconfig. Out: a kubeconfig of its own (plain HTTP on loopback, with all rights behind it).
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import aiohttp
from aiohttp import web
from kubernetes.aio.client.rest import RESTClientObject

from operators.kit.login import default_login, new_configuration
from operators.kit.sockets import Sockets
from operators.kit.transport import cut

Mode = Literal["status", "reset", "hang", "lost", "cut"]
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host", "content-encoding"})


@dataclass
class Fault:
    """What to do to the next `times` requests of this method whose path and query match.

    status: answer that status; reset: close the connection; hang: answer nothing; lost: let the request take effect and
    then close the connection; cut: end the answer cleanly before its first byte of body (a watch that closes at once).
    """

    path: str
    mode: Mode = "status"
    method: str = ""
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int = 10**9

    def takes(self, request: web.Request) -> bool:
        """Whether this request is hit; counts it."""
        if self.times <= 0 or (self.method and self.method != request.method):
            return False
        if not re.search(self.path, request.raw_path):
            return False
        self.times -= 1
        return True


class FaultProxy:
    """`async with FaultProxy(kubeconfig, folder) as proxy: proxy.faults.append(Fault("/configmaps", status=503))`."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        """`PATCH /api/v1/...` of every request, in order."""
        self.kubeconfig = folder / "fault-proxy.conf"
        self._upstream_kubeconfig = kubeconfig
        self._release = asyncio.Event()

    async def __aenter__(self) -> FaultProxy:
        configuration = new_configuration()
        await default_login(self._upstream_kubeconfig)(configuration)
        self._upstream = str(configuration.host)
        context = RESTClientObject(configuration).ssl_context
        self._sockets = Sockets()
        connector = aiohttp.TCPConnector(ssl=context, limit=0, socket_factory=self._sockets.make)
        self._session = aiohttp.ClientSession(connector=connector)
        application = web.Application(client_max_size=2**25)
        application.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.kubeconfig.write_text(json.dumps(_kubeconfig(f"http://127.0.0.1:{port}")))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._release.set()
        # The session first: what waits for the real server ends by itself then. Whoever is cancelled while it connects
        # may leave a socket behind.
        await self._session.close()
        await self._runner.cleanup()
        await self._sockets.closed()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.raw_path}")
        fault = next((fault for fault in self.faults if fault.takes(request)), None)
        if fault is None:
            return await self._forward(request)
        if fault.mode == "status":
            return web.Response(status=fault.status, headers=fault.headers, text="injected fault")
        if fault.mode == "cut":
            return web.Response(status=200, content_type="application/json")
        if fault.mode == "hang":
            await self._release.wait()
        if fault.mode == "lost":
            async with self._session.request(**self._copy(request), data=await request.read()) as answer:
                await answer.read()
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        timeout = aiohttp.ClientTimeout(total=None)
        async with self._session.request(**self._copy(request), data=body or None, timeout=timeout) as answer:
            headers = {key: value for key, value in answer.headers.items() if key.lower() not in _HOP}
            response = web.StreamResponse(status=answer.status, headers=headers)
            try:
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
                await response.write_eof()
            except BaseException:
                cut(answer)
                raise
            return response

    def _copy(self, request: web.Request) -> dict[str, Any]:
        headers = {key: value for key, value in request.headers.items() if key.lower() not in _HOP}
        return {"method": request.method, "url": f"{self._upstream}{request.raw_path}", "headers": headers}


def _kubeconfig(server: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "proxy",
        "clusters": [{"name": "proxy", "cluster": {"server": server}}],
        "users": [{"name": "proxy", "user": {}}],
        "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
    }
