"""GitLab: "set the pipeline status of a commit" of its API.

`POST /projects/:id/statuses/:sha` takes `state` (pending, running, success, failed, canceled, skipped), `name`,
`description` and `target_url`, and answers 201. A token needs the scope `api` and the role Developer (Maintainer where
the branch is protected). The same state twice is refused with 400 "Cannot transition status": that is no failure.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

from .status import CONTEXT_MAX, State, Status

_STATES = {
    State.PENDING: "running",
    State.SUCCESS: "success",
    State.FAILURE: "failed",
    State.ERROR: "failed",
    State.SUPERSEDED: "canceled",
}
_PUBLIC = ("gitlab.com", "www.gitlab.com", "altssh.gitlab.com")


class GitLab:
    """As `place.GitHost` wants it."""

    @property
    def name(self) -> str:
        """The kind of host."""
        return "gitlab"

    def serves(self, hostname: str) -> bool:
        """gitlab.com, and servers that are called so (gitlab.example.com)."""
        return hostname in _PUBLIC or hostname.partition(".")[0] == "gitlab"

    def api(self, origin: str) -> str:
        """`/api/v4` of the server, which may be written out or not."""
        base = "https://gitlab.com" if urlsplit(origin).hostname in _PUBLIC else origin.rstrip("/")
        return base if base.endswith("/api/v4") else f"{base}/api/v4"

    def project(self, path: str) -> str:
        """The whole path with its groups, in one piece."""
        return quote(path, safe="")

    def url(self, api: str, project: str, revision: str) -> str:
        """The address of a commit's statuses."""
        return f"{api}/projects/{project}/statuses/{revision}"

    def headers(self, token: str) -> dict[str, str]:
        """The token: a personal, project or group access token."""
        return {"PRIVATE-TOKEN": token, "Accept": "application/json"}

    def body(self, status: Status) -> dict[str, Any]:
        """The status in GitLab's words."""
        body = {
            "state": _STATES[status.state],
            "name": status.context[:CONTEXT_MAX],
            "description": status.description,
        }
        return {**body, "target_url": status.target_url} if status.target_url else body

    def has_it_already(self, code: int, text: str, /) -> bool:
        """Whether the status is in this state already."""
        return code == 400 and "cannot transition status" in text.lower()


GITLAB = GitLab()
