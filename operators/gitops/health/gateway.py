"""Health of the Gateway API: GatewayClass, Gateway, and the routes."""

from __future__ import annotations

from typing import Any

from operators.kit.kube import Manifest

from .verdict import DEGRADED, HEALTHY, PROGRESSING, Health, conditions_of, is_false, is_true


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
    return max(verdicts, key=lambda verdict: (HEALTHY, PROGRESSING, DEGRADED).index(verdict.status))


def _accepted(manifest: Manifest, holder: dict[str, Any], types: tuple[str, ...]) -> Health:
    """Judge conditions by type; one about an older generation counts as not given yet."""
    generation = int((manifest.get("metadata") or {}).get("generation") or 0)
    conditions = conditions_of(holder)
    for name in types:
        condition = conditions.get(name)
        if condition is None or int(condition.get("observedGeneration") or generation) < generation:
            return Health(PROGRESSING, f"waits for {name}")
        if is_false(condition) and condition.get("reason") != "Pending":
            return Health(DEGRADED, f"{name}: {condition.get('message') or condition.get('reason')}")
        if not is_true(condition):
            return Health(PROGRESSING, f"waits for {name}")
    return Health(HEALTHY)


_GROUP = "gateway.networking.k8s.io"
CHECKS = {
    (_GROUP, "GatewayClass"): gateway_class,
    (_GROUP, "Gateway"): gateway,
    **{(_GROUP, kind): route for kind in ("HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "UDPRoute")},
}
