"""GitHub and GitHub Enterprise: "create a commit status" of its REST API.

`POST /repos/{owner}/{repo}/statuses/{sha}` takes `state` (error, failure, pending, success), `context`, `description`
and `target_url`, and answers 201. A token needs the right to write commit statuses. A commit has room for 1000 statuses
of one context.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

from .status import CONTEXT_MAX, State, Status

_STATES = {
    State.PENDING: "pending",
    State.SUCCESS: "success",
    State.FAILURE: "failure",
    State.ERROR: "error",
    State.SUPERSEDED: "error",  # it has no word for it
}
_PUBLIC = ("github.com", "www.github.com", "ssh.github.com", "api.github.com")


class GitHub:
    """As `place.GitHost` wants it."""

    @property
    def name(self) -> str:
        """The kind of host."""
        return "github"

    def serves(self, hostname: str) -> bool:
        """github.com, tenants of ghe.com, and servers that are called so (github.example.com)."""
        return hostname in _PUBLIC or hostname.endswith(".ghe.com") or hostname.partition(".")[0] == "github"

    def api(self, origin: str) -> str:
        """`https://api.github.com`; `/api/v3` of an Enterprise server, which may be written out or not."""
        hostname = urlsplit(origin).hostname or ""
        base = origin.rstrip("/")
        if hostname in _PUBLIC:
            return "https://api.github.com"
        if hostname.endswith(".ghe.com"):
            return f"https://api.{hostname.removeprefix('api.')}"
        return base if base.endswith("/api/v3") or hostname.startswith("api.") else f"{base}/api/v3"

    def project(self, path: str) -> str:
        """`owner/repo`."""
        parts = path.split("/")
        return "/".join(quote(part, safe="") for part in parts) if len(parts) == 2 and all(parts) else ""

    def url(self, api: str, project: str, revision: str) -> str:
        """The address of a commit's statuses."""
        return f"{api}/repos/{project}/statuses/{revision}"

    def headers(self, token: str) -> dict[str, str]:
        """The token, and the version of the API that this was written for."""
        return {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }

    def body(self, status: Status) -> dict[str, Any]:
        """The status in GitHub's words."""
        body = {
            "state": _STATES[status.state],
            "context": status.context[:CONTEXT_MAX],
            "description": status.description,
        }
        return {**body, "target_url": status.target_url} if status.target_url else body

    def has_it_already(self, _code: int, _text: str, /) -> bool:
        """Never: GitHub takes the same status twice."""
        return False


GITHUB = GitHub()
