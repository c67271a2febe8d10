"""The namespace that `CreateNamespace=true` makes, and the labels and annotations it is given. Pure.

It carries no mark of the Application: it outlives it, as in Argo CD.
"""

from __future__ import annotations

from operators.kit.kube import Ref

from .actions import CreateNamespace
from .models import Application, NamespaceMetadata
from .options import Options
from .seen import Seen, Target


def due(app: Application, target: Target, seen: Seen, options: Options) -> CreateNamespace | None:
    """Return what is to be done about the destination namespace before anything else; None where nothing is."""
    name = app.spec.destination.namespace
    if not name or not options.has("CreateNamespace") or any(_is(entry.ref, name) for entry in target.objects):
        return None
    policy = app.spec.sync_policy
    wanted = policy.managed_namespace_metadata if policy else None
    labels, annotations = _texts(wanted)
    if seen.namespace is None:
        return CreateNamespace(name, f"namespace {name} is missing", labels, annotations)
    metadata = seen.namespace.get("metadata") or {}
    is_set = _holds(metadata.get("labels"), labels) and _holds(metadata.get("annotations"), annotations)
    return None if is_set else CreateNamespace(name, f"namespace {name} lacks managed metadata", labels, annotations)


def _texts(wanted: NamespaceMetadata | None) -> tuple[dict[str, str], dict[str, str]]:
    return (wanted.labels or {}, wanted.annotations or {}) if wanted else ({}, {})


def _holds(live: dict[str, str] | None, wanted: dict[str, str]) -> bool:
    return all((live or {}).get(key) == value for key, value in wanted.items())


def _is(ref: Ref, name: str) -> bool:
    return (ref.group, ref.kind, ref.name) == ("", "Namespace", name)
