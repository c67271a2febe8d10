"""Health of the platform's own kinds, by the conditions all of them publish (kstatus), and `Paused` where there is one.

A Canary that goes back is Degraded, with the reason in its own words; one that waits for somebody is Suspended: no sync
waits for that.
"""

from __future__ import annotations

from operators.kit.kube import Manifest

from .verdict import DEGRADED, HEALTHY, PROGRESSING, SUSPENDED, Health, conditions_of, is_seen, is_true

GROUP = "automatrix.dev"


def conditions(manifest: Manifest) -> Health:
    """Stalled is Degraded, Ready is Healthy, anything else still moves."""
    by_type = conditions_of(manifest.get("status") or {})
    if not is_seen(manifest):
        return Health(PROGRESSING, "its operator has not seen the newest change yet")
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
