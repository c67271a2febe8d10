"""The reporter put together from the engine's parts: where a commit belongs, its credentials, and complaints.

In: settings, receipts, roster and origin. Out: a `Reporter`, or None where commit statuses are off.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from operators.gitops.actions import Emit
from operators.gitops.diff import MANAGER
from operators.gitops.publish import build_event
from operators.gitops.receipts import Receipt, Receipts
from operators.gitops.roster import Roster
from operators.gitops.settings import Settings
from operators.gitops.sources import Repository
from operators.gitops.webhook import url_key
from operators.kit.errors import PlatformError
from operators.kit.kube import KubeApi
from operators.kit.logging import get_logger

from .place import check_base
from .reporter import Around, Reporter, StatusSettings

log = get_logger("gitops")


def settings_of(settings: Settings) -> StatusSettings | None:
    """Return what is set, None where commit statuses are off; raise ValueError naming what cannot be."""
    if not settings.commit_status:
        return None
    bases = {
        "github": check_base("GITOPS_COMMIT_STATUS_GITHUB_URL", settings.commit_status_github_url),
        "gitlab": check_base("GITOPS_COMMIT_STATUS_GITLAB_URL", settings.commit_status_gitlab_url),
    }
    target = settings.commit_status_target_url
    if target and not target.startswith(("https://", "http://")):
        raise ValueError(f"GITOPS_COMMIT_STATUS_TARGET_URL={target!r}: begin it with https:// or http://")
    return StatusSettings(settings.commit_status_label, target, {name: url for name, url in bases.items() if url})


def build(
    api: KubeApi,
    receipts: Receipts,
    roster: Roster,
    credentials: Callable[[str], Awaitable[Repository]],
    settings: StatusSettings,
) -> Reporter:
    """Return the reporter of an engine; `run` it once the receipts are loaded."""
    rooms = _Rooms(api, roster)
    return Reporter(receipts, Around(rooms.repo_url, credentials, rooms.complain), settings)


@dataclass(frozen=True)
class _Rooms:
    api: KubeApi
    roster: Roster

    def repo_url(self, application: str, receipt: Receipt) -> str:
        """Return the repository of a receipt's commit, spelled as an Application does: so its Secret is found.

        An Application that another repository's commit has made has its status there, beside that commit.
        """
        own = self._own(application)
        if not receipt.repo_url or (own and url_key(own) == url_key(receipt.repo_url)):
            return own
        same = (url for url in self.roster.repositories() if url_key(url) == url_key(receipt.repo_url))
        return min(same, default=receipt.repo_url)

    def _own(self, application: str) -> str:
        spec = (self.roster.get(application) or {}).get("spec")
        source = spec.get("source") if isinstance(spec, dict) else None
        return str(source.get("repoURL") or "") if isinstance(source, dict) else ""

    async def complain(self, application: str, message: str) -> None:
        """Write an Event about the Application."""
        manifest = self.roster.get(application)
        if manifest is None:
            return
        action = Emit("Warning", "CommitStatusRefused", message)
        try:
            await self.api.create(build_event(manifest, action, datetime.now(UTC)), field_manager=MANAGER)
        except PlatformError as error:
            log.warning("an Event could not be written", application=application, reason=str(error))
