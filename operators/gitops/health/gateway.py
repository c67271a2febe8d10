"""Health of the Gateway API: GatewayClass, Gateway, and the routes.

A reference that is not resolved is bad news only after a while: a gateway's controller hears of a route before it hears
of the Service that came with it, and says BackendNotFound for that moment.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from operators.kit.kube import Manifest

from .verdict import DEGRADED, HEALTHY, PROGRESSING, Health, conditions_of, is_false, is_true

RESOLVE_WITHIN = timedelta(seconds=30)
"""For so long after ResolvedRefs became False the controller may still come to see what is referred to."""


def gateway_class(manifest: Manifest) -> Health:
    """Healthy once a controller has accepted it."""
    return _accepted(manifest, manifest.get("status") or {}, ("Accepted",))


def gateway(manifest: Manifest) -> Health:
    """Healthy once its data plane is programmed."""
    return _accepted(manifest, manifest.get("status") or {}, ("Accepted", "Programmed"))


def route(manifest: Manifest) -> Health:
    """Healthy once every parent has accepted it and found its backends."""
    parents = (manifest.get("status") or {}).get("parents") or []
    wanted = (manifest.get("spec") or {}).get("parentRefs") or []
    if len(parents) < len(wanted) or not parents:
        return Health(PROGRESSING, "waits for its gateway")
    verdicts = [_accepted(manifest, parent, ("Accepted", "ResolvedRefs")) for parent in parents]
    # Of two that are Degraded, the one that is so already.
    rank = (HEALTHY, PROGRESSING, DEGRADED)
    return max(verdicts, key=lambda verdict: (rank.index(verdict.status), verdict.until is None))


def _accepted(manifest: Manifest, holder: dict[str, Any], types: tuple[str, ...]) -> Health:
    """Judge conditions by type; one about an older generation counts as not given yet."""
    generation = int((manifest.get("metadata") or {}).get("generation") or 0)
    conditions = conditions_of(holder)
    for name in types:
        condition = conditions.get(name)
        if condition is None or int(condition.get("observedGeneration") or generation) < generation:
            return Health(PROGRESSING, f"waits for {name}")
        if is_false(condition) and condition.get("reason") != "Pending":
            until = _resolved_by(condition) if name == "ResolvedRefs" else None
            return Health(DEGRADED, f"{name}: {condition.get('message') or condition.get('reason')}", until)
        if not is_true(condition):
            return Health(PROGRESSING, f"waits for {name}")
    return Health(HEALTHY)


def _resolved_by(condition: dict[str, Any]) -> datetime | None:
    """Return until when references may be unresolved; None where the condition does not tell its age."""
    try:
        since = datetime.fromisoformat(str(condition.get("lastTransitionTime")))
    except ValueError:
        return None
    return since + RESOLVE_WITHIN if since.tzinfo is not None else None


_GROUP = "gateway.networking.k8s.io"
CHECKS = {
    (_GROUP, "GatewayClass"): gateway_class,
    (_GROUP, "Gateway"): gateway,
    **{(_GROUP, kind): route for kind in ("HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "UDPRoute")},
}
