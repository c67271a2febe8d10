"""Why the pods of a workload do not come up, in the words of scheduler, kubelet and, where they are safe, their own.

In: a workload and the pods of its namespace that its selector finds. Out: one sentence, '' where nothing is wrong.
A container's last words (its termination message, at times the end of its log) can quote what it was configured with,
so they are told only where the pod is given no Secret; elsewhere the command that shows them stands in their place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from operators.kit.kube import Manifest, Ref

from .verdict import conditions_of, is_false, is_true

_KINDS = {
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("apps", "DaemonSet"),
    ("apps", "ReplicaSet"),
    ("batch", "Job"),
}
_TEMPLATE = ("pod-template-hash", "controller-revision-hash")
_STARTING = {"ContainerCreating", "PodInitializing"}
_RUNTIMES_WORDS = {"StartError", "ContainerCannotRun"}
"""Reasons of an end whose message the container runtime wrote: the program never ran."""
_QUERY = re.compile(r"(\bhttps?://[^\s?\"']+)\?[^\s\"']+")
"""Registries send to signed addresses."""
_LONGEST = 400
_OPERATORS = {
    "In": "{key} in ({values})",
    "NotIn": "{key} notin ({values})",
    "Exists": "{key}",
    "DoesNotExist": "!{key}",
}


def has_pods(ref: Ref) -> bool:
    """Whether objects of this kind have pods by a selector."""
    return (ref.group, ref.kind) in _KINDS


def selector_of(workload: Manifest) -> str:
    """Return the selector of a workload's pods as the API takes it; '' where it has none."""
    selector = (workload.get("spec") or {}).get("selector") or {}
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for entry in selector.get("matchExpressions") or []:
        values = ",".join(entry.get("values") or [])
        parts.append(_OPERATORS[entry["operator"]].format(key=entry["key"], values=values))
    return ",".join(parts)


def why(workload: Manifest, pods: Iterable[Manifest]) -> str:
    """Say what keeps the newest template's pods; one that cannot run comes before one that merely starts."""
    own = [pod for pod in pods if _is_of(workload, pod) and not pod["metadata"].get("deletionTimestamp")]
    if not own:
        return ""
    newest = _template(max(own, key=_age))
    told = [(pod, *_trouble(pod)) for pod in sorted(own, key=_age, reverse=True) if _template(pod) == newest]
    ill = sorted((entry for entry in told if entry[2]), key=lambda entry: entry[1])
    if not ill:
        return ""
    pod, _, text = ill[0]
    text = _QUERY.sub(r"\1?…", text)
    text = f"pod {pod['metadata']['name']}: {text}"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _is_of(workload: Manifest, pod: Manifest) -> bool:
    """Whether a pod belongs to a workload: by its controller, which a Deployment has a ReplicaSet for."""
    owners = pod["metadata"].get("ownerReferences") or []
    owner: dict[str, Any] = next((one for one in owners if one.get("controller")), {})
    if workload["kind"] == "Deployment":
        name = f"{workload['metadata']['name']}-"
        return owner.get("kind") == "ReplicaSet" and str(owner.get("name")).startswith(name)
    return bool(owner) and owner.get("uid") == workload["metadata"].get("uid")


def _age(pod: Manifest) -> str:
    return str(pod["metadata"].get("creationTimestamp") or "")


def _template(pod: Manifest) -> str:
    labels = pod["metadata"].get("labels") or {}
    return next((str(labels[name]) for name in _TEMPLATE if name in labels), "")


def _trouble(pod: Manifest) -> tuple[int, str]:
    """Return how sure it is that a pod will not run (0: sure, 1: it may merely start) and why; '' where it is well."""
    status = pod.get("status") or {}
    conditions = conditions_of(status)
    if status.get("phase") == "Succeeded" or is_true(conditions.get("Ready")):
        return 1, ""
    if status.get("phase") == "Failed" and status.get("reason"):
        return 0, _joined(status.get("reason"), status.get("message"))
    scheduled = conditions.get("PodScheduled") or {}
    if is_false(scheduled):
        return 0, _joined(scheduled.get("reason") or "not scheduled", scheduled.get("message"))
    words = [_container(pod, one, is_init=is_init) for one, is_init in _containers(status)]
    found = [(sure, text) for sure, text in words if text]
    if found:
        return min(found, key=lambda entry: entry[0])
    ready = conditions.get("Ready") or {}
    return 1, _joined("not ready", ready.get("message")) if ready else "not started yet"


def _containers(status: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bool]]:
    for name, is_init in (("initContainerStatuses", True), ("containerStatuses", False)):
        for one in status.get(name) or []:
            yield one, is_init


def _container(pod: Manifest, container: dict[str, Any], *, is_init: bool) -> tuple[int, str]:
    """As `_trouble`, of one container."""
    state = container.get("state") or {}
    last = (container.get("lastState") or {}).get("terminated") or {}
    sure, text = 1, ""
    if waiting := state.get("waiting"):
        reason = str(waiting.get("reason") or "waits")
        sure = 1 if reason in _STARTING and not last else 0
        text = f": {reason}: {_end(pod, container, last)}" if last else f": {_joined(reason, waiting.get('message'))}"
    elif ended := state.get("terminated"):
        sure, text = (0, f" has ended: {_end(pod, container, ended)}") if ended.get("exitCode") else (1, "")
    elif is_init:
        text = "" if container.get("started") else " runs"
    elif last and not container.get("ready"):
        sure, text = 0, f" runs again and is not ready: {_end(pod, container, last)}"
    elif not container.get("ready"):
        text = " runs and is not ready: its startup or readiness probe has not succeeded"
    return sure, f"{'init ' if is_init else ''}container {container.get('name')}{text}" if text else ""


def _end(pod: Manifest, container: dict[str, Any], ended: dict[str, Any]) -> str:
    """Say how a container ended last, with its last words or the way to them."""
    reason = str(ended.get("reason") or "")
    text = f"it ended with exit code {ended.get('exitCode')}"
    text += f" ({reason})" if reason not in ("", "Error", "Completed") else ""
    lines = str(ended.get("message") or "").strip().splitlines()
    if lines and (reason in _RUNTIMES_WORDS or not _is_given_secrets(pod)):
        return f"{text}: {lines[-1].strip()}"
    metadata = pod["metadata"]
    previous = "" if ended is (container.get("state") or {}).get("terminated") else " --previous"
    return f"{text}; kubectl -n {metadata['namespace']} logs {metadata['name']} -c {container.get('name')}{previous}"


def _is_given_secrets(pod: Manifest) -> bool:
    """Whether a program in the pod can know what a Secret holds."""
    spec = pod.get("spec") or {}
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        sources: Sequence[dict[str, Any]] = container.get("envFrom") or ()
        values = [entry.get("valueFrom") or {} for entry in container.get("env") or ()]
        if any("secretRef" in source for source in sources) or any("secretKeyRef" in value for value in values):
            return True
    for volume in spec.get("volumes") or ():
        projected = (volume.get("projected") or {}).get("sources") or ()
        if "secret" in volume or "csi" in volume or any("secret" in source for source in projected):
            return True
    return False


def _joined(reason: object, message: object) -> str:
    return ": ".join(str(part) for part in (reason, message) if part)
