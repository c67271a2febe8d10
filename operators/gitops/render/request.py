"""What is asked of the renderer and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from operators.gitops.models import ApplicationSource
from operators.gitops.sources import Repository
from operators.kit.kube import Manifest


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """One source of one Application at one commit.

    `revision` is a commit id of the mirror; `app_namespace` is the destination namespace; `kube_version`
    ("v1.35.4") and `api_versions` ("apps/v1", "apps/v1/Deployment") are what the API server serves.
    """

    repository: Repository
    revision: str
    source: ApplicationSource
    app_name: str
    app_namespace: str = ""
    project: str = "default"
    kube_version: str = ""
    api_versions: frozenset[str] = frozenset()
    fresh: bool = False
    """Render even where the result is known (Argo CD's hard refresh)."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """The manifests of one source, in the order they were rendered, exactly as rendered, hooks among them.

    An object without a namespace has none here: whether its kind is namespaced is known to discovery only, so
    the caller fills in the destination's. The manifests may be shared with other answers: never change them in place.
    `paths` are the files and directories of the repository the result depends on: equal `content_key` of them means
    equal result. `unsupported` names what the renderer itself left out, one sentence each.
    """

    manifests: tuple[Manifest, ...]
    source_type: Literal["Helm", "Directory"]
    paths: tuple[str, ...]
    from_cache: bool
    seconds: float
    unsupported: tuple[str, ...] = ()
