"""Health of the platform's own kinds, by the conditions all of them publish (kstatus), and `Paused` where there is one.

A Canary that goes back is Degraded, with the reason in its own words; one that waits for somebody is Suspended: no sync
waits for that. A Canary says nothing yet of a change of its Deployment that its operator has not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable

from operators.kit.kube import Manifest, Ref

from .verdict import DEGRADED, HEALTHY, PROGRESSING, SUSPENDED, Health, conditions_of, is_seen, is_true

GROUP = "automatrix.dev"
NOT_SEEN = Health(PROGRESSING, "its operator has not seen the newest change yet")


def conditions(manifest: Manifest) -> Health:
    """Stalled is Degraded, Ready is Healthy, anything else still moves."""
    by_type = conditions_of(manifest.get("status") or {})
    if not is_seen(manifest):
        return NOT_SEEN
    stalled, ready = by_type.get("Stalled"), by_type.get("Ready")
    if stalled is not None and is_true(stalled):
        return Health(DEGRADED, str(stalled.get("message") or stalled.get("reason") or "stalled"))
    if is_true(by_type.get("Paused")) and not is_true(ready):
        return Health(SUSPENDED, str((ready or {}).get("message") or by_type["Paused"].get("reason") or "paused"))
    if is_true(by_type.get("Reconciling")):
        return Health(PROGRESSING, str(by_type["Reconciling"].get("message") or "reconciling"))
    if is_true(ready):
        return Health(HEALTHY)
    return Health(PROGRESSING, str((ready or {}).get("message") or "not ready yet"))


def lagging(manifests: Iterable[Manifest]) -> frozenset[Ref]:
    """Return the Canaries whose operator has not looked at the newest generation of the Deployment beside them."""
    live = {Ref.of(manifest): manifest for manifest in manifests}
    return frozenset(
        ref for ref, one in live.items() if (ref.group, ref.kind) == (GROUP, "Canary") and _lags(one, live)
    )


def _lags(canary: Manifest, live: dict[Ref, Manifest]) -> bool:
    name = str(((canary.get("spec") or {}).get("targetRef") or {}).get("name"))
    target = live.get(Ref("apps", "Deployment", Ref.of(canary).namespace, name))
    seen = ((canary.get("status") or {}).get("template") or {}).get("generation")
    # An operator that does not say what it has looked at is taken at its word.
    return target is not None and seen is not None and int(target["metadata"].get("generation") or 0) > int(seen)
