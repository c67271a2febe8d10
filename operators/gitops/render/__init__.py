"""From a commit to manifests: Helm charts and plain directories.

In:  a `RenderRequest`. Out: `Rendered`, or a `SourceError` that names what is wrong and where.
"""

from __future__ import annotations

from .renderer import Renderer
from .request import Rendered, RenderRequest

__all__ = ["RenderRequest", "Rendered", "Renderer"]
