"""What the things that a Canary makes are called, and how they are told from others: pure."""

from __future__ import annotations

from operators.kit.kube import Manifest, Ref

from .models import Canary
from .seen import CANARY_LABEL, OWNED_BY, SLOT_LABEL
from .terms import Slot

GATEWAY_GROUP = "gateway.networking.k8s.io"
TRACKING = "argocd.argoproj.io/tracking-id"
MANAGER = "canary-operator"


def slot_name(canary: Canary, slot: Slot) -> str:
    """The name of a slot's Deployment and of its Service."""
    return f"{canary.name}-{slot}"


def slot_labels(canary: Canary, slot: Slot) -> dict[str, str]:
    """What selects a slot's pods, and nothing else does."""
    return {CANARY_LABEL: canary.name, SLOT_LABEL: slot}


def selector(canary: Canary) -> str:
    """The label selector of the pods of both slots."""
    return f"{CANARY_LABEL}={canary.name}"


def template_ref(canary: Canary) -> Ref:
    """The Deployment that stands model."""
    return Ref("apps", "Deployment", canary.namespace, canary.spec.target_ref.name)


def deployment_ref(canary: Canary, slot: Slot) -> Ref:
    """A slot's Deployment."""
    return Ref("apps", "Deployment", canary.namespace, slot_name(canary, slot))


def service_ref(canary: Canary, slot: Slot) -> Ref:
    """A slot's Service."""
    return Ref("", "Service", canary.namespace, slot_name(canary, slot))


def apex_ref(canary: Canary) -> Ref:
    """The Service that serves stable."""
    return Ref("", "Service", canary.namespace, canary.name)


def route_refs(canary: Canary) -> tuple[Ref, ...]:
    """The own HTTPRoute, or those of somebody else."""
    names = [route.name for route in canary.spec.traffic.routes] or [canary.name]
    return tuple(Ref(GATEWAY_GROUP, "HTTPRoute", canary.namespace, name) for name in names)


def preview_ref(canary: Canary) -> Ref:
    """The HTTPRoute of the preview under host names of its own."""
    return Ref(GATEWAY_GROUP, "HTTPRoute", canary.namespace, f"{canary.name}-preview")


def is_ours(canary: Canary, manifest: Manifest | None) -> bool:
    """Whether an object is there and belongs to this very Canary."""
    metadata = (manifest or {}).get("metadata") or {}
    return bool(canary.uid) and (metadata.get("annotations") or {}).get(OWNED_BY) == canary.uid
