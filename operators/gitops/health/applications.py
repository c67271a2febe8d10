"""Health of an Application inside another one (app of apps): its own word."""

from __future__ import annotations

from typing import Any

from operators.kit.kube import Manifest

from .verdict import ORDER, PROGRESSING, Health


def application(manifest: Manifest) -> Health:
    """Return the child's own health; one that was never compared is Progressing."""
    status = manifest.get("status") or {}
    health = status.get("health") or {}
    if health.get("status") not in ORDER:
        return Health(PROGRESSING, "waits for its first comparison")
    running = (status.get("operationState") or {}).get("phase") == "Running"
    if running and health["status"] == "Healthy":
        return Health(PROGRESSING, "syncs")
    return Health(health["status"], str(health.get("message") or _why(status, health["status"])))


def _why(status: dict[str, Any], verdict: str) -> str:
    """Return what the first of its objects says that is as bad as the whole."""
    for one in status.get("resources") or []:
        said = one.get("health") or {}
        if said.get("status") == verdict and said.get("message"):
            return f"{one.get('kind')} {one.get('name')}: {said['message']}"
    return ""


CHECKS = {("argoproj.io", "Application"): application}
