"""Where the commits of a repository are shown: the Git host's kind, its API and the project there. Pure.

The API's address follows from the repository's; a credential of a repository thus only ever goes to its own host, or
to the one that the settings name for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from operators.gitops.sources import SourceError
from operators.gitops.sources.repository import canonical_url

from .github import GITHUB
from .gitlab import GITLAB
from .status import Status

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class GitHost(Protocol):
    """What is different from one kind of Git host to another."""

    @property
    def name(self) -> str:
        """The kind, as people and settings call it."""

    def serves(self, hostname: str) -> bool:
        """Whether a host is of this kind, as far as its name tells."""

    def api(self, origin: str) -> str:
        """Return the address of the API of an origin (`https://host[:port]`), or of one that is written out."""

    def project(self, path: str) -> str:
        """Return a repository's path as the API wants it; '' for what is no repository there."""

    def url(self, api: str, project: str, revision: str) -> str:
        """Return the address that takes the statuses of a commit."""

    def headers(self, token: str) -> dict[str, str]:
        """Return what goes with every request."""

    def body(self, status: Status) -> dict[str, Any]:
        """Return a status in the host's own words."""

    def has_it_already(self, code: int, text: str, /) -> bool:
        """Whether a refusal only says that the status is as it should be."""


HOSTS: tuple[GitHost, ...] = (GITHUB, GITLAB)


@dataclass(frozen=True, slots=True)
class Place:
    """One project of one Git host."""

    host: GitHost = field(repr=False)
    api: str
    project: str

    def __str__(self) -> str:
        return f"{self.project} at {self.api}"


def find_place(repo_url: str, bases: Mapping[str, str]) -> Place | None:
    """Return where a repository's commits are shown, None where that is nowhere that is served.

    `bases` has, by the kind of host, the API of one that runs elsewhere than its name tells.
    """
    try:
        parts = urlsplit(canonical_url(repo_url))
        hostname, port = parts.hostname or "", parts.port
    except (SourceError, ValueError):
        return None
    if parts.scheme not in ("https", "http", "ssh") or not hostname:
        return None
    for host in HOSTS:
        base = urlsplit(bases.get(host.name, ""))
        if base.hostname in (hostname, f"api.{hostname}"):
            path = parts.path.removeprefix(base.path.partition("/api/")[0].rstrip("/"))
            return _place(host, base.geturl(), path)
    shown = f"[{hostname}]" if ":" in hostname else hostname
    origin = f"https://{shown}:{port}" if port and parts.scheme == "https" else f"https://{shown}"
    return next((_place(host, origin, parts.path) for host in HOSTS if host.serves(hostname)), None)


def _place(host: GitHost, origin: str, path: str) -> Place | None:
    project = host.project(path.strip("/"))
    return Place(host, host.api(origin), project) if project else None


def check_base(variable: str, url: str) -> str:
    """Return the address of an API as it was set; raise ValueError where a token would go out in the clear."""
    parts = urlsplit(url)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if url and not (is_safe and parts.hostname and "@" not in parts.netloc and not parts.query):
        raise ValueError(f"{variable}: write the address of the API, https://…, without a name or password in it")
    return url
