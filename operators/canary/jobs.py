"""A gate's Job: its manifest, and what its status says. Pure.

Its name carries a hash of what it is about: `web` with gate `api-expand` and `web-api` with gate `expand` are two Jobs.
"""

from __future__ import annotations

from operators.kit.kube import Manifest, Ref

from .configs import digest
from .models import Canary, Gate
from .seen import CANARY_LABEL, GateAnswer

LONGEST = 63
"""Pods carry their Job's name as a label."""
KEPT_S = 86400
"""For so long a Job that has ended is kept: for people, and longer than any operator needs to read it."""


def job_ref(canary: Canary, gate: Gate) -> Ref:
    """One Job for each gate of each release."""
    told = digest([canary.uid, gate.name, canary.status.attempt])[:8]
    readable = f"{canary.name}-{gate.name}"[: LONGEST - len(told) - 1].rstrip("-.")
    return Ref("batch", "Job", canary.namespace, f"{readable}-{told}")


def job(canary: Canary, gate: Gate) -> Manifest:
    """Build the Job; it may run once, unless its template says otherwise, and goes by itself a day after its end.

    A template may have it kept for longer, and not for less: a Job that went before it was read would run again.
    """
    assert gate.job is not None  # noqa: S101 - the caller has looked
    asked = gate.job.template.get("ttlSecondsAfterFinished")
    kept = max(asked, KEPT_S) if isinstance(asked, int) else KEPT_S
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_ref(canary, gate).name,
            "namespace": canary.namespace,
            "labels": {CANARY_LABEL: canary.name},
            "ownerReferences": [canary.owner],
        },
        "spec": {"backoffLimit": 0, **gate.job.template, "ttlSecondsAfterFinished": kept},
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
