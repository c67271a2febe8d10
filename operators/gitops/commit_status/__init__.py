"""Commit statuses: what a receipt says of each Application, shown beside the commit on GitHub and GitLab.

In:  receipts as they change. Out: one status per commit and Application, posted when its state changes.
`status` says what, `place` where, `github` and `gitlab` how, `client` does it, `reporter` decides when.
"""

from .assembly import build, settings_of
from .reporter import Reporter

__all__ = ["Reporter", "build", "settings_of"]
