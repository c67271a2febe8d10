"""Render a source, once for equal content."""

from __future__ import annotations

from pathlib import Path

from operators.gitops.sources import GitSource

from .request import Rendered, RenderRequest


class Renderer:
    """Renders in a bounded pool and remembers by content."""

    def __init__(self, git: GitSource, work_dir: Path, *, timeout_s: float = 60.0) -> None:
        self._git = git
        self._work_dir = work_dir
        self._timeout_s = timeout_s

    async def render(self, request: RenderRequest) -> Rendered:
        """Render one source; equal content and fields are answered from the cache."""
        raise NotImplementedError
