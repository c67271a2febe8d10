"""The Application object itself, read from a manifest."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import ValidationError

from operators.kit.errors import Invalid

from .base import Items, Model, Time
from .operation import Operation
from .spec import ApplicationSpec
from .status import ApplicationStatus

GROUP = "argoproj.io"
VERSION = "v1alpha1"
KIND = "Application"
PLURAL = "applications"

REFRESH = "argocd.argoproj.io/refresh"
SKIP_RECONCILE = "argocd.argoproj.io/skip-reconcile"
DELETION_APPROVED = "argocd.argoproj.io/deletion-approved"
FINALIZER = "resources-finalizer.argocd.argoproj.io"


class Metadata(Model):
    """The part of an object's metadata that the engine reads."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    finalizers: Annotated[tuple[str, ...], Items] = ()


class Application(Model):
    """One Application. `status` and `operation` are the engine's and the user's mailboxes; `spec` is the user's."""

    metadata: Metadata = Metadata()
    spec: ApplicationSpec = ApplicationSpec()
    status: ApplicationStatus = ApplicationStatus()
    operation: Operation | None = None

    @property
    def name(self) -> str:
        """Its name, which is also the name in tracking ids."""
        return self.metadata.name

    @property
    def deleted_at(self) -> datetime | None:
        """When its deletion was asked for."""
        return self.metadata.deletion_timestamp

    def annotation(self, name: str) -> str:
        """Return an annotation of the Application, empty where it has none."""
        return (self.metadata.annotations or {}).get(name, "")


def parse(manifest: dict[str, Any]) -> Application:
    """Read an Application; raise `Invalid` naming the first wrong field where a value has the wrong type."""
    manifest = {**manifest, "status": manifest.get("status") or {}}
    try:
        return Application.model_validate(manifest)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise Invalid(field, first["msg"]) from None
