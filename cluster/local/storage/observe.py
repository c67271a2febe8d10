"""Read the claims, the volumes of this node and its images into one `Seen`.

Any failure of the API fails the whole pass: nothing is ever removed on a partial view.
"""

from __future__ import annotations

from kubernetes.utils.quantity import parse_quantity

from .api import Api, Manifest
from .disk import Disk
from .models import NODE_LABEL, PROVISIONER, Claim, Seen, Volume

CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
CLAIMS = "/api/v1/persistentvolumeclaims"
VOLUMES = "/api/v1/persistentvolumes"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
RESIZING = {"Resizing", "FileSystemResizePending"}


def observe(api: Api, disk: Disk, node: str) -> Seen:
    """Read everything one pass decides from; raises ApiException and the transport's errors."""
    classes = {
        item["metadata"]["name"]: item.get("reclaimPolicy", "Delete")
        for item in api.get(CLASSES)["items"]
        if item["provisioner"] == PROVISIONER
    }
    claims = [item for item in api.get(CLAIMS)["items"] if item["spec"].get("storageClassName") in classes]
    volumes = api.get(VOLUMES, labelSelector=f"{NODE_LABEL}={node}")["items"]
    return Seen(
        node,
        tuple(read_claim(item, classes[item["spec"]["storageClassName"]]) for item in claims),
        tuple(read_volume(item) for item in volumes),
        disk.images(),
        disk.free(),
    )


def read_claim(item: Manifest, reclaim: str) -> Claim:
    """Read a PersistentVolumeClaim of a class with this reclaim policy."""
    metadata, spec, status = item["metadata"], item["spec"], item.get("status") or {}
    annotations = metadata.get("annotations") or {}
    return Claim(
        metadata["namespace"],
        metadata["name"],
        metadata["uid"],
        spec["storageClassName"],
        reclaim,
        requested=size_of(spec["resources"]["requests"]["storage"]),
        capacity=size_of((status.get("capacity") or {}).get("storage", "0")),
        volume=spec.get("volumeName", ""),
        node=annotations.get(SELECTED_NODE, ""),
        deleting="deletionTimestamp" in metadata,
        access_modes=tuple(spec.get("accessModes") or ()),
        block=spec.get("volumeMode") == "Block",
        data_source=bool(spec.get("dataSource") or spec.get("dataSourceRef")),
        conditions=frozenset(
            condition["type"]
            for condition in status.get("conditions") or ()
            if condition["type"] in RESIZING and condition["status"] == "True"
        ),
    )


def read_volume(item: Manifest) -> Volume:
    """Read a PersistentVolume."""
    metadata, spec = item["metadata"], item["spec"]
    return Volume(
        metadata["name"],
        size_of(spec["capacity"]["storage"]),
        (item.get("status") or {}).get("phase", "Pending"),
        spec.get("persistentVolumeReclaimPolicy", "Retain"),
        (spec.get("claimRef") or {}).get("uid", ""),
        deleting="deletionTimestamp" in metadata,
    )


def size_of(quantity: str) -> int:
    """Return the bytes of a Kubernetes quantity, rounded up."""
    return int(-(-parse_quantity(quantity) // 1))
