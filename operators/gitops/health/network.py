"""Health of what traffic comes in by: Service, Ingress."""

from __future__ import annotations

from operators.kit.kube import Manifest

from .verdict import HEALTHY, PROGRESSING, Health


def service(manifest: Manifest) -> Health:
    """A load balancer is Healthy when it has an address; every other type at once."""
    if (manifest.get("spec") or {}).get("type") != "LoadBalancer" or _has_address(manifest):
        return Health(HEALTHY)
    return Health(PROGRESSING, "waits for the address of its load balancer")


def ingress(manifest: Manifest) -> Health:
    """Healthy when it has an address."""
    return Health(HEALTHY) if _has_address(manifest) else Health(PROGRESSING, "waits for an address")


def _has_address(manifest: Manifest) -> bool:
    return bool(((manifest.get("status") or {}).get("loadBalancer") or {}).get("ingress"))


CHECKS = {
    ("", "Service"): service,
    ("networking.k8s.io", "Ingress"): ingress,
    ("extensions", "Ingress"): ingress,
}
