"""HTTP to the API server: one shared session, bounded in time, failures as `errors`, Retry-After honoured.

In: method, path, query and body. Out: parsed JSON, or the lines of a watch. Trade-off: the official client's transport
and logins without its dynamic layer: its own discovery does not tell a missing group from one that did not answer, and
it costs a third more CPU per server-side apply (0.9 against 0.65 ms).
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.config.config_exception import ConfigException

from .errors import NOT_SERVED, ApiError, Conflict, Forbidden, Gone, NotFound, Unavailable
from .logging import hide_values
from .login import Login, new_configuration
from .metrics import API_REQUESTS
from .sockets import Sockets

MAX_PARALLEL = 64
MAX_TRIES = 5
CONNECT_S = 10.0
MESSAGE_MAX = 1000
LINE_MAX = 2**21
"""Bytes that are read ahead: an event of a watch may be as large as an object, 1.5 MiB."""
_BAD_MANIFEST = ("failed to create typed patch object", "failed to convert new object")
_ERRORS: Mapping[int, type[ApiError]] = {401: Forbidden, 403: Forbidden, 404: NotFound, 410: Gone, 429: Unavailable}


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `timeout_s` bounds all its tries together."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 30.0
    subject: str = ""
    """What error messages call the object (`Deployment hub-dev/web`)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of any status below 400, 304 included."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the parsed body."""
        return json.loads(self.body)


