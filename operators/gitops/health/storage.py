"""Health of storage: PersistentVolumeClaim."""

from __future__ import annotations

from operators.kit.kube import Manifest

from .verdict import DEGRADED, HEALTHY, PROGRESSING, UNKNOWN, Health


def claim(manifest: Manifest) -> Health:
    """Healthy when bound. One that waits for its first consumer is Progressing, as in Argo CD."""
    match (manifest.get("status") or {}).get("phase"):
        case "Bound":
            return Health(HEALTHY)
        case "Pending" | None:
            return Health(PROGRESSING, "not bound yet")
        case "Lost":
            return Health(DEGRADED, "its volume is lost")
    return Health(UNKNOWN, "unknown phase")


CHECKS = {("", "PersistentVolumeClaim"): claim}
