"""The bare mirrors of remotes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .repository import Repository


class GitSource:
    """Bare mirrors under one cache directory, one for each repository URL."""

    def __init__(self, cache_dir: Path, *, timeout_s: float = 60.0, allow_file: bool = False) -> None:
        self._cache_dir = cache_dir
        self._timeout_s = timeout_s
        self._allow_file = allow_file

    async def fetch(self, repository: Repository) -> None:
        """Bring the mirror up to date with its remote; concurrent calls share one fetch."""
        raise NotImplementedError

    async def resolve(self, repository: Repository, target_revision: str) -> str:
        """Commit id (40 hex) of HEAD, a branch, a tag or a commit id (prefix), from the mirror; no network."""
        raise NotImplementedError

    async def remote_head(self, repository: Repository, target_revision: str) -> str:
        """Commit id that a branch, a tag or HEAD has on the remote now (git ls-remote)."""
        raise NotImplementedError

    async def content_key(self, repository: Repository, revision: str, paths: Sequence[str]) -> str:
        """Equal keys mean equal content of all `paths` (files or directories) at `revision`; no network."""
        raise NotImplementedError

    async def close(self) -> None:
        """End the helper processes; the mirrors stay."""
