"""Health of what extends the API: CustomResourceDefinition, APIService; and of Namespace."""

from __future__ import annotations

from operators.kit.kube import Manifest

from .verdict import DEGRADED, HEALTHY, PROGRESSING, Health, conditions_of, is_false, is_true


def custom_resource_definition(manifest: Manifest) -> Health:
    """Healthy once the API server serves it."""
    conditions = conditions_of(manifest.get("status") or {})
    if is_true(conditions.get("Terminating")):
        return Health(PROGRESSING, "is being removed")
    names = conditions.get("NamesAccepted")
    if names is not None and is_false(names):
        return Health(DEGRADED, str(names.get("message") or "its names are taken"))
    if not is_true(conditions.get("Established")):
        return Health(PROGRESSING, "not established yet")
    schema = conditions.get("NonStructuralSchema")
    if schema is not None and is_true(schema):
        return Health(DEGRADED, str(schema.get("message") or "its schema is not structural"))
    return Health(HEALTHY)


def api_service(manifest: Manifest) -> Health:
    """Healthy once the API server reaches it."""
    available = conditions_of(manifest.get("status") or {}).get("Available")
    if is_true(available):
        return Health(HEALTHY)
    return Health(PROGRESSING, str((available or {}).get("message") or "not available yet"))


CHECKS = {
    ("apiextensions.k8s.io", "CustomResourceDefinition"): custom_resource_definition,
    ("apiregistration.k8s.io", "APIService"): api_service,
}
