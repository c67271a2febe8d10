"""What else in the namespace concerns a Canary: other Canaries, autoscalers, Services. IO in."""

from __future__ import annotations

import asyncio

from operators.kit.kube import KubeApi, Manifest

from .models import GROUP, KIND, VERSION, Canary
from .names import slot_name
from .seen import Neighbours
from .terms import SLOTS


async def neighbours(api: KubeApi, canary: Canary, template: Manifest | None) -> Neighbours:
    """Look around once."""
    return Neighbours(
        *await asyncio.gather(_autoscalers(api, canary), _rivals(api, canary), _services(api, canary, template))
    )


async def _autoscalers(api: KubeApi, canary: Canary) -> tuple[str, ...]:
    listed = await api.list("autoscaling", "v2", "HorizontalPodAutoscaler", namespace=canary.namespace)
    return tuple(
        one["metadata"]["name"]
        for one in listed.items
        if one["spec"]["scaleTargetRef"]["kind"] == "Deployment"
        and one["spec"]["scaleTargetRef"]["name"] == canary.spec.target_ref.name
    )


async def _rivals(api: KubeApi, canary: Canary) -> tuple[str, ...]:
    """Whoever was there first has the Deployment; names decide between twins."""
    listed = await api.list(GROUP, VERSION, KIND, namespace=canary.namespace)
    target = canary.spec.target_ref.name
    same = [one for one in listed.items if ((one.get("spec") or {}).get("targetRef") or {}).get("name") == target]
    ages = {one["metadata"]["name"]: one["metadata"].get("creationTimestamp", "") for one in same}
    mine = (ages.get(canary.name, ""), canary.name)
    return tuple(sorted(name for name, age in ages.items() if (age, name) < mine))


async def _services(api: KubeApi, canary: Canary, template: Manifest | None) -> tuple[str, ...]:
    if template is None:
        return ()
    labels = (template["spec"]["template"].get("metadata") or {}).get("labels") or {}
    own = {canary.name, *(slot_name(canary, slot) for slot in SLOTS)}
    listed = await api.list("", "v1", "Service", namespace=canary.namespace)
    return tuple(
        sorted(
            one["metadata"]["name"]
            for one in listed.items
            if one["metadata"]["name"] not in own
            and (selector := (one.get("spec") or {}).get("selector"))
            and selector.items() <= labels.items()
        )
    )
