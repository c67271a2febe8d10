"""The objects of a slot, built from the template: pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from operators.kit.kube import Manifest

from .configs import copy_name, with_copies
from .models import Canary
from .names import TRACKING, slot_labels, slot_name
from .seen import OWNED_BY, REVISION, Seen
from .terms import Slot

_TAKEN_OVER = ("minReadySeconds", "progressDeadlineSeconds", "strategy")


def slot_deployment(canary: Canary, seen: Seen, slot: Slot, replicas: int) -> Manifest:
    """Build a slot's Deployment for what the template asks for now; `seen.template` must be there."""
    assert seen.template is not None  # noqa: S101 - the caller has looked
    spec = seen.template["spec"]
    copies: dict[tuple[str, str], str] = {
        (config.kind, config.name): copy_name(canary.name, config)
        for config in seen.configs
        if config.copied and config.hash
    }
    template = with_copies(spec["template"], copies)
    metadata = template.setdefault("metadata", {})
    metadata.pop("creationTimestamp", None)
    metadata["labels"] = {**(metadata.get("labels") or {}), **slot_labels(canary, slot)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(canary, slot, {REVISION: seen.revision}),
        "spec": {
            **{key: spec[key] for key in _TAKEN_OVER if key in spec},
            "revisionHistoryLimit": 1,
            "replicas": replicas,
            "selector": {"matchLabels": slot_labels(canary, slot)},
            "template": template,
        },
    }


def slot_service(canary: Canary, slot: Slot, ports: list[dict[str, Any]]) -> Manifest:
    """Build a slot's Service."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(canary, slot),
        "spec": {"selector": slot_labels(canary, slot), "ports": ports},
    }


def apex_service(canary: Canary, slot: Slot, ports: list[dict[str, Any]], live: Manifest | None) -> Manifest:
    """Build the Service that serves a slot; one that is there keeps all but selector, owner and tracking."""
    if live is None:
        metadata: dict[str, Any] = {"name": canary.name, "namespace": canary.namespace}
        spec: dict[str, Any] = {"ports": ports}
    else:
        metadata = {key: value for key, value in live["metadata"].items() if key != "managedFields"}
        spec = {**live["spec"], **({"ports": ports} if canary.spec.service.ports else {})}
    kept = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != TRACKING}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {**metadata, "annotations": {**kept, OWNED_BY: canary.uid}},
        "spec": {**spec, "selector": slot_labels(canary, slot)},
    }


def ports_of(canary: Canary, apex: Manifest | None) -> list[dict[str, Any]]:
    """The ports of all Services: the spec's, or those of the Service that was there; [] where nobody says."""
    if canary.spec.service.ports:
        dumped = [port.model_dump(by_alias=True, exclude_none=True) for port in canary.spec.service.ports]
        return [{key: value for key, value in port.items() if value != ""} for port in dumped]
    live = ((apex or {}).get("spec") or {}).get("ports") or []
    return [{key: value for key, value in port.items() if key != "nodePort"} for port in live]


def _metadata(canary: Canary, slot: Slot, annotations: Mapping[str, str] | None = None) -> dict[str, Any]:
    return {
        "name": slot_name(canary, slot),
        "namespace": canary.namespace,
        "labels": slot_labels(canary, slot),
        "annotations": {**(annotations or {}), OWNED_BY: canary.uid},
    }
