"""Which Application an object belongs to: Argo CD's tracking annotation, read and written.

The annotation names the object it was written on. Controllers copy annotations to what they create (a ReplicaSet
carries its Deployment's), so a mark that names another object says nothing and is ignored.
"""

from __future__ import annotations

from dataclasses import dataclass

from operators.kit.kube import Manifest, Ref

ANNOTATION = "argocd.argoproj.io/tracking-id"


@dataclass(frozen=True, slots=True)
class TrackingId:
    """`app:group/Kind:namespace/name`; of a cluster-wide object `namespace` is the Application's destination."""

    application: str
    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.application}:{self.group}/{self.kind}:{self.namespace}/{self.name}"


def parse(text: str) -> TrackingId | None:
    """Read a tracking id; None where it has another form. Names may hold colons (`system:auth`)."""
    application, _, rest = text.partition(":")
    group_kind, _, namespaced_name = rest.partition(":")
    group, slash, kind = group_kind.partition("/")
    namespace, second_slash, name = namespaced_name.partition("/")
    if not (application and slash and kind and second_slash and name):
        return None
    return TrackingId(application, group, kind, namespace, name)


def tracking_id(application: str, ref: Ref, destination_namespace: str) -> str:
    """Return the mark for an object of this Application."""
    return str(TrackingId(application, ref.group, ref.kind, ref.namespace or destination_namespace, ref.name))


def owner_of(manifest: Manifest) -> str:
    """Return the name of the Application a live object belongs to, '' where it belongs to none."""
    annotations = (manifest.get("metadata") or {}).get("annotations") or {}
    mark = parse(str(annotations.get(ANNOTATION, "")))
    if mark is None:
        return ""
    ref = Ref.of(manifest)
    is_itself = (mark.group, mark.kind, mark.name) == (ref.group, ref.kind, ref.name)
    return mark.application if is_itself and ref.namespace in ("", mark.namespace) else ""


def with_tracking(manifest: Manifest, mark: str) -> Manifest:
    """Return the manifest with the mark set; the input stays as it is."""
    metadata = dict(manifest.get("metadata") or {})
    metadata["annotations"] = {**(metadata.get("annotations") or {}), ANNOTATION: mark}
    return {**manifest, "metadata": metadata}
