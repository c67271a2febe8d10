"""Where manifests come from: Git remotes, mirrored once each.

In:  repository URLs with credentials, and target revisions. Out: commit ids, content keys and files, or a `SourceError`.
"""

from __future__ import annotations

from .errors import SourceError
from .git import GitSource
from .repository import Repository

__all__ = ["GitSource", "Repository", "SourceError"]
