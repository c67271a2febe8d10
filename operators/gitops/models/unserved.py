"""What Argo CD's Application has and this engine does not serve (yet): named to the user, never ignored in silence.

In: a parsed Application. Out: one message per field. `blocking` ones would change what is deployed, so the
Application is not compared at all; the others are warnings beside a working Application.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .application import Application
from .base import Model
from .operation import Operation, SyncOperation
from .source import ApplicationSource, DirectorySource
from .spec import ApplicationSpec


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


_KNOWN: dict[type[Model], dict[str, str]] = {
    ApplicationSpec: {
        "sources": "use one spec.source",
        "sourceHydrator": "point spec.source at the rendered branch",
    },
    ApplicationSource: {
        "chart": "chart repositories are not served; vendor the chart into Git and set path",
        "kustomize": "render it to plain manifests, or use a Helm chart",
        "plugin": "render it to plain manifests, or use a Helm chart",
        "ref": "it belongs to several sources; put the value files beside the chart",
    },
    DirectorySource: {"jsonnet": "render it to plain manifests, or use a Helm chart"},
    SyncOperation: {
        "manifests": "commit the manifests to Git",
        "sources": "use one source",
        "revisions": "use revision",
    },
}
"""What Argo CD knows and this engine does not serve, with the way out."""
_HARMLESS: dict[type[Model], frozenset[str]] = {ApplicationSource: frozenset({"name"})}


def unserved(app: Application) -> list[Unserved]:
    """Return every set field of the Application that Argo CD knows, or nobody knows, and that is not served."""
    return [*_below(app.spec, "spec"), *unserved_in(app.operation)]


def unserved_in(operation: Operation | None) -> list[Unserved]:
    """Return the same of an operation, asked for or under way."""
    return list(_below(operation, "operation")) if operation is not None else []


def _below(model: Model, path: str) -> Iterator[Unserved]:
    """Walk a model and all that it holds.

    An unknown field blocks only where Argo CD knows it: a typing error is a warning, as the API server's.
    """
    known = _KNOWN.get(type(model), {})
    for name, value in (model.model_extra or {}).items():
        if name not in _HARMLESS.get(type(model), ()) and value not in (None, "", [], {}):
            yield Unserved(f"{path}.{name}", known.get(name, "remove it"), blocking=name in known)
    for name, field in type(model).model_fields.items():
        value, below = getattr(model, name), f"{path}.{field.alias or name}"
        if isinstance(value, Model):
            yield from _below(value, below)
        elif isinstance(value, tuple):
            for number, one in enumerate(value):
                if isinstance(one, Model):
                    yield from _below(one, f"{below}[{number}]")
