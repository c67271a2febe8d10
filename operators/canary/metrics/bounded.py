"""HTTP with bounds: so long, so large, no redirects, and never to the machine's own or the cloud's metadata address.

The addresses come out of Canaries, which tenants write; the operator's network position must not become theirs.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from . import Outage

MAX_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Ask:
    """One request."""

    url: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    """Sent by POST where given; GET otherwise."""
    timeout_s: float = 5.0
    max_bytes: int = MAX_BYTES


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes


class Http:
    """A client session; `trusted` ones (the platform's own addresses) may go to loopback, as tests do."""

    def __init__(self, *, trusted: bool = False) -> None:
        self._trusted = trusted
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def fetch(self, ask: Ask) -> bytes:
        """Return the body of a 200; raises Outage with a reason for the user (the URL's path and query left out)."""
        answer = await self.ask(ask)
        if answer.status != 200:
            raise Outage(f"{URL(ask.url).origin()} answered {answer.status}")
        return answer.body

    async def ask(self, ask: Ask) -> Answer:
        """Return the answer, whatever its status; raises Outage where there is none, or too large a one."""
        where = URL(ask.url).origin() if URL(ask.url).is_absolute() else ask.url
        try:
            async with asyncio.timeout(ask.timeout_s):
                return await self._ask(ask)
        except TimeoutError:
            raise Outage(f"{where} did not answer within {ask.timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Outage(f"{where}: {error or type(error).__name__}") from error

    async def json(self, ask: Ask) -> Any:
        """The same, parsed."""
        body = await self.fetch(ask)
        try:
            return json.loads(body)
        except ValueError:
            raise Outage(f"{URL(ask.url).origin()} did not answer with JSON") from None

    async def _ask(self, ask: Ask) -> Answer:
        url = URL(ask.url)
        if not self._trusted and url.host and _is_address(url.host):
            _refuse_inside(url.host)  # aiohttp asks no resolver about an address
        method = "GET" if ask.body is None else "POST"
        async with self._open().request(
            method, url, params=ask.query or None, headers=ask.headers, data=ask.body, allow_redirects=False
        ) as answer:
            body = bytearray()
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > ask.max_bytes:
                    raise Outage(f"{url.origin()} answered with more than {ask.max_bytes} bytes")
            return Answer(answer.status, bytes(body))

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            resolver = ThreadedResolver() if self._trusted else _Outside()
            connector = aiohttp.TCPConnector(resolver=resolver, limit=64, limit_per_host=8)
            self._session = aiohttp.ClientSession(connector=connector, trust_env=False)
        return self._session


class _Outside(AbstractResolver):
    """Resolves names, and refuses those that lead inside."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        for one in found:
            _refuse_inside(one["host"])
        return found

    async def close(self) -> None:
        await self._resolver.close()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _refuse_inside(address: str) -> None:
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None) or found
    if mapped.is_loopback or mapped.is_link_local or mapped.is_unspecified or mapped.is_multicast:
        raise Outage(f"{address} is an address that metrics are never asked of")
