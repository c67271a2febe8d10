"""The Applications of the cluster, as far as their status tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cluster.local.kubectl import Kubectl, Manifest

KIND = "applications.argoproj.io"
STUCK_S = 10
"""So long an Application must stay broken before nobody waits for it: after a reboot the Git server may be late."""


@dataclass(frozen=True, slots=True)
class Application:
    """What runs, in Argo CD's words."""

    name: str
    namespace: str
    sync: str
    health: str
    revision: str
    message: str = ""
    is_stuck: bool = False
    """Whether nothing will come by itself: an error in a condition, a failed sync, or changes nobody syncs."""
    has_applications: bool = False
    """Whether Applications are among its objects: its health is theirs."""

    @property
    def is_fine(self) -> bool:
        """Whether it is as Git says, and healthy; or Suspended: a release asks somebody, and what ran runs on."""
        return self.sync == "Synced" and self.health in {"Healthy", "Suspended"}


def applications(kubectl: Kubectl) -> list[Application]:
    """List all Applications; empty while the kind is not served."""
    return sorted((read(item) for item in kubectl.items(KIND, "--all-namespaces")), key=lambda one: one.name)


@dataclass
class Patience:
    """For which Applications it is worth waiting; remembers since when each has been stuck (monotonic seconds)."""

    since: dict[str, float] = field(default_factory=dict)

    def awaited(self, found: Sequence[Application], now: float) -> list[str]:
        """Name those that may yet become fine; the bootstrap while there is none: the others follow from it."""
        self.since = {one.name: self.since.get(one.name, now) for one in found if one.is_stuck}
        hopeful = [one for one in found if not one.is_fine and now - self.since.get(one.name, now) < STUCK_S]
        # One that has brought all of its Applications is as healthy as they are: a stuck one would hold it up.
        is_held_up = any(not one.is_fine and one not in hopeful for one in found)
        waiting = [one for one in hopeful if not (is_held_up and one.has_applications and one.sync == "Synced")]
        return [f"{one.name} ({one.health})" for one in waiting] if found else ["bootstrap"]


def read(item: Manifest) -> Application:
    """Read one; the message is its first condition, or the last operation's when that did not succeed."""
    status = item.get("status") or {}
    operation = status.get("operationState") or {}
    conditions = status.get("conditions") or ()
    messages = [condition.get("message", "") for condition in conditions]
    failed = operation.get("phase") in {"Failed", "Error"}
    if failed:
        messages.append(operation.get("message", ""))
    sync = status.get("sync") or {}
    automated = (item["spec"].get("syncPolicy") or {}).get("automated")
    by_hand = sync.get("status") == "OutOfSync" and (automated is None or automated.get("enabled") is False)
    return Application(
        item["metadata"]["name"],
        (item["spec"].get("destination") or {}).get("namespace", ""),
        sync.get("status", "Unknown"),
        (status.get("health") or {}).get("status", "Unknown"),
        sync.get("revision", ""),
        next((message for message in messages if message), ""),
        failed or by_hand or any(condition.get("type", "").endswith("Error") for condition in conditions),
        any(resource.get("kind") == "Application" for resource in status.get("resources") or ()),
    )
