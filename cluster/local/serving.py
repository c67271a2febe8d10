"""Wait until the platform serves: its workloads are ready, and the Gateway and the Git server answer from the host.

All are waited for together, by looking at the whole state twice a second. A pod that cannot start by itself is told at
once in the note of the progress, and named with its reason if the time runs out.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cluster.local.errors import MachineError
from cluster.local.kubectl import Kubectl, Manifest
from cluster.local.progress import Progress, Step
from cluster.local.settings import Settings

PLATFORM = ("kube-system", "automatrix-system", "automatrix-gateway", "automatrix-observability", "argocd")
WORKLOADS = "deployments.apps,statefulsets.apps,daemonsets.apps"
POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment, StatefulSet or DaemonSet and how many of its pods are ready."""

    kind: str
    namespace: str
    name: str
    wanted: int
    ready: int

    @property
    def is_ready(self) -> bool:
        """Whether every pod of its newest generation is ready."""
        return self.ready >= self.wanted

    def __str__(self) -> str:
        """Return the name in a message."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What an address answered: an HTTP status, or 0 and why there was none."""

    status: int
    reason: str = ""


def workloads(kubectl: Kubectl, namespaces: Iterable[str] = PLATFORM) -> list[Workload]:
    """List the platform's workloads."""
    wanted = set(namespaces)
    found = [read_workload(item) for item in kubectl.items(WORKLOADS, "--all-namespaces")]
    return [workload for workload in found if workload.namespace in wanted]


def read_workload(item: Manifest) -> Workload:
    """Read the counts; a status that is older than the spec counts as nothing ready."""
    metadata, spec, status = item["metadata"], item["spec"], item.get("status") or {}
    if item["kind"] == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 1)
        ready = min(status.get("numberReady", 0), status.get("updatedNumberScheduled", 0))
    else:
        wanted = spec.get("replicas", 1)
        ready = min(status.get("readyReplicas", 0), status.get("updatedReplicas", 0))
    if status.get("observedGeneration", 0) < metadata["generation"]:
        ready, wanted = 0, max(1, wanted)
    return Workload(item["kind"], metadata["namespace"], metadata["name"], wanted, ready)


def ask(port: int, path: str = "/", host: str = "localhost") -> Answer:
    """Ask a loopback port by HTTP, past any proxy of the user's."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
    try:
        connection.request("GET", path, headers={"Host": host})
        return Answer(connection.getresponse().status)
    except (OSError, http.client.HTTPException) as failure:
        return Answer(0, str(failure) or type(failure).__name__)
    finally:
        connection.close()


def missing(settings: Settings, kubectl: Kubectl) -> list[str]:
    """Name what does not serve yet; empty when all does."""
    lacking = [f"{workload}" for workload in workloads(kubectl) if not workload.is_ready]
    if not ask(settings.http_port).status:
        lacking.append(f"the Gateway on port {settings.http_port}")
    if ask(settings.git_port, "/healthz").status != http.client.OK:
        lacking.append(f"the Git server on port {settings.git_port}")
    return lacking


def wait(lacking: Callable[[], list[str]], explain: Callable[[], str], step: Step, timeout_s: float) -> None:
    """Poll until nothing is lacking; raises MachineError with what is, and the explanation."""
    deadline = time.monotonic() + timeout_s
    while left := lacking():
        step.note(", ".join(left[:3]) + (f" and {len(left) - 3} more" if len(left) > 3 else ""))
        if time.monotonic() > deadline:
            reason = explain()
            raise MachineError(
                f"after {timeout_s:.0f} s still not ready: {', '.join(left)}{f' ({reason})' if reason else ''}",
                "look with: amx doctor",
            )
        time.sleep(POLL_S)


def until_serving(settings: Settings, kubectl: Kubectl, progress: Progress, timeout_s: float) -> None:
    """Wait, with progress, until nothing is missing; raises MachineError with what is and why."""
    with progress.step("wait until the platform serves") as step:
        wait(lambda: missing(settings, kubectl), lambda: "; ".join(stuck_pods(kubectl)[:3]), step, timeout_s)


def stuck_pods(kubectl: Kubectl) -> list[str]:
    """Say of every platform pod that cannot start or keeps falling over, why."""
    return [reason for pod in kubectl.items("pods", "--all-namespaces") if (reason := why_stuck(pod))]


def why_stuck(pod: Manifest) -> str:
    """Return `namespace/name: reason message` for a pod that does not get ready by itself; empty for others."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    if metadata["namespace"] not in PLATFORM:
        return ""
    name = f"{metadata['namespace']}/{metadata['name']}"
    for container in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") not in {None, "ContainerCreating", "PodInitializing"}:
            return f"{name}: {waiting['reason']} {waiting.get('message', '')}".rstrip()
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"{name}: {condition.get('message', 'not scheduled')}"
    return ""
