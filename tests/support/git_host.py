"""A stand-in for the status APIs of GitHub and GitLab on loopback, with faults: the real ones cannot be had in a test.

It takes what their documentation says, refuses what they refuse (another token, unknown states, too long a description,
on GitLab the same state twice), and remembers every request.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from aiohttp import web

TOKEN = "token-of-the-repository"
HANGS_S = 60.0
_STATES = {
    "github": ("pending", "success", "failure", "error"),
    "gitlab": ("pending", "running", "success", "failed", "canceled", "skipped"),
}


@dataclass(frozen=True)
class Fault:
    """What one request gets in place of an answer; code 0: no answer at all, the connection is closed."""

    code: int
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = ""
    delay_s: float = 0.0


@dataclass(frozen=True)
class Shown:
    """One status that the host has taken."""

    project: str
    revision: str
    context: str
    state: str
    description: str
    target_url: str


@dataclass
class GitHost:
    """The server; `faults` are handed out first, one per request."""

    port: int = 0
    token: str = TOKEN
    shown: list[Shown] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    """Every credential that was sent, wherever to."""
    faults: list[Fault] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its origin; both APIs are below it."""
        return f"http://127.0.0.1:{self.port}"

    def states(self, context: str = "", revision: str = "") -> list[str]:
        """The states it was given, in order."""
        shown = (one for one in self.shown if context in ("", one.context) and revision in ("", one.revision))
        return [one.state for one in shown]

    async def until(self, true: Callable[[], object], what: str) -> None:
        """Wait until something is so."""
        try:
            async with asyncio.timeout(HANGS_S):
                while not true():
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"not {what}: {self.shown} after {self.requests}") from None

    async def github(self, request: web.Request) -> web.Response:
        """`POST /api/v3/repos/{owner}/{repo}/statuses/{sha}`."""
        sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
        project = f"{request.match_info['owner']}/{request.match_info['repo']}"
        return await self._take("github", request, project, sent)

    async def gitlab(self, request: web.Request) -> web.Response:
        """`POST /api/v4/projects/{id}/statuses/{sha}`."""
        project = unquote(request.raw_path.split("/projects/")[1].split("/statuses/")[0])
        return await self._take("gitlab", request, project, request.headers.get("PRIVATE-TOKEN", ""))

    async def elsewhere(self, request: web.Request) -> web.Response:
        """Where a redirect leads: nobody should come."""
        self.requests.append(f"{request.method} {request.path}")
        self.tokens += [request.headers.get("Authorization", "") + request.headers.get("PRIVATE-TOKEN", "")]
        return web.Response(status=201)

    async def _take(self, kind: str, request: web.Request, project: str, token: str) -> web.Response:
        body: dict[str, Any] = await request.json()
        self.requests.append(f"{kind} {project} {body['state']}")
        self.tokens.append(token)
        if self.faults:
            fault = self.faults.pop(0)
            await asyncio.sleep(fault.delay_s)
            if fault.code == 0 and request.transport is not None:
                request.transport.abort()
            return web.json_response({"message": fault.message}, status=fault.code or 500, headers=fault.headers)
        if token != self.token:
            return web.json_response({"message": "Bad credentials"}, status=401)
        context = body["context" if kind == "github" else "name"]
        if body["state"] not in _STATES[kind] or (kind == "github" and len(body["description"]) > 140):
            return web.json_response({"message": "Validation Failed"}, status=422)
        revision = request.match_info["sha"]
        if kind == "gitlab" and self.states(context, revision)[-1:] == [body["state"]] == ["running"]:
            return web.json_response({"message": "Cannot transition status via :run from :running"}, status=400)
        found = Shown(project, revision, context, body["state"], body["description"], body.get("target_url", ""))
        self.shown.append(found)
        return web.json_response({"state": body["state"]}, status=201)


@asynccontextmanager
async def git_host() -> AsyncIterator[GitHost]:
    """Serve one."""
    host = GitHost()
    app = web.Application()
    app.router.add_post("/api/v3/repos/{owner}/{repo}/statuses/{sha}", host.github)
    app.router.add_post("/api/v4/projects/{project}/statuses/{sha}", host.gitlab)
    app.router.add_route("*", "/elsewhere", host.elsewhere)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host.port = runner.addresses[0][1]
    try:
        yield host
    finally:
        await runner.cleanup()
