"""Argo CD's build environment, substituted in parameters and paths.

`$NAME` and `${NAME}`; `$$` is a dollar; what is not a variable of this environment is empty, as in Argo CD.
"""

from __future__ import annotations

import re

from .request import RenderRequest

VARIABLE = re.compile(r"\$(?:(\$)|\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
OF_REVISION = ("ARGOCD_APP_REVISION", "ARGOCD_APP_REVISION_SHORT", "ARGOCD_APP_REVISION_SHORT_8")


class BuildEnvironment:
    """The variables of one request; remembers whether one of them told the revision."""

    def __init__(self, request: RenderRequest) -> None:
        source, revision = request.source, request.revision
        self.depends_on_revision = False
        self._values = {
            "ARGOCD_APP_NAME": request.app_name,
            "ARGOCD_APP_NAMESPACE": request.app_namespace,
            "ARGOCD_APP_PROJECT_NAME": request.project,
            "ARGOCD_APP_REVISION": revision,
            "ARGOCD_APP_REVISION_SHORT": revision[:7],
            "ARGOCD_APP_REVISION_SHORT_8": revision[:8],
            "ARGOCD_APP_SOURCE_PATH": source.path,
            "ARGOCD_APP_SOURCE_REPO_URL": source.repo_url,
            "ARGOCD_APP_SOURCE_TARGET_REVISION": source.target_revision,
            "KUBE_VERSION": plain_version(request.kube_version),
            "KUBE_API_VERSIONS": ",".join(sorted(request.api_versions)),
        }

    def substitute(self, text: str) -> str:
        """The text with its variables replaced."""
        return VARIABLE.sub(self._value, text)

    def knows(self, variable: re.Match[str]) -> bool:
        """Whether a match of VARIABLE is one of these variables (or an escaped dollar)."""
        return bool(variable[1]) or (variable[2] or variable[3] or "") in self._values

    def _value(self, match: re.Match[str]) -> str:
        if match[1]:
            return "$"
        name = match[2] if match[2] is not None else match[3]
        self.depends_on_revision |= name in OF_REVISION
        return self._values.get(name, "")


def plain_version(version: str) -> str:
    """A Kubernetes version without what providers append: `v1.35.4-eks-1234` → `1.35.4`; as it is if not one."""
    match = re.fullmatch(r"v?(\d+\.\d+(?:\.\d+)?).*", version)
    return match[1] if match else version
