"""What the engine reports: `status` of an Application, with Argo CD's names and meanings.

The conditions have Argo CD's own shape (type, message, lastTransitionTime); there is no status subresource.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import Items, Model, Time
from .operation import InitiatedBy, Operation
from .source import ApplicationSource
from .spec import Destination, IgnoreDifference, NamespaceMetadata

SyncCode = Literal["Synced", "OutOfSync", "Unknown"]
HealthCode = Literal["Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown"]
Phase = Literal["Running", "Succeeded", "Failed", "Error", "Terminating"]
ResultCode = Literal["Synced", "SyncFailed", "Pruned", "PruneSkipped"]


class ComparedTo(Model):
    """The input of the last comparison."""

    source: ApplicationSource | None = None
    """Its source."""
    destination: Destination | None = None
    """Its destination."""
    ignore_differences: Annotated[tuple[IgnoreDifference, ...], Items] = ()
    """Its exceptions."""


class SyncStatus(Model):
    """Whether the cluster is as Git says."""

    status: str = "Unknown"
    """Synced, OutOfSync, or Unknown."""
    compared_to: ComparedTo | None = None
    """What was compared."""
    revision: str = ""
    """The commit that was compared."""


class HealthStatus(Model):
    """Whether it works."""

    status: str = ""
    """Healthy, Suspended, Progressing, Missing, Degraded, or Unknown."""
    message: str | None = None
    """Why."""
    last_transition_time: Time | None = None
    """When the status changed last."""


class ResourceStatus(Model):
    """One object of the Application."""

    group: str | None = None
    """API group; absent is the core group."""
    version: str = ""
    """API version."""
    kind: str = ""
    """Kind."""
    namespace: str | None = None
    """Namespace; absent for cluster-wide kinds."""
    name: str = ""
    """Name."""
    status: str = ""
    """Synced, OutOfSync, or Unknown."""
    health: HealthStatus | None = None
    """Health, where the kind has one."""
    requires_pruning: bool | None = None
    """It is live and left Git."""
    requires_deletion_confirmation: bool | None = None
    """It is deleted only after the deletion-approved annotation."""
    sync_wave: int | None = None
    """Its wave, when not 0."""
    hook: bool | None = None
    """It is a hook."""


class ResourceResult(Model):
    """What a sync did to one object."""

    group: str = ""
    """API group."""
    version: str = ""
    """API version."""
    kind: str = ""
    """Kind."""
    namespace: str = ""
    """Namespace."""
    name: str = ""
    """Name."""
    status: str | None = None
    """Synced, SyncFailed, Pruned, or PruneSkipped."""
    message: str | None = None
    """What the API server said, without secret values."""
    hook_phase: str | None = None
    """Running, Succeeded, Failed, or Error: how far the object has come in this sync."""
    sync_phase: str | None = None
    """PreSync, Sync, PostSync, or SyncFail."""


class SyncResult(Model):
    """What a sync did."""

    resources: Annotated[tuple[ResourceResult, ...], Items] = ()
    """Object by object."""
    revision: str = ""
    """The commit."""
    source: ApplicationSource | None = None
    """The source."""
    managed_namespace_metadata: NamespaceMetadata | None = None
    """Metadata of the namespace at that time."""


class OperationState(Model):
    """The last sync, or the one under way."""

    operation: Operation = Operation()
    """What was asked for."""
    phase: str = ""
    """Running, Succeeded, Failed, Error, or Terminating."""
    message: str | None = None
    """Where it stands, or why it failed."""
    sync_result: SyncResult | None = None
    """What it did."""
    started_at: Time | None = None
    """When it began."""
    finished_at: Time | None = None
    """When it ended, well or not; between retries, when the last attempt ended."""
    retry_count: int | None = None
    """Retries so far."""


class History(Model):
    """One successful sync."""

    id: int = 0
    """Grows by one."""
    revision: str = ""
    """The commit."""
    deploy_started_at: Time | None = None
    """When it began."""
    deployed_at: Time | None = None
    """When it was done."""
    source: ApplicationSource | None = None
    """The source."""
    initiated_by: InitiatedBy | None = None
    """Who asked."""


class Condition(Model):
    """Something the user should know: Argo CD's own shape."""

    type: str = ""
    """ComparisonError, InvalidSpecError, SyncError, DeletionError, or a warning."""
    message: str = ""
    """What, where, and the remedy."""
    last_transition_time: Time | None = None
    """Since when."""


class Summary(Model):
    """Facts gathered from the live objects."""

    images: Annotated[tuple[str, ...], Items] = ()
    """Container images in use."""
    external_urls: Annotated[tuple[str, ...], Items, Field(alias="externalURLs")] = ()
    """Where it can be reached."""


class ApplicationStatus(Model):
    """Everything the engine reports."""

    sync: SyncStatus | None = None
    """Whether the cluster is as Git says."""
    health: HealthStatus | None = None
    """Whether it works: the worst of its objects."""
    operation_state: OperationState | None = None
    """The last sync, or the one under way."""
    history: Annotated[tuple[History, ...], Items] = ()
    """Successful syncs, the newest last."""
    resources: Annotated[tuple[ResourceStatus, ...], Items] = ()
    """Its objects."""
    conditions: Annotated[tuple[Condition, ...], Items] = ()
    """What the user should know."""
    reconciled_at: Time | None = None
    """When the comparison was last done with new input."""
    source_type: str | None = None
    """Helm or Directory."""
    summary: Summary | None = None
    """Images and addresses."""
    controller_namespace: str | None = None
    """Where the engine runs."""
