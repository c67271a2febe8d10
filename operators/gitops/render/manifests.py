"""From parsed documents to manifests that can be planned with.

In:  documents and where they come from. Out: manifests in order, hooks among them: what is done about a hook is
decided where the desired objects are built. `unsupported` tells what did not even become a manifest.
What is wrong with an object is said here, with its file, so that nothing half-formed reaches the plan.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from operators.gitops.sources import SourceError
from operators.kit.kube import Manifest

MAPPINGS = {"Secret": ("data", "stringData"), "CustomResourceDefinition": ("spec",)}
"""What is looked into before the API server can say that it is wrong."""


@dataclass(slots=True)
class Collected:
    """The manifests of one source."""

    manifests: list[Manifest] = field(default_factory=list)
    unsupported: list[str] = field(default_factory=list)

    def add(self, value: Any, *, file: str, line: int = 0) -> None:
        """Take one document; a list is taken apart. Raises SourceError for what is no manifest."""
        where = Where(file, line)
        if not isinstance(value, dict):
            raise where.error(f"a {_kind_of(value)} is not a Kubernetes object")
        items = value.get("items")
        if "items" in value and str(value.get("kind", "")).endswith("List") and isinstance(items, list | None):
            for item in items or ():
                self.add(item, file=file, line=line)
            return
        _check(value, where)
        self.manifests.append(value)


@dataclass(frozen=True, slots=True)
class Where:
    """Where a document stands."""

    file: str
    line: int

    def error(self, message: str) -> SourceError:
        """An error at this place."""
        return SourceError(f"{self.file}: {message}", file=self.file, line=self.line)


def _check(manifest: Manifest, where: Where) -> None:
    kind = manifest.get("kind")
    for key in ("apiVersion", "kind"):
        if not isinstance(manifest.get(key), str) or not manifest[key]:
            raise where.error(f"the object has no {key}" + (f" (it is a {kind})" if kind and key != "kind" else ""))
    metadata = manifest.get("metadata")
    if not isinstance(metadata, dict):
        raise where.error(f"the {kind} has no metadata")
    name = metadata.get("name")
    if not isinstance(name, str) or not name:
        if metadata.get("generateName"):
            raise where.error(
                f"the {kind} has generateName {metadata['generateName']!r}: "
                "each sync would create another one; give it a name"
            )
        raise where.error(f"the {kind} has no metadata.name" + ("" if name in (None, "") else " that is a text"))
    if not isinstance(metadata.get("namespace"), str | None):
        raise where.error(f"{kind} {name}: metadata.namespace must be a text")
    for key in ("labels", "annotations"):
        _check_texts(metadata.get(key), f"{kind} {name}: metadata.{key}", where)
    _check_mappings(manifest, f"{kind} {name}", where)


def _check_mappings(manifest: Manifest, what: str, where: Where) -> None:
    kind = manifest["kind"]
    for key in MAPPINGS.get(kind, ()):
        if not isinstance(manifest.get(key), dict | None):
            raise where.error(f"{what}: {key} must be a mapping")
    if kind == "CustomResourceDefinition" and not isinstance((manifest.get("spec") or {}).get("names"), dict | None):
        raise where.error(f"{what}: spec.names must be a mapping")


def _check_texts(pairs: Any, what: str, where: Where) -> None:
    if not isinstance(pairs, dict | None):
        raise where.error(f"{what} must be a mapping")
    for key, value in (pairs or {}).items():
        if not isinstance(value, str | None):
            raise where.error(f"{what}.{key} must be a text: put quotes around it")


def _kind_of(value: object) -> str:
    return {list: "list", str: "text", bool: "truth value"}.get(type(value), "number")


def unique_texts(texts: Iterable[str]) -> tuple[str, ...]:
    """The texts without repetition, in order."""
    return tuple(dict.fromkeys(texts))
