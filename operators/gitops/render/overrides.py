"""Parameter overrides that lie in the repository: `.argocd-source.yaml` and `.argocd-source-<application>.yaml`.

As in Argo CD they are merged over the Application's source, in this order; path, URL and revision stay.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pydantic

from operators.gitops.models import ApplicationSource
from operators.gitops.sources import SourceError
from operators.kit.merge import merge_patch

from .documents import parse_yaml
from .files import Files, as_text, join
from .request import RenderRequest


async def with_overrides(request: RenderRequest, files: Files) -> RenderRequest:
    """The request with the overrides of its folder applied."""
    source = request.source
    if source.path.startswith("/"):
        raise SourceError(f"spec.source.path {source.path!r} must be relative", condition="InvalidSpecError")
    folder = (await files.snapshot.find(source.path)).path
    for name in (".argocd-source.yaml", f".argocd-source-{request.app_name}.yaml"):
        path = join(folder, name)
        entry = await files.snapshot.entry(path)
        files.paths[path] = None
        if entry is None or entry.is_directory or entry.is_symlink or entry.is_submodule:
            continue
        documents = parse_yaml(as_text((await files.snapshot.read(entry))[0], path), path)
        source = _merged(source, documents[0].value if documents else {}, path)
    return dataclasses.replace(request, source=source)


def _merged(source: ApplicationSource, override: Any, path: str) -> ApplicationSource:
    if not isinstance(override, dict):
        raise SourceError(f"{path}: must be a mapping", file=path)
    served = {key: value for key, value in override.items() if key in ("helm", "directory")}
    unserved = sorted(set(override) - set(served) - {"path", "repoURL", "targetRevision", "chart"})
    if unserved:
        raise SourceError(f"{path}: {', '.join(unserved)} is not served", file=path)
    try:
        return ApplicationSource.model_validate(
            merge_patch(source.model_dump(by_alias=True, exclude_unset=True), served)
        )
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise SourceError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}", file=path) from None
