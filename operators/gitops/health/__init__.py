"""Whether an object works: one small file per group of kinds, all pure, with Argo CD's meanings.

In: a live object and the time. Out: its `Health`, or None for kinds that cannot be unhealthy (a ConfigMap).
The time is for what is wrong only when it lasts and has no controller that says so, as a Deployment's deadline does.
A new kind is one function in a file beside this one and one line in CHECKS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from operators.kit.kube import Manifest, Ref

from . import applications, automatrix, autoscaling, cluster, gateway, network, storage, workloads
from .verdict import DEGRADED, HEALTHY, MISSING, ORDER, PROGRESSING, SUSPENDED, UNKNOWN, Health, worst

Check = Callable[[Manifest], Health]

CHECKS: Mapping[tuple[str, str], Check] = {
    **workloads.CHECKS,
    **storage.CHECKS,
    **network.CHECKS,
    **autoscaling.CHECKS,
    **cluster.CHECKS,
    **applications.CHECKS,
    **gateway.CHECKS,
}
"""By (group, kind)."""

__all__ = [
    "CHECKS",
    "DEGRADED",
    "HEALTHY",
    "MISSING",
    "ORDER",
    "PROGRESSING",
    "SUSPENDED",
    "UNKNOWN",
    "Health",
    "health_of",
    "healths_of",
    "of_application",
    "worst",
]


def healths_of(manifests: Iterable[Manifest], now: datetime) -> dict[Ref, Health | None]:
    """Return the health of live objects that belong together, some of which speak for others."""
    live = list(manifests)
    late = automatrix.lagging(live)
    judged = ((Ref.of(one), one) for one in live)
    return {ref: automatrix.NOT_SEEN if ref in late else health_of(one, now) for ref, one in judged}


def health_of(manifest: Manifest, now: datetime) -> Health | None:
    """Return the health of a live object by itself; a broken status is Unknown, never an error."""
    if (manifest.get("metadata") or {}).get("deletionTimestamp"):
        return Health(PROGRESSING, "pending deletion")
    check = _check_for(manifest)
    if check is None:
        return None
    try:
        return check(manifest).at(now)
    except (AttributeError, TypeError, ValueError, KeyError) as error:
        return Health(UNKNOWN, f"its status cannot be read: {type(error).__name__}")


def _check_for(manifest: Manifest) -> Check | None:
    group = str(manifest.get("apiVersion", "")).rpartition("/")[0]
    if group == automatrix.GROUP:
        return automatrix.conditions
    return CHECKS.get((group, str(manifest.get("kind", ""))))


def of_application(healths: Iterable[Health | None], *, live: int, wanted: int) -> str:
    """Return an Application's health: the worst of its live objects; Missing only when it has none and wants some."""
    if wanted and not live:
        return MISSING
    return worst(health.status for health in healths if health is not None)
