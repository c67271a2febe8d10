"""A gate's Job: its manifest, and what its status says. Pure."""

from __future__ import annotations

from operators.kit.kube import Manifest, Ref

from .models import Canary, Gate
from .seen import CANARY_LABEL, GateAnswer


def job_ref(canary: Canary, gate: Gate) -> Ref:
    """One Job for each gate of each release."""
    return Ref("batch", "Job", canary.namespace, f"{canary.name}-{gate.name}-{canary.status.attempt}")


def job(canary: Canary, gate: Gate) -> Manifest:
    """Build the Job; it may run once, unless its template says otherwise."""
    assert gate.job is not None  # noqa: S101 - the caller has looked
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_ref(canary, gate).name,
            "namespace": canary.namespace,
            "labels": {CANARY_LABEL: canary.name},
            "ownerReferences": [canary.owner],
        },
        "spec": {"backoffLimit": 0, **gate.job.template},
    }


def answer(found: Manifest | None) -> GateAnswer | None:
    """Read a Job's outcome; None where there is no Job yet."""
    if found is None:
        return None
    for condition in (found.get("status") or {}).get("conditions") or ():
        if condition["status"] == "True" and condition["type"] in ("Complete", "SuccessCriteriaMet"):
            return GateAnswer("passed", f"Job {found['metadata']['name']} has succeeded")
        if condition["status"] == "True" and condition["type"] == "Failed":
            return GateAnswer("refused", str(condition.get("message") or "the Job has failed"))
    return GateAnswer("waiting", f"Job {found['metadata']['name']} runs")
