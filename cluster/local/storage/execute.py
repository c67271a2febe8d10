"""Carry out what was planned, on the disk and in the API. Every step may be repeated: a pass that dies is run again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog

from . import plan
from .api import FAILURES, Api, Manifest
from .disk import Disk, DiskError
from .models import FINALIZER, MIB, NODE_LABEL, PROVISIONER, Claim
from .observe import VOLUMES

log = structlog.get_logger()


@dataclass(slots=True)
class Executor:
    """The hands of one node: `told` holds the last words to each claim's owner, so that a refusal is said once."""

    api: Api
    disk: Disk
    node: str
    told: dict[str, str] = field(default_factory=dict)

    def execute(self, action: plan.Action) -> bool:
        """Carry out one action; False when it failed and must be tried again; the others are not held up."""
        steps: dict[type, Callable[[Any], object]] = {
            plan.Mount: lambda wanted: self.disk.mount(wanted.name),
            plan.Provision: self.provision,
            plan.Refuse: lambda wanted: self.tell(wanted.claim, "Warning", wanted.event, wanted.reason),
            plan.Grow: self.grow,
            plan.Record: lambda wanted: self.record(wanted.claim, wanted.size),
            plan.Destroy: self.destroy,
            plan.Retire: self.retire,
            plan.Discard: lambda wanted: self.disk.destroy(wanted.name),
        }
        claim = getattr(action, "claim", None)
        subject = f"{claim.namespace}/{claim.name}" if claim else getattr(action, "name", "")
        try:
            steps[type(action)](action)
        except (DiskError, OSError, *FAILURES) as failure:
            log.warning("failed", action=type(action).__name__, subject=subject, error=str(failure))
            if claim and not isinstance(failure, FAILURES):
                event = "VolumeResizeFailed" if isinstance(action, plan.Grow) else "ProvisioningFailed"
                self.tell(claim, "Warning", event, str(failure))
            return False
        if not isinstance(action, plan.Refuse):
            log.info("done", action=type(action).__name__, subject=subject, reason=action.reason)
        return True

    def provision(self, wanted: plan.Provision) -> None:
        """Make image, mount and volume; the claim is bound by the control plane, through the volume's claimRef."""
        self.disk.create(wanted.claim.image, wanted.size)
        path = self.disk.mount(wanted.claim.image)
        if self.api.create(VOLUMES, build_volume(wanted.claim, self.node, wanted.size, str(path))):
            size = f"{wanted.size // MIB} MiB"
            self.tell(wanted.claim, "Normal", "ProvisioningSucceeded", f"volume {wanted.claim.image} of {size} is made")

    def grow(self, wanted: plan.Grow) -> None:
        """Grow the disk first: capacity is promised only when it is there."""
        self.disk.grow(wanted.claim.volume, wanted.size)
        capacity = {"storage": quantity(wanted.size)}
        self.api.patch(f"{VOLUMES}/{wanted.claim.volume}", {"spec": {"capacity": capacity}})
        self.record(wanted.claim, wanted.size)
        self.tell(wanted.claim, "Normal", "VolumeResizeSuccessful", f"the volume has {wanted.size // MIB} MiB now")

    def record(self, claim: Claim, size: int) -> None:
        """Write the size into the claim's status and clear what speaks of a resize under way."""
        path = f"/api/v1/namespaces/{claim.namespace}/persistentvolumeclaims/{claim.name}"
        status: Manifest = {"capacity": {"storage": quantity(size)}}
        if claim.conditions:
            status["conditions"] = []
        self.api.patch(f"{path}/status", {"status": status})

    def destroy(self, wanted: plan.Destroy) -> None:
        """Remove the data, then the volume: the finalizer keeps it known until nothing is left of it."""
        self.disk.destroy(wanted.name)
        self.api.delete(f"{VOLUMES}/{wanted.name}")
        self.release(wanted.name)

    def retire(self, wanted: plan.Retire) -> None:
        """Put the data aside and let the volume go."""
        self.disk.retire(wanted.name)
        self.release(wanted.name)

    def release(self, name: str) -> None:
        """Take our finalizer off a volume; others' stay."""
        current = self.api.find(f"{VOLUMES}/{name}")
        if current is None:
            return
        metadata = current["metadata"]
        left = [finalizer for finalizer in metadata.get("finalizers") or () if finalizer != FINALIZER]
        body = {"metadata": {"finalizers": left, "resourceVersion": metadata["resourceVersion"]}}
        self.api.patch(f"{VOLUMES}/{name}", body)

    def tell(self, claim: Claim, kind: str, reason: str, message: str) -> None:
        """Record an Event on a claim unless these were the last words to its owner."""
        words = f"{reason}: {message}"
        if self.told.get(claim.uid) == words:
            return
        self.told[claim.uid] = words
        if kind == "Warning":
            log.warning("refused", subject=f"{claim.namespace}/{claim.name}", reason=message)
        path = f"/api/v1/namespaces/{claim.namespace}/events"
        self.api.create(path, build_event(claim, kind, reason, message, datetime.now(UTC)))


def build_volume(claim: Claim, node: str, size: int, path: str) -> Manifest:
    """Build the volume of a claim: local to the node, bound to this claim and no other."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": claim.image,
            "labels": {NODE_LABEL: node},
            "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER},
            "finalizers": [FINALIZER],
        },
        "spec": {
            "capacity": {"storage": quantity(size)},
            "accessModes": list(claim.access_modes),
            "volumeMode": "Filesystem",
            "storageClassName": claim.storage_class,
            "persistentVolumeReclaimPolicy": claim.reclaim,
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": claim.namespace,
                "name": claim.name,
                "uid": claim.uid,
            },
            "local": {"path": path},
            "nodeAffinity": {
                "required": {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}
                    ]
                }
            },
        },
    }


def build_event(claim: Claim, kind: str, reason: str, message: str, now: datetime) -> Manifest:
    """Build an Event whose name follows from its words and second: written twice, it exists once."""
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    key = hashlib.sha256(f"{claim.uid} {reason} {message} {stamp}".encode()).hexdigest()[:16]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{claim.name}.{key}", "namespace": claim.namespace},
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "namespace": claim.namespace,
            "name": claim.name,
            "uid": claim.uid,
        },
        "type": kind,
        "reason": reason,
        "message": message,
        "source": {"component": PROVISIONER},
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
    }


def quantity(size: int) -> str:
    """Write bytes as Kubernetes does: whole MiB here, since sizes are rounded to them."""
    return f"{size // MIB}Mi" if size % MIB == 0 else str(size)