class Transport:
    """A session with the API server; make it with `connect`, close it with `close`."""

    def __init__(self, client: ApiClient, login: Login, sockets: Sockets, parallel: int = MAX_PARALLEL) -> None:
        self._client = client
        self._login = login
        self._sockets = sockets
        self._slots = asyncio.Semaphore(parallel)
        self._logging_in = asyncio.Lock()
        self._logged_in_at = float("-inf")

    @classmethod
    async def connect(cls, login: Login, parallel: int = MAX_PARALLEL) -> Transport:
        """Log in; sends nothing yet, and later at most `parallel` requests at once, watches not counted.

        Raises Forbidden where there are no usable credentials.
        """
        configuration = new_configuration()
        try:
            await login(configuration)
        except (ConfigException, OSError) as error:
            raise Forbidden(401, "NoCredentials", f"cannot log in to the Kubernetes API: {error}") from error
        client = ApiClient(configuration)
        client.user_agent = "automatrix"
        sockets, rest = Sockets(), client.rest_client
        rest.pool_manager = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=rest.maxsize, ssl=rest.ssl_context, socket_factory=sockets.make),
            trust_env=True,
            read_bufsize=LINE_MAX,
        )
        return cls(client, login, sockets, parallel)

    async def close(self) -> None:
        """Close the session and its connections."""
        await self._client.close()
        await self._sockets.closed()

    async def send(self, request: Request) -> Answer:
        """Send a request; waits and repeats as the server's Retry-After says, while `timeout_s` lasts."""
        async with self._slots:  # held while waiting for Retry-After, too: a busy server gets fewer requests
            loop = asyncio.get_running_loop()
            deadline = loop.time() + request.timeout_s
            for attempt in range(MAX_TRIES):
                sent_at = loop.time()
                answer = await self._once(request, deadline - sent_at)
                if answer.status < 400:
                    return answer
                if answer.status == 401 and attempt == 0 and await self._log_in_again(sent_at):
                    continue
                wait_s = _retry_after(answer)
                if wait_s is None or loop.time() + wait_s >= deadline:
                    break
                await asyncio.sleep(wait_s)
        raise error_of(answer.status, answer.body, request.subject, retry_after_s=_retry_after(answer))

    async def lines(self, request: Request, *, silence_s: float) -> AsyncGenerator[bytes, None]:
        """Stream an answer line by line; raises Unavailable when nothing was heard for `silence_s`."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=silence_s)
        try:
            response = (await self._call(request, timeout)).response
            try:
                if response.status >= 400:
                    raise error_of(response.status, await response.read(), request.subject)
                buffer = b""
                async for chunk in response.content.iter_any():
                    *whole, buffer = (buffer + chunk).split(b"\n")
                    for line in whole:
                        yield line
            finally:
                cut(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _no_answer(request, error) from error

    async def _once(self, request: Request, left_s: float) -> Answer:
        timeout = aiohttp.ClientTimeout(total=max(left_s, 0.001), sock_connect=CONNECT_S)
        try:
            response = await self._call(request, timeout)
            API_REQUESTS.labels(request.method, str(response.status)).inc()
            return Answer(response.status, response.headers, await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            API_REQUESTS.labels(request.method, "none").inc()
            raise _no_answer(request, error) from error

    async def _call(self, request: Request, bounds: aiohttp.ClientTimeout) -> Any:
        headers = {"Accept": "application/json", "Content-Type": request.content_type, **request.headers}
        headers["User-Agent"] = self._client.user_agent
        await self._client.update_params_for_auth(
            headers, [], ["BearerToken"], request.path, request.method, request.body
        )
        url = f"{self._client.configuration.host}{request.path}"
        if request.query:
            url += "?" + urlencode(request.query)
        return await self._client.call_api(request.method, url, headers, request.body, _request_timeout=bounds)

    async def _log_in_again(self, sent_at: float) -> bool:
        """Read the credentials anew; at most every 5 s, so that bad ones do not make a storm.

        Whoever was refused with those from before takes the new ones: an expired token meets many requests at once.
        """
        async with self._logging_in:
            now = asyncio.get_running_loop().time()
            if self._logged_in_at >= sent_at:
                return True
            if now - self._logged_in_at < 5:
                return False
            self._logged_in_at = now
            try:
                await self._login(self._client.configuration)
            except (ConfigException, OSError):
                return False
            return True


def cut(response: aiohttp.ClientResponse) -> None:
    """End an answer in its middle, connection and all: a polite end of TLS would outlive the session and its loop."""
    if response.connection is not None and response.connection.transport is not None:
        response.connection.transport.abort()
    response.close()


def error_of(status: int, body: bytes, subject: str, *, retry_after_s: float | None = None) -> ApiError | Conflict:
    """Turn a failure's Status object (or whatever text a proxy sent) into an error; a Secret's values are left out."""
    try:
        answer = json.loads(body)
        message, reason = str(answer["message"]), str(answer.get("reason") or "")
    except (ValueError, KeyError, TypeError):
        message, reason = body[:500].decode(errors="replace").strip() or f"HTTP {status}", ""
    if status == 404 and not reason:
        reason = NOT_SERVED  # a missing object is told by a Status object, a missing path by a line of text
    if subject.startswith("Secret "):
        message = hide_values(message)
    if status == 500 and message.startswith(_BAD_MANIFEST):
        status, reason = 422, "Invalid"  # the server blames itself for a manifest that does not fit the schema
    if len(message) > MESSAGE_MAX:  # some quote the whole object
        message = f"{message[: MESSAGE_MAX // 2]} … {message[-MESSAGE_MAX // 2 :]}"
    if subject and subject.rpartition("/")[2].rpartition(" ")[2] not in message:
        message = f"{subject}: {message}"
    if status == 409:
        return Conflict(message)
    kind = _ERRORS.get(status, Unavailable if status >= 500 else ApiError)
    error = kind(status, reason, message)
    if isinstance(error, Unavailable):
        error.retry_after_s = retry_after_s
    return error


def _retry_after(answer: Answer) -> float | None:
    """Return how long the server asks to wait; None where it does not (then the caller's own back-off holds)."""
    given = answer.headers.get("Retry-After", "")
    if answer.status not in (429, 503) or not given:
        return None
    return float(given) if given.isdigit() else 1.0


def _no_answer(request: Request, error: BaseException) -> Unavailable:
    reason = "Timeout" if isinstance(error, TimeoutError) else "ConnectionError"
    if isinstance(error, ssl.SSLError | aiohttp.ClientSSLError):
        reason = "TLSError"
    what = request.subject or f"{request.method} {request.path}"
    return Unavailable(0, reason, f"{what}: no answer from the Kubernetes API: {error or type(error).__name__}")
