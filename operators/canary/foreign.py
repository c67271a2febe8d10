"""HTTPRoutes of somebody else: the own backends in them, and nothing beside. Pure.

`rules` and `backendRefs` are lists that have one owner, so they are changed by JSON patch, each operation under a
`test` of what was seen: where somebody was faster, the patch fails and everything is looked at again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from operators.kit.kube import Manifest

from .models import Canary
from .routers import gatewayapi
from .routers.gatewayapi import Split
from .routes import Division, services
from .terms import SLOTS, Slot


def divide(canary: Canary, division: Division, route: Manifest) -> tuple[dict[str, Any], ...]:
    """Build the patch that divides the requests; empty where the route says so already.

    A backend that names the apex Service is replaced by the two slots; nothing else is touched.
    """
    patch: list[dict[str, Any]] = []
    names = services(canary)
    for number, rule in enumerate((route.get("spec") or {}).get("rules") or ()):
        refs = rule.get("backendRefs") or []
        if _is_apex_alone(canary, route, rule):
            patch += _take_over(names, division, f"/spec/rules/{number}/backendRefs", 0, refs[0])
    return (*patch, *gatewayapi.reweigh(route, names, division.weights))


def shared(canary: Canary, route: Manifest) -> str:
    """Say which rule sends requests elsewhere, too, or does something with the backend; '' where none does.

    Shares of such a rule cannot be kept: weights are whole numbers, and what belongs to a backend goes with it.
    """
    for number, rule in enumerate((route.get("spec") or {}).get("rules") or ()):
        refs = rule.get("backendRefs") or []
        is_apex = any(gatewayapi.is_backend(route, ref, canary.name) for ref in refs)
        if is_apex and not _is_apex_alone(canary, route, rule):
            return f"rule {number}: give Service {canary.name} a rule of its own, without filters of the backend"
    return ""


def _is_apex_alone(canary: Canary, route: Manifest, rule: Manifest) -> bool:
    refs = rule.get("backendRefs") or []
    return len(refs) == 1 and gatewayapi.is_backend(route, refs[0], canary.name) and not refs[0].get("filters")


def _take_over(
    names: Mapping[Slot, str], division: Division, at: str, place: int, apex: dict[str, Any]
) -> list[dict[str, Any]]:
    first, second = Split(names, apex["port"], division.weights).backends
    return [
        {"op": "test", "path": f"{at}/{place}", "value": apex},
        {"op": "replace", "path": f"{at}/{place}", "value": first},
        {"op": "add", "path": f"{at}/{place + 1}", "value": second},
    ]


def give_back(canary: Canary, route: Manifest) -> tuple[dict[str, Any], ...]:
    """Build the patch that leads the route to the apex Service again."""
    patch: list[dict[str, Any]] = []
    for number, places in gatewayapi.pairs(route, services(canary)):
        refs = route["spec"]["rules"][number]["backendRefs"]
        at = f"/spec/rules/{number}/backendRefs"
        first, second = sorted(places[slot] for slot in SLOTS)
        weight = sum(int(refs[place].get("weight", 1)) for place in (first, second))
        backend = {"group": "", "kind": "Service", "name": canary.name, "port": refs[first]["port"], "weight": weight}
        patch += [
            {"op": "test", "path": f"{at}/{first}", "value": refs[first]},
            {"op": "test", "path": f"{at}/{second}", "value": refs[second]},
            {"op": "replace", "path": f"{at}/{first}", "value": backend},
            {"op": "remove", "path": f"{at}/{second}"},
        ]
    return tuple(patch)
