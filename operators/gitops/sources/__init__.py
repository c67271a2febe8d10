"""Where manifests come from: Git remotes, mirrored once each.

In:  repository URLs with credentials, and target revisions.
Out: commit ids, content keys and files, or a `SourceError`.
"""

from __future__ import annotations

from .errors import SourceError
from .git import EVERY_COMMIT, GitSource
from .repository import Repository, canonical_url, scrub_url

__all__ = ["EVERY_COMMIT", "GitSource", "Repository", "SourceError", "canonical_url", "scrub_url"]
