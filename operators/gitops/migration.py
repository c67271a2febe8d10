"""Take over fields that `kubectl apply` owns, so that server-side apply can remove what leaves Git. Pure.

Two owners of a field keep it alive when one lets go. So the client-side entry of managedFields is joined into ours,
as kubectl's own migration does (KEP-3805).
"""

from __future__ import annotations

from typing import Any

from operators.kit.kube import Manifest


def patch(present: Manifest, old_manager: str, manager: str) -> list[dict[str, Any]] | None:
    """Return the JSON patch that joins the old manager's fields into ours; None where it owns none."""
    entries = present["metadata"].get("managedFields") or []
    old = [entry for entry in entries if entry.get("manager") == old_manager and not entry.get("subresource")]
    if not old:
        return None
    ours = [entry for entry in entries if entry.get("manager") == manager and entry.get("operation") == "Apply"]
    base = ours[0] if ours else {**old[0], "manager": manager, "operation": "Apply"}
    fields: dict[str, Any] = {}
    for entry in (*ours, *old):
        fields = _joined(fields, entry.get("fieldsV1") or {})
    kept = [entry for entry in entries if entry not in old and entry not in ours]
    return [
        {"op": "test", "path": "/metadata/resourceVersion", "value": present["metadata"]["resourceVersion"]},
        {"op": "replace", "path": "/metadata/managedFields", "value": [*kept, {**base, "fieldsV1": fields}]},
    ]


def keeping_replicas(present: Manifest, wanted: Manifest, manager: str) -> Manifest | None:
    """Return what has to be applied under another manager's name, so that a workload keeps its pods; None for nothing.

    Replicas that leave Git are somebody else's from then on: an autoscaler's, a Canary's. What nobody owns any more
    falls to its default, one pod, until they have looked.
    """
    if "replicas" in (wanted.get("spec") or {"replicas": 0}):
        return None
    owners = [
        (entry.get("manager"), entry.get("operation"))
        for entry in present["metadata"].get("managedFields") or []
        if "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
    ]
    replicas = (present.get("spec") or {}).get("replicas")
    if owners != [(manager, "Apply")] or replicas is None:
        return None
    metadata = {key: present["metadata"][key] for key in ("name", "namespace")}
    kept = {"apiVersion": present["apiVersion"], "kind": present["kind"], "metadata": metadata}
    return {**kept, "spec": {"replicas": replicas}}


def _joined(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {**one, **{key: _joined(one.get(key, {}), below) for key, below in other.items()}}
