"""Put the default StorageClass and its provisioner into a cluster."""

from __future__ import annotations

from pathlib import Path

import yaml

from cluster.local.kubectl import Kubectl

from .models import PROVISIONER

MANIFESTS = Path(__file__).with_name("manifests.yaml")
CLASS = "standard"


def ensure(kubectl: Kubectl, image: str) -> None:
    """Apply class and provisioner; kind's own class of the same name, and what stands behind it, goes first."""
    present = kubectl.find("storageclass", CLASS)
    if present and present["provisioner"] != PROVISIONER:
        kubectl.run("delete", "storageclass", CLASS)
        kubectl.run("delete", "namespace", "local-path-storage", "--ignore-not-found", "--wait=false")
    manifests = list(yaml.safe_load_all(MANIFESTS.read_text()))
    for manifest in manifests:
        if manifest["kind"] == "DaemonSet":
            manifest["spec"]["template"]["spec"]["containers"][0]["image"] = image
    kubectl.apply(manifests)
