"""From rendered manifests to the objects that should exist: scope, namespace, mark, duplicates, hooks. Pure.

In: manifests as rendered, and what discovery says. Out: `Desired`, in the order of `waves`, whatever order came in.
The input manifests are shared with the render cache and never changed in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from operators.kit.errors import Invalid
from operators.kit.kube import Manifest, Ref

from . import tracking, waves
from .diff import with_secret_data
from .models import GROUP, KIND
from .seen import Rules

ARGO_HOOK = "argocd.argoproj.io/hook"
HELM_HOOK = "helm.sh/hook"

Scope = Callable[[Ref], bool | None]
"""Whether a kind is namespaced; None where the API server does not know it."""

_EXCLUDED = frozenset(
    {
        ("", "Endpoints"),
        ("", "Event"),
        ("events.k8s.io", "Event"),
        ("discovery.k8s.io", "EndpointSlice"),
        ("coordination.k8s.io", "Lease"),
        ("certificates.k8s.io", "CertificateSigningRequest"),
        ("authentication.k8s.io", "TokenReview"),
        ("authorization.k8s.io", "SubjectAccessReview"),
        ("authorization.k8s.io", "SelfSubjectAccessReview"),
        ("authorization.k8s.io", "LocalSubjectAccessReview"),
    }
)
_ARGO_HOOKS = frozenset({"PreSync", "Sync", "PostSync", "SyncFail", "PreDelete", "PostDelete", "Skip"})
"""An annotation that names none of these makes no hook, as in Argo CD."""
_DROPPED_HELM_HOOKS = frozenset({"test", "test-success", "test-failure", "pre-rollback", "post-rollback"})
"""Argo CD drops these as well: a sync is neither a test nor a roll-back."""
_ORDINARY_HELM_HOOKS = frozenset({"crd-install"})
_LATE_HOOKS = frozenset(
    {"PostSync", "SyncFail", "PreDelete", "PostDelete", "post-install", "post-upgrade", "pre-delete", "post-delete"}
)
"""Hooks that nothing in the sync waits for: leaving them out is a warning. All others would be needed first."""


@dataclass(frozen=True)
class Desired:
    """The objects that should exist, and what to tell about those that were left out."""

    objects: tuple[Manifest, ...]
    warnings: tuple[tuple[str, str], ...] = ()
    blocked: str = ""


@dataclass(frozen=True)
class Place:
    """Where the objects of an Application go."""

    application: str
    namespace: str
    rules: Rules = field(default_factory=Rules)


def build(manifests: Iterable[Manifest], place: Place, scope: Scope) -> Desired:
    """Return the desired objects; raise Invalid naming a manifest that cannot be one."""
    listed = list(_flattened(manifests))
    local_scope = _with_own_kinds(listed, scope)
    objects: dict[Ref, Manifest] = {}
    warnings: list[tuple[str, str]] = []
    blocked: list[str] = []
    for manifest in listed:
        hooks = _hooks(manifest)
        if hooks:
            if waiting := hooks - _LATE_HOOKS - {"Skip"}:
                blocked.append(f"{Ref.of(manifest)} ({', '.join(sorted(waiting))})")
            elif hooks != {"Skip"}:
                text = (
                    f"{Ref.of(manifest)} is a {', '.join(sorted(hooks))} hook: hooks are not served yet, it is left out"
                )
                warnings.append(("UnservedWarning", text))
            continue
        ref = _identity(manifest)
        if (ref.group, ref.kind) in _EXCLUDED:
            warnings.append(("ExcludedResourceWarning", f"{ref} is left out: controllers write this kind, not people"))
            continue
        placed = _placed(manifest, ref, place, local_scope)
        ref = Ref.of(placed)
        if ref in objects:
            warnings.append(
                ("RepeatedResourceWarning", f"{ref} appears more than once in the manifests; the last one counts")
            )
        objects[ref] = placed
    message = (
        f"hooks are not served yet and the sync would need these first: {'; '.join(sorted(blocked))}; "
        "make them ordinary objects or take them out"
    )
    ordered = tuple(sorted(objects.values(), key=waves.order))
    return Desired(ordered, tuple(sorted(set(warnings))), message if blocked else "")


def _flattened(manifests: Iterable[Manifest]) -> Iterable[Manifest]:
    for manifest in manifests:
        if str(manifest.get("kind", "")).endswith("List") and isinstance(manifest.get("items"), list):
            yield from _flattened(manifest["items"])
        else:
            yield manifest


def _hooks(manifest: Manifest) -> set[str]:
    """Return the hooks an object is; an Argo CD hook hides Helm hooks of the same object, {"Skip"} is left out."""
    annotations = (manifest.get("metadata") or {}).get("annotations") or {}
    argo = _listed(annotations.get(ARGO_HOOK)) & _ARGO_HOOKS
    if argo:
        return argo - {"Skip"} or argo
    helm = _listed(annotations.get(HELM_HOOK))
    if helm and helm <= _DROPPED_HELM_HOOKS:
        return {"Skip"}
    return helm - _DROPPED_HELM_HOOKS - _ORDINARY_HELM_HOOKS


def _listed(text: object) -> set[str]:
    return {name.strip() for name in str(text or "").split(",")} - {""}


def _identity(manifest: Manifest) -> Ref:
    metadata = manifest.get("metadata")
    ref = Ref.of(manifest)
    if not ref.kind or not manifest.get("apiVersion"):
        raise Invalid("manifests", f"one has no apiVersion or kind (its name is {ref.name or 'missing, too'})")
    if not isinstance(metadata, dict) or not ref.name:
        raise Invalid("manifests", f"a {ref.kind} has no metadata.name; generated names are not served")
    return ref


def _placed(manifest: Manifest, ref: Ref, place: Place, scope: Scope) -> Manifest:
    """Give an object its namespace and its mark, and refuse one that may not go there."""
    namespaced = scope(ref)
    metadata = dict(manifest["metadata"])
    if namespaced is False:
        metadata.pop("namespace", None)
    elif not ref.namespace:
        if not place.namespace and namespaced:
            raise Invalid("spec.destination.namespace", f"{ref} names no namespace and neither does the destination")
        if place.namespace:
            metadata["namespace"] = place.namespace
    placed = with_secret_data({**manifest, "metadata": metadata})
    ref = Ref.of(placed)
    _check_allowed(ref, place.rules)
    return tracking.with_tracking(placed, tracking.tracking_id(place.application, ref, place.namespace))


def _check_allowed(ref: Ref, rules: Rules) -> None:
    is_own = rules.namespace == ref.namespace or ref == Ref("", "Namespace", "", rules.namespace)
    if is_own and ref.group != GROUP:
        # Host keys, certificates, repositories and receipts stand there: whoever changes those is trusted by all.
        raise Invalid(
            "manifests",
            f"{ref}: only Applications may be deployed to the engine's own namespace {rules.namespace}; "
            "name another namespace",
        )
    if (ref.group, ref.kind) == (GROUP, KIND) and ref.namespace != rules.namespace:
        text = f"this engine serves Applications in its own namespace {rules.namespace} only: name that"
        raise Invalid("manifests", f"{ref}: {text}")
    if not ref.namespace:
        if not rules.cluster_objects:
            raise Invalid("manifests", f"{ref} belongs to no namespace, which this engine is not configured to deploy")
    elif not any(fnmatchcase(ref.namespace, glob) for glob in rules.destination_namespaces):
        allowed = ", ".join(rules.destination_namespaces)
        raise Invalid("manifests", f"{ref}: this engine may only deploy to the namespaces {allowed}")


def _with_own_kinds(manifests: list[Manifest], scope: Scope) -> Scope:
    """Let the CRDs among the manifests say the scope of kinds the API server does not know yet."""
    own = {}
    for manifest in manifests:
        if manifest.get("kind") == "CustomResourceDefinition":
            spec = manifest.get("spec") or {}
            kind = (spec.get("names") or {}).get("kind")
            own[(spec.get("group"), kind)] = spec.get("scope") == "Namespaced"

    def answer(ref: Ref) -> bool | None:
        known = scope(ref)
        return own.get((ref.group, ref.kind)) if known is None else known

    return answer
