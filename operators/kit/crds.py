"""CustomResourceDefinitions out of pydantic models, so that docs, defaults and rules stand in one place.

In: a `Kind` with its spec and status models. Out: the CRD as a dict that an API server accepts. Field docs become
`kubectl explain`; CEL rules come through `json_schema_extra={"x-kubernetes-validations": [...]}`.
Trade-off: only what a structural schema can say; a real union is refused here rather than published as "anything".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from .kube import Manifest
from .structural import structural_schema

_API_VERSION = (
    "APIVersion defines the versioned schema of this representation of an object. "
    "More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources"
)
_KIND = (
    "Kind is a string value representing the REST resource this object represents. "
    "More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds"
)


@dataclass(frozen=True, slots=True)
class Column:
    """A printer column of `kubectl get`; with `priority` 1 only in `-o wide`."""

    name: str
    json_path: str
    type: str = "string"
    priority: int = 0
    description: str = ""


@dataclass(frozen=True, slots=True)
class Scale:
    """The /scale subresource: where replicas and the pods' selector are found."""

    spec_replicas: str = ".spec.replicas"
    status_replicas: str = ".status.replicas"
    selector: str = ".status.selector"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind to publish."""

    group: str
    version: str
    kind: str
    plural: str
    spec: type[BaseModel]
    status: type[BaseModel] | None = None
    fields: Mapping[str, type[BaseModel]] = field(default_factory=dict)
    """Further top-level fields, as `operation` of Argo CD's Application."""
    description: str = ""
    namespaced: bool = True
    status_subresource: bool = True
    scale: Scale | None = None
    columns: tuple[Column, ...] = ()
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    rules: tuple[Mapping[str, Any], ...] = ()
    """CEL rules over the whole object, for instance over metadata.name."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


def crd(kind: Kind) -> Manifest:
    """Build the CustomResourceDefinition; raises TypeError with the path of a field that cannot be said in one."""
    version: dict[str, Any] = {
        "name": kind.version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _root(kind)},
    }
    if kind.columns:
        version["additionalPrinterColumns"] = [_column(column) for column in kind.columns]
    if subresources := _subresources(kind):
        version["subresources"] = subresources
    names: dict[str, Any] = {
        "kind": kind.kind,
        "listKind": f"{kind.kind}List",
        "plural": kind.plural,
        "singular": kind.kind.lower(),
    }
    if kind.short_names:
        names["shortNames"] = list(kind.short_names)
    if kind.categories:
        names["categories"] = list(kind.categories)
    metadata: dict[str, Any] = {"name": f"{kind.plural}.{kind.group}"}
    if kind.labels:
        metadata["labels"] = dict(kind.labels)
    if kind.annotations:
        metadata["annotations"] = dict(kind.annotations)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": {
            "group": kind.group,
            "names": names,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "versions": [version],
        },
    }


def _root(kind: Kind) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "apiVersion": {"type": "string", "description": _API_VERSION},
        "kind": {"type": "string", "description": _KIND},
        "metadata": {"type": "object"},
        "spec": structural_schema(kind.spec, "spec"),
    }
    if kind.status is not None:
        properties["status"] = structural_schema(kind.status, "status")
    for name, model in kind.fields.items():
        properties[name] = structural_schema(model, name)
    root: dict[str, Any] = {"type": "object", "required": ["spec"], "properties": properties}
    if kind.description or kind.spec.__doc__:
        root["description"] = kind.description or kind.spec.__doc__
    if kind.rules:
        root["x-kubernetes-validations"] = [dict(rule) for rule in kind.rules]
    return root


def _subresources(kind: Kind) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if kind.status_subresource:
        found["status"] = {}
    if kind.scale is not None:
        found["scale"] = {
            "specReplicasPath": kind.scale.spec_replicas,
            "statusReplicasPath": kind.scale.status_replicas,
            "labelSelectorPath": kind.scale.selector,
        }
    return found


def _column(column: Column) -> dict[str, Any]:
    built: dict[str, Any] = {"name": column.name, "jsonPath": column.json_path, "type": column.type}
    if column.priority:
        built["priority"] = column.priority
    if column.description:
        built["description"] = column.description
    return built
