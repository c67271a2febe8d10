"""Argo CD's sync options: of an Application, of one sync, and of single objects by annotation.

In: option texts (`Name=value`). Out: answers to "is it on", with the most specific writer winning:
object > operation > Application. Trade-off: an option nobody knows is named (`unknown`) instead of refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from operators.kit.kube import Manifest, Ref

SYNC_OPTIONS = "argocd.argoproj.io/sync-options"
COMPARE_OPTIONS = "argocd.argoproj.io/compare-options"
IGNORE_HEALTH = "argocd.argoproj.io/ignore-healthcheck"

KNOWN = frozenset(
    {
        "ApplyOutOfSyncOnly",
        "ClientSideApplyMigration",
        "CreateNamespace",
        "Delete",
        "FailOnSharedResource",
        "Force",
        "Prune",
        "PruneLast",
        "PrunePropagationPolicy",
        "Replace",
        "RespectIgnoreDifferences",
        "ServerSideApply",
        "SkipDryRunOnMissingResource",
        "Validate",
    }
)
_COMPARISON = frozenset({("IgnoreExtraneous", "true"), ("ServerSideDiff", "true")})
"""What a comparison does when asked; the second it does unasked."""
NEEDS_CONFIRMATION = frozenset(
    {
        ("", "Namespace"),
        ("", "PersistentVolumeClaim"),
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
    }
)
"""Kinds whose deletion takes data of others along: never without a word from a person."""


def parse(texts: Iterable[str]) -> dict[str, str]:
    """Read `Name=value` texts; a later one wins; one without `=` is on."""
    found = {}
    for text in texts:
        name, equals, value = text.strip().partition("=")
        if name:
            found[name.strip()] = value.strip() if equals else "true"
    return found


def of_object(manifest: Manifest, annotation: str = SYNC_OPTIONS) -> dict[str, str]:
    """Read the options an object carries in its own annotation."""
    annotations = (manifest.get("metadata") or {}).get("annotations") or {}
    return parse(str(annotations.get(annotation) or "").split(","))


def unread(manifest: Manifest) -> list[str]:
    """Return what an object's own options ask for that this engine does not do."""
    found = [
        f"sync option {name} is not known to this engine: it is ignored" for name in of_object(manifest).keys() - KNOWN
    ]
    for name, value in of_object(manifest, COMPARE_OPTIONS).items():
        if (name, value.lower()) not in _COMPARISON:
            found.append(f"compare option {name}={value} is not served by this engine: it is ignored")
    return found


def ignores_extraneous(manifest: Manifest) -> bool:
    """Whether the live object asks not to count as a difference when Git does not have it."""
    return "IgnoreExtraneous" in of_object(manifest, COMPARE_OPTIONS)


@dataclass(frozen=True)
class Options:
    """The options in force for a sync; ask for one with the object it is about."""

    general: Mapping[str, str]

    @classmethod
    def of(cls, application: Iterable[str], operation: Iterable[str] = ()) -> Options:
        """Join the options of an Application and of one operation; the operation's win."""
        return cls({**parse(application), **parse(operation)})

    def value(self, name: str, manifest: Manifest | None = None, default: str = "") -> str:
        """Return the text of an option: the object's own first."""
        own = of_object(manifest) if manifest is not None else {}
        return own.get(name, self.general.get(name, default))

    def has(self, name: str, manifest: Manifest | None = None, *, default: bool = False) -> bool:
        """Whether an option is on."""
        text = self.value(name, manifest)
        return default if not text else text.lower() == "true"

    def unknown(self) -> list[str]:
        """Names this engine does not know."""
        return sorted(set(self.general) - KNOWN)

    def deletion(self, name: str, manifest: Manifest) -> str:
        """Return how `Prune` or `Delete` stands for an object: 'true', 'false', or 'confirm'.

        Kinds of NEEDS_CONFIRMATION are 'confirm' unless the object itself says otherwise.
        """
        own = of_object(manifest).get(name, "").lower()
        if own in ("true", "false", "confirm"):
            return own
        ref = Ref.of(manifest)
        wanted = self.general.get(name, "true").lower()
        if wanted == "true" and (ref.group, ref.kind) in NEEDS_CONFIRMATION:
            return "confirm"
        return wanted if wanted in ("false", "confirm") else "true"
