"""The Applications of the cluster, as far as their status tells."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.local.kubectl import Kubectl, Manifest

KIND = "applications.argoproj.io"


@dataclass(frozen=True, slots=True)
class Application:
    """What runs, in Argo CD's words."""

    name: str
    namespace: str
    sync: str
    health: str
    revision: str
    message: str = ""

    @property
    def is_fine(self) -> bool:
        """Whether it is as Git says, and healthy."""
        return self.sync == "Synced" and self.health == "Healthy"


def applications(kubectl: Kubectl) -> list[Application]:
    """List all Applications; empty while the kind is not served."""
    return sorted((read(item) for item in kubectl.items(KIND, "--all-namespaces")), key=lambda one: one.name)


def read(item: Manifest) -> Application:
    """Read one; the message is its first condition, or the last operation's when that did not succeed."""
    status = item.get("status") or {}
    operation = status.get("operationState") or {}
    messages = [condition.get("message", "") for condition in status.get("conditions") or ()]
    if operation.get("phase") in {"Failed", "Error"}:
        messages.append(operation.get("message", ""))
    sync = status.get("sync") or {}
    return Application(
        item["metadata"]["name"],
        (item["spec"].get("destination") or {}).get("namespace", ""),
        sync.get("status", "Unknown"),
        (status.get("health") or {}).get("status", "Unknown"),
        sync.get("revision", ""),
        next((message for message in messages if message), ""),
    )
