"""The object itself: names, and how it is read off a manifest."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from operators.kit.errors import Invalid
from operators.kit.kube import Manifest, Ref

from .spec import CanarySpec
from .status import CanaryStatus

GROUP = "automatrix.dev"
VERSION = "v1alpha1"
KIND = "Canary"
PLURAL = "canaries"
FINALIZER = "canary.automatrix.dev/give-back"
"""Keeps a deleted Canary until its Deployment serves by itself again."""


@dataclass(frozen=True)
class Canary:
    """A Canary as it was read."""

    name: str
    namespace: str
    uid: str
    generation: int
    deleting: bool
    has_finalizer: bool
    spec: CanarySpec
    status: CanaryStatus

    @property
    def ref(self) -> Ref:
        """Its identity."""
        return Ref(GROUP, KIND, self.namespace, self.name, VERSION)

    @property
    def owner(self) -> Manifest:
        """The ownerReference of all that it makes."""
        return {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": KIND,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }


def parse(manifest: Manifest) -> Canary:
    """Read a manifest; raises Invalid naming the field that the schema let through and the models do not."""
    metadata = manifest["metadata"]
    try:
        spec = CanarySpec.model_validate(manifest.get("spec") or {})
        status = CanaryStatus.model_validate(manifest.get("status") or {})
    except ValidationError as error:
        first = error.errors()[0]
        raise Invalid(".".join(map(str, first["loc"])), first["msg"]) from error
    return Canary(
        name=metadata["name"],
        namespace=metadata["namespace"],
        uid=metadata["uid"],
        generation=metadata.get("generation") or 0,
        deleting="deletionTimestamp" in metadata,
        has_finalizer=FINALIZER in (metadata.get("finalizers") or ()),
        spec=spec,
        status=status,
    )
