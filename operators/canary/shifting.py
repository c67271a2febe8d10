"""Where requests go: the Service of the Canary's name, and the routes. Pure.

In: a `Situation`. Out: actions, guarded by this look alone: weight rises only for pods that are ready in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from operators.kit.kube import Manifest

from . import builders, foreign, routes
from .actions import Action, PatchRoute, SwitchApex, WriteRoute
from .capacity import Shift, allowed, needed
from .names import TRACKING, is_ours, route_refs, slot_labels
from .routers.gatewayapi import reweigh
from .situation import MOVING, SETTLED, Situation
from .subset import covers
from .terms import SLOTS

HEAL_EVERY = timedelta(minutes=5)
"""What somebody else writes over is written again no more often: two writers would never be still."""


def _can_serve(at: Situation) -> bool:
    """Whether stable may be given requests: at adoption only in full, later as soon as anything of it is there."""
    if any(at.seen.slot(slot).service is None for slot in SLOTS):
        return False
    if at.status.phase == "Adopting" and not at.apex_serves(at.stable_slot):
        return at.stable.ready >= at.replicas
    return at.stable.ready > 0 or at.replicas == 0


def plan_apex(at: Situation) -> Iterator[Action]:
    """Have the Service select stable."""
    live = at.seen.apex
    slot = at.stable_slot
    if _is_apex_right(at, live) or not _can_serve(at):
        return
    ports = builders.ports_of(at.canary, live)
    version = live["metadata"]["resourceVersion"] if live else ""
    yield SwitchApex(
        builders.apex_service(at.canary, slot, ports, live), version, f"Service {at.canary.name} serves slot {slot}"
    )


def _is_apex_right(at: Situation, live: Manifest | None) -> bool:
    if live is None or not is_ours(at.canary, live) or _is_tracked(live):
        return False
    ports = builders.ports_of(at.canary, live)
    return live["spec"].get("selector") == slot_labels(at.canary, at.stable_slot) and covers(
        live["spec"].get("ports"), ports
    )


def _is_tracked(live: Manifest) -> bool:
    return TRACKING in (live["metadata"].get("annotations") or {})


def division(at: Situation) -> routes.Division:
    """How the requests shall be divided at this look."""
    going_back = at.status.phase not in ("Preparing", "Shifting", "Analysing", "Held", "Promoting", "Frozen")
    carried, is_matched = at.idle.ready, any(route.matched for route in at.routes)
    if at.idle.is_unread:  # scaled this moment: its pods are where they were, and so is what they get
        carried = max(carried, needed(at.weight, at.replicas))
    weight = allowed(Shift(at.weight, at.status.weight.desired, carried, at.stable.ready, at.replicas, going_back))
    ready = carried > 0 or (at.idle.is_unread and is_matched)
    mirrored = at.spec.traffic.mirror is not None and at.status.phase in ("Shifting", "Analysing", "Held") and ready
    return routes.Division(at.other_slot, weight, at.matching if ready else None, mirrored)


def is_healed_back(at: Situation) -> bool:
    """Whether somebody has written over what stood in a foreign route: it was as wished, and is not any more."""
    weight = at.status.weight
    if at.status.phase in ("Adopting", "GivingBack") or not at.spec.traffic.routes or at.status.stable is None:
        return False
    return weight.written == weight.desired and not all(route.weight == weight.desired for route in at.routes)


def is_resting(at: Situation) -> bool:
    """Whether such a route was mended a while ago, and is left alone: two writers would never be still."""
    healed, back = at.status.weight.healed_at, at.status.phase not in (*SETTLED, "Shifting", "Analysing", "Held")
    return healed is not None and not back and at.now - healed < HEAL_EVERY


def plan_return(at: Situation) -> Iterator[Action]:
    """Give the requests back to stable in rules that are there: a way back that no other problem may bar."""
    if at.status.phase in MOVING:
        return
    wanted = division(at)
    for ref in route_refs(at.canary):
        live = at.seen.routes.get(ref.name)
        if live is not None and (at.spec.traffic.routes or is_ours(at.canary, live)):
            patch = reweigh(live, routes.services(at.canary), wanted.weights)
            if patch:
                yield PatchRoute(ref, tuple(patch), f"back: slot {wanted.candidate} gets {wanted.weight} %")


def plan_routes(at: Situation) -> Iterator[Action]:
    """Divide the requests."""
    if not at.apex_serves(at.stable_slot) and at.status.phase == "Adopting":
        return
    if not _can_serve(at):
        return
    wanted = division(at)
    for ref in route_refs(at.canary):
        live = at.seen.routes.get(ref.name)
        why = f"slot {wanted.candidate} gets {wanted.weight} %"
        if at.spec.traffic.routes:
            patch = foreign.divide(at.canary, wanted, live) if live and not is_resting(at) else ()
            if patch:
                yield PatchRoute(ref, patch, why)
        else:
            port = builders.ports_of(at.canary, at.seen.apex)[0]["port"]
            manifest = routes.own_route(at.canary, wanted, port, live)
            if not routes.is_same(live, manifest) or _is_tracked(live or manifest) or not is_ours(at.canary, live):
                version = live["metadata"]["resourceVersion"] if live else ""
                yield WriteRoute(manifest, version, why)
