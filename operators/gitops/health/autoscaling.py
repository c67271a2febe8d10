"""Health of the HorizontalPodAutoscaler."""

from __future__ import annotations

from operators.kit.kube import Manifest

from .verdict import DEGRADED, HEALTHY, PROGRESSING, Health, conditions_of, is_false, is_true


def horizontal_pod_autoscaler(manifest: Manifest) -> Health:
    """Degraded when it cannot read its metrics or its target; Healthy when it can scale."""
    conditions = conditions_of(manifest.get("status") or {})
    for name in ("AbleToScale", "ScalingActive"):
        condition = conditions.get(name)
        if condition is not None and is_false(condition) and condition.get("reason") != "ScalingDisabled":
            return Health(DEGRADED, str(condition.get("message") or condition.get("reason") or f"{name} is False"))
    if is_true(conditions.get("AbleToScale")) or is_true(conditions.get("ScalingLimited")):
        return Health(HEALTHY)
    return Health(PROGRESSING, "waits for its first measurement")


CHECKS = {("autoscaling", "HorizontalPodAutoscaler"): horizontal_pod_autoscaler}
