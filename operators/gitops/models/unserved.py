"""What Argo CD's Application has and this engine does not serve (yet): named to the user, never ignored in silence.

In: a parsed Application. Out: one message per field. `blocking` ones would change what is deployed, so the
Application is not compared at all; the others are warnings beside a working Application.
"""

from __future__ import annotations

from dataclasses import dataclass

from .application import Application
from .base import Model
from .source import ApplicationSource


@dataclass(frozen=True)
class Unserved:
    """One field that is not served: its path, and whether ignoring it would deploy something else than asked."""

    field: str
    remedy: str
    blocking: bool = True

    @property
    def message(self) -> str:
        """What to tell the user."""
        return f"{self.field} is not served yet by this engine: {self.remedy}"


_SPEC = {
    "sources": "use one spec.source",
    "sourceHydrator": "point spec.source at the rendered branch",
}
_SOURCE = {
    "chart": "chart repositories are not served; vendor the chart into Git and set path",
    "kustomize": "render it to plain manifests, or use a Helm chart",
    "plugin": "render it to plain manifests, or use a Helm chart",
    "ref": "it belongs to several sources; put the value files beside the chart",
}
_DIRECTORY = {"jsonnet": "render it to plain manifests, or use a Helm chart"}
_SYNC = {
    "manifests": "commit the manifests to Git",
    "sources": "use one source",
    "revisions": "use revision",
}
_HARMLESS_SOURCE = frozenset({"name"})


def unserved(app: Application) -> list[Unserved]:
    """Return every set field of the Application that Argo CD knows, or nobody knows, and that is not served."""
    found = _extras(app.spec, "spec", _SPEC)
    policy = app.spec.sync_policy
    if policy is not None:
        found += _extras(policy, "spec.syncPolicy", {}, blocking=False)
        if policy.automated is not None:
            found += _extras(policy.automated, "spec.syncPolicy.automated", {}, blocking=False)
        if policy.retry is not None:
            found += _extras(policy.retry, "spec.syncPolicy.retry", {}, blocking=False)
    found += _extras(app.spec.destination, "spec.destination", {}, blocking=False)
    for number, rule in enumerate(app.spec.ignore_differences):
        found += _extras(rule, f"spec.ignoreDifferences[{number}]", {}, blocking=False)
    if app.spec.source is not None:
        found += _of_source(app.spec.source, "spec.source")
    if app.operation is not None and app.operation.sync is not None:
        found += _extras(app.operation.sync, "operation.sync", _SYNC)
    return found


def _of_source(source: ApplicationSource, path: str) -> list[Unserved]:
    found = _extras(source, path, _SOURCE, harmless=_HARMLESS_SOURCE)
    if source.helm is not None:
        found += _extras(source.helm, f"{path}.helm", {}, blocking=False)
    if source.directory is not None:
        found += _extras(source.directory, f"{path}.directory", _DIRECTORY)
    return found


def _extras(
    model: Model,
    path: str,
    known: dict[str, str],
    *,
    blocking: bool = True,
    harmless: frozenset[str] = frozenset(),
) -> list[Unserved]:
    """An unknown field blocks only where Argo CD knows it: a typing error is a warning, as the API server's."""
    found = []
    for name, value in (model.model_extra or {}).items():
        if name in harmless or value in (None, "", [], {}):
            continue
        remedy = known.get(name, "remove it")
        found.append(Unserved(f"{path}.{name}", remedy, blocking=blocking and name in known))
    return found
