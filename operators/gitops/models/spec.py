"""What the user asks for: `spec` of an Application, with Argo CD's names and defaults."""

from __future__ import annotations

from typing import Annotated

from .base import Items, Model
from .source import ApplicationSource


class Destination(Model):
    """Where the objects go: one cluster, by URL or by name, and the namespace of objects that name none."""

    server: str = ""
    """URL of the API server; https://kubernetes.default.svc is the engine's own cluster."""
    name: str = ""
    """Name of the cluster in place of its URL; `in-cluster` is the engine's own."""
    namespace: str = ""
    """Namespace of namespaced objects that name none."""


class Automated(Model):
    """When the engine syncs by itself: its presence alone turns automation on."""

    enabled: bool | None = None
    """False turns automation off without losing the other settings."""
    prune: bool = False
    """Delete objects that left Git."""
    self_heal: bool = False
    """Undo changes made to the live objects."""
    allow_empty: bool = False
    """Let an empty render delete everything."""


class Backoff(Model):
    """How long to wait between attempts of a failed sync."""

    duration: str = ""
    """Before the first retry; seconds or a Go duration (`5s`)."""
    factor: int | None = None
    """Multiplies the wait after each retry."""
    max_duration: str = ""
    """The wait never grows past this."""


class Retry(Model):
    """How often a failed sync is tried again."""

    limit: int = 0
    """Number of retries; negative is without end."""
    backoff: Backoff | None = None
    """The waits between them."""
    refresh: bool = False
    """Retry with the newest revision instead of the one that failed."""


class NamespaceMetadata(Model):
    """Labels and annotations of the namespace that `CreateNamespace=true` makes."""

    labels: dict[str, str] | None = None
    """Labels to set."""
    annotations: dict[str, str] | None = None
    """Annotations to set."""


class SyncPolicy(Model):
    """How and when to sync."""

    automated: Automated | None = None
    """Sync without being asked."""
    sync_options: Annotated[tuple[str, ...], Items] = ()
    """Options as `Name=value`."""
    retry: Retry | None = None
    """What to do about a failed sync."""
    managed_namespace_metadata: NamespaceMetadata | None = None
    """Metadata of the namespace made by `CreateNamespace=true`."""


class IgnoreDifference(Model):
    """Fields of some objects in which a difference does not count."""

    group: str = ""
    """API group of the kind; empty is the core group. Globs are allowed."""
    kind: str = ""
    """Kind. Globs are allowed."""
    name: str = ""
    """Name of one object; empty is all."""
    namespace: str = ""
    """Namespace; empty is all."""
    json_pointers: Annotated[tuple[str, ...], Items] = ()
    """RFC 6901 pointers of the fields."""
    jq_path_expressions: Annotated[tuple[str, ...], Items] = ()
    """jq path expressions of the fields."""
    managed_fields_managers: Annotated[tuple[str, ...], Items] = ()
    """Fields owned by these field managers."""


class Info(Model):
    """A note for readers of the Application."""

    name: str = ""
    """What it is."""
    value: str = ""
    """The text or a link."""


class ApplicationSpec(Model):
    """What to deploy, from where to where, and how."""

    project: str = "default"
    """Name of the AppProject."""
    source: ApplicationSource | None = None
    """Where the manifests come from."""
    destination: Destination = Destination()
    """Where the objects go."""
    sync_policy: SyncPolicy | None = None
    """How and when to sync."""
    ignore_differences: Annotated[tuple[IgnoreDifference, ...], Items] = ()
    """Differences that do not count."""
    revision_history_limit: int | None = None
    """How many syncs `status.history` remembers; 10 when unset."""
    info: Annotated[tuple[Info, ...], Items] = ()
    """Notes for readers."""
