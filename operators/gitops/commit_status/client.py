"""One status to one Git host: a POST with bounds, certificates always checked, redirects never followed.

In:  a place, a status and the repository's credentials. Out: nothing, or `Later` (try again) or `Refused` (somebody has
to mend something). No message holds a credential.
"""

from __future__ import annotations

import asyncio
import json
import math
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from operators.gitops.sources import Repository
from operators.gitops.sources.repository import canonical_url

from .place import Place
from .status import Status, shorten

TIMEOUT_S = 10.0
LONGEST_WAIT_S = 900.0
_ANSWER_BYTES = 8192
_WORDS = {
    401: "the token is not accepted",
    403: "the token may not write commit statuses",
    404: "there is no such repository or commit for this token",
    422: "the commit or the status is not accepted",
}


class Later(Exception):
    """No answer, or one that says nothing about the status; `after_s` where the host has said when."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class Refused(Exception):
    """The Git host does not take it; `code` is its answer's, 0 where nothing could be asked."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class Client:
    """A session, opened at the first status."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def post(self, place: Place, status: Status, repository: Repository) -> None:
        """Post one status; raises Later or Refused."""
        token = token_of(repository)
        if not token:
            raise Refused("its repository Secret has no token: set password or commitStatusToken")
        try:
            async with asyncio.timeout(self._timeout_s):
                code, headers, text = await self._ask(place, status, repository, token)
        except TimeoutError:
            raise Later(f"{_origin(place)} did not answer within {self._timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Later(_scrub(f"{_origin(place)}: {error or type(error).__name__}", repository, token)) from None
        if 200 <= code < 300 or place.host.has_it_already(code, text):
            return
        said = _scrub(_message(text), repository, token)
        if code in (408, 409, 429) or code >= 500 or (code == 403 and _is_limit(headers, text)):
            raise Later(f"{_origin(place)} answered {code}{said}", _wait_s(headers))
        if 300 <= code < 400:
            raise Refused(f"{_origin(place)} answered {code}: the repository has moved, change its URL", code)
        raise Refused(f"{_origin(place)} answered {code}: {_WORDS.get(code, 'it is not accepted')}{said}", code)

    async def _ask(
        self, place: Place, status: Status, repository: Repository, token: str
    ) -> tuple[int, Mapping[str, str], str]:
        """Return the answer's code, headers and the beginning of its text."""
        if self._session is None:
            self._session = aiohttp.ClientSession(trust_env=False, headers={"User-Agent": "automatrix-gitops"})
        url = place.host.url(place.api, place.project, status.revision)
        async with self._session.post(
            URL(url, encoded=True),
            json=place.host.body(status),
            headers=place.host.headers(token),
            allow_redirects=False,
            proxy=repository.proxy or None,
            ssl=_certificates(place, repository),
        ) as answer:
            text = await answer.content.read(_ANSWER_BYTES)
            return answer.status, answer.headers, text.decode(errors="replace")


def token_of(repository: Repository) -> str:
    """Return what the API is asked with: the key of its own, else what Git is asked with.

    A token is at times given as the user's name with an empty password.
    """
    own = repository.without_credentials_in_url()
    return own.commit_status_token or own.password or own.bearer_token or _name_as_token(own)


def _name_as_token(repository: Repository) -> str:
    is_http = canonical_url(repository.url).startswith("http")
    return repository.username if is_http and repository.username not in ("git", "oauth2", "x-access-token") else ""


def _certificates(place: Place, repository: Repository) -> ssl.SSLContext | bool:
    """Whom to trust: the authorities that the repository's own host is given, else the system's."""
    hostname = urlsplit(canonical_url(repository.url)).hostname
    is_own = repository.ca and urlsplit(place.api).hostname == hostname
    return ssl.create_default_context(cadata=repository.ca) if is_own else True


def _is_limit(headers: Mapping[str, str], text: str) -> bool:
    """Whether a 403 is GitHub's way to say "too many requests"."""
    return "Retry-After" in headers or headers.get("X-RateLimit-Remaining") == "0" or "rate limit" in text.lower()


def _wait_s(headers: Mapping[str, str]) -> float | None:
    """Return for how long the host wants to be left alone, bounded."""
    wait_s: float | None = None
    with suppress(ValueError):
        if headers.get("Retry-After"):
            wait_s = float(headers["Retry-After"])
        elif headers.get("X-RateLimit-Remaining") == "0":
            wait_s = float(headers.get("X-RateLimit-Reset", "")) - time.time()
    return None if wait_s is None or not math.isfinite(wait_s) else min(max(wait_s, 0.0), LONGEST_WAIT_S)


def _message(text: str) -> str:
    with suppress(ValueError):
        found = json.loads(text)
        message = found.get("message") or found.get("error") if isinstance(found, dict) else None
        if message:
            return f": {message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)}"
    return ""


def _scrub(text: str, repository: Repository, token: str) -> str:
    shown = repository.scrub(text.replace(token, "***"))
    return shorten(shown, 300)


def _origin(place: Place) -> str:
    return str(URL(place.api).origin())
