"""Health of what runs containers: Deployment, StatefulSet, DaemonSet, ReplicaSet, Pod, Job, CronJob."""

from __future__ import annotations

from typing import Any

from operators.kit.kube import Manifest

from .verdict import DEGRADED, HEALTHY, PROGRESSING, SUSPENDED, UNKNOWN, Health, conditions_of, is_seen, is_true

_NOT_SEEN = Health(PROGRESSING, "its controller has not seen the newest change yet")


def deployment(manifest: Manifest) -> Health:
    """Progressing until every replica is of the new template and available."""
    spec, status = manifest.get("spec") or {}, manifest.get("status") or {}
    if spec.get("paused"):
        return Health(SUSPENDED, "paused")
    if not is_seen(manifest):
        return _NOT_SEEN
    progressing = conditions_of(status).get("Progressing") or {}
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return Health(DEGRADED, f"exceeded its progress deadline{_why(status)}")
    awaited = _roll_out(spec, status)
    return Health(PROGRESSING, f"{awaited}{_why(status)}") if awaited else Health(HEALTHY)


def _why(status: dict[str, Any]) -> str:
    """Return why pods cannot even be made (a quota, an admission), as far as the Deployment knows it."""
    failure = conditions_of(status).get("ReplicaFailure")
    return f": {failure.get('message') or 'pods cannot be made'}" if failure is not None and is_true(failure) else ""


def _roll_out(spec: dict[str, Any], status: dict[str, Any]) -> str:
    """Say what a Deployment's roll-out waits for; '' when it is done."""
    wanted, updated = _replicas(spec), int(status.get("updatedReplicas") or 0)
    if updated < wanted:
        return f"{updated} of {wanted} replicas have the new template"
    old = int(status.get("replicas") or 0) - updated
    if old > 0:
        return f"{old} old replicas still to end"
    available = int(status.get("availableReplicas") or 0)
    return f"{available} of {updated} replicas are available" if available < updated else ""


def stateful_set(manifest: Manifest) -> Health:
    """Progressing until all replicas are ready and the update has gone as far as its partition."""
    spec, status = manifest.get("spec") or {}, manifest.get("status") or {}
    if not is_seen(manifest):
        return _NOT_SEEN
    wanted, ready = _replicas(spec), int(status.get("readyReplicas") or 0)
    if ready < wanted:
        return Health(PROGRESSING, f"{ready} of {wanted} replicas are ready")
    awaited = _update(spec.get("updateStrategy") or {}, status, wanted)
    return Health(PROGRESSING, awaited) if awaited else Health(HEALTHY)


def _update(strategy: dict[str, Any], status: dict[str, Any], wanted: int) -> str:
    """Say what a StatefulSet's update waits for; '' when it is as far as its strategy lets it go."""
    if strategy.get("type") == "OnDelete":
        return ""
    partition = int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
    updated = int(status.get("updatedReplicas") or 0)
    if partition:
        due = wanted - partition
        return f"{updated} of {due} replicas past the partition are updated" if updated < due else ""
    done = status.get("updateRevision") == status.get("currentRevision")
    return "" if done else f"{updated} of {wanted} replicas are updated"


def daemon_set(manifest: Manifest) -> Health:
    """Progressing until every node has an updated, available pod."""
    spec, status = manifest.get("spec") or {}, manifest.get("status") or {}
    if not is_seen(manifest):
        return _NOT_SEEN
    wanted = int(status.get("desiredNumberScheduled") or 0)
    updated = int(status.get("updatedNumberScheduled") or 0)
    if (spec.get("updateStrategy") or {}).get("type") != "OnDelete" and updated < wanted:
        return Health(PROGRESSING, f"{updated} of {wanted} pods are updated")
    available = int(status.get("numberAvailable") or 0)
    if available < wanted:
        return Health(PROGRESSING, f"{available} of {wanted} pods are available")
    return Health(HEALTHY)


def replica_set(manifest: Manifest) -> Health:
    """Progressing until all replicas are available."""
    spec, status = manifest.get("spec") or {}, manifest.get("status") or {}
    if not is_seen(manifest):
        return _NOT_SEEN
    failure = conditions_of(status).get("ReplicaFailure")
    if failure is not None and is_true(failure):
        return Health(DEGRADED, str(failure.get("message") or "cannot create pods"))
    wanted, available = _replicas(spec), int(status.get("availableReplicas") or 0)
    if available < wanted:
        return Health(PROGRESSING, f"{available} of {wanted} replicas are available")
    return Health(HEALTHY)


def pod(manifest: Manifest) -> Health:
    """Healthy when ready (or done); Degraded when a container cannot start or keeps ending."""
    spec, status = manifest.get("spec") or {}, manifest.get("status") or {}
    always = spec.get("restartPolicy", "Always") == "Always"
    containers: list[dict[str, Any]] = status.get("containerStatuses") or []
    if always:
        for container in containers:
            reason = str(((container.get("state") or {}).get("waiting") or {}).get("reason") or "")
            if reason.startswith("Err") or reason.endswith(("BackOff", "Error", "InvalidImageName")):
                return Health(DEGRADED, f"container {container.get('name')}: {reason}")
    match status.get("phase"):
        case "Pending" | None:
            return Health(PROGRESSING, str(status.get("message") or "not started yet"))
        case "Succeeded":
            return Health(HEALTHY)
        case "Failed":
            return Health(DEGRADED, str(status.get("message") or status.get("reason") or "failed"))
        case "Running":
            return _running_pod(status, containers, always=always)
    return Health(UNKNOWN, f"phase {status.get('phase')}")


def _running_pod(status: dict[str, Any], containers: list[dict[str, Any]], *, always: bool) -> Health:
    if not always:
        return Health(PROGRESSING, "runs to its end")
    if is_true(conditions_of(status).get("Ready")):
        return Health(HEALTHY)
    for container in containers:
        if (container.get("lastState") or {}).get("terminated"):
            return Health(DEGRADED, f"container {container.get('name')} has ended and is not ready again")
    return Health(PROGRESSING, "not ready yet")


def job(manifest: Manifest) -> Health:
    """Healthy when complete, Degraded when failed, Suspended when suspended."""
    conditions = conditions_of(manifest.get("status") or {})
    for condition, verdict in (("Failed", DEGRADED), ("Complete", HEALTHY), ("Suspended", SUSPENDED)):
        if is_true(conditions.get(condition)):
            return Health(verdict, str(conditions[condition].get("message") or ""))
    return Health(PROGRESSING, "runs")


def cron_job(manifest: Manifest) -> Health:
    """Suspended when suspended, otherwise Healthy: a failed run shows in its Job."""
    return Health(SUSPENDED, "suspended") if (manifest.get("spec") or {}).get("suspend") else Health(HEALTHY)


def _replicas(spec: dict[str, Any]) -> int:
    wanted = spec.get("replicas")
    return 1 if wanted is None else int(wanted)


CHECKS = {
    ("apps", "Deployment"): deployment,
    ("apps", "StatefulSet"): stateful_set,
    ("apps", "DaemonSet"): daemon_set,
    ("apps", "ReplicaSet"): replica_set,
    ("", "Pod"): pod,
    ("batch", "Job"): job,
    ("batch", "CronJob"): cron_job,
}
