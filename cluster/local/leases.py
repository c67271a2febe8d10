"""The processes of the platform of which one is at work at a time, and when each was last heard: by its Lease."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cluster.local.credentials import SYSTEM
from cluster.local.kubectl import Kubectl, Manifest

KIND = "leases.coordination.k8s.io"


@dataclass(frozen=True, slots=True)
class Process:
    """A Deployment whose pod holds a Lease of the same namespace and name."""

    title: str
    namespace: str
    name: str


ENGINE = Process("gitops engine", "argocd", "gitops-engine")
CANARY = Process("canary operator", SYSTEM, "canary-operator")
WATCHDOG = Process("canary watchdog", SYSTEM, "canary-watchdog")
PROCESSES = (ENGINE, CANARY, WATCHDOG)


def age_s(kubectl: Kubectl, process: Process, now: datetime) -> float | None:
    """Return the seconds since its Lease was renewed; None when nobody holds it."""
    lease = kubectl.find(KIND, process.name, f"--namespace={process.namespace}") or {}
    spec: Manifest = lease.get("spec") or {}
    if not spec.get("holderIdentity") or not spec.get("renewTime"):
        return None
    return (now - datetime.fromisoformat(spec["renewTime"])).total_seconds()
