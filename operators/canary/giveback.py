"""A deleted Canary gives the Deployment its pods, Service and route back, and at no moment does less serve. Pure.

All requests to stable → the Deployment runs what is proven, in full → the Service selects its pods, the route leads to
the Service, confirmed → the drain of the slots → they go → the finalizer. A Deployment that is gone or going needs
nothing: then everything goes with the Canary.
"""

from __future__ import annotations

from collections.abc import Iterator

from operators.kit.kube import Manifest, Ref

from . import foreign, routes
from .actions import (
    Action,
    PatchRoute,
    ReleaseObject,
    RemoveCopy,
    RemoveFinalizer,
    RestoreTemplate,
    ScaleTemplate,
    WriteRoute,
)
from .builders import ports_of
from .configs import named
from .models import CanaryStatus, FailedRevision, Weight
from .names import apex_ref, deployment_ref, is_ours, route_refs, service_ref, template_ref
from .previews import remove_preview
from .proven import proven
from .removal import remove
from .routes import complaint
from .scaling import plan_scaling
from .seen import OWNED_BY, SLOT_LABEL, ready_of, replicas_of
from .shifting import division
from .situation import Situation
from .terms import SLOTS
from .turning import turn

HEARING = "gives the Deployment its pods back: the gateways hear of it"


def leave(at: Situation) -> CanaryStatus:
    """Return the next status of a Canary that is being deleted."""
    status = at.status
    if status.phase != "GivingBack":
        failed = status.failed
        if status.candidate is not None:
            failed = FailedRevision(hash=status.candidate.hash, at=at.now, reason="its release was not finished")
        return turn(
            at, "GivingBack", "gives the Deployment its pods back", candidate=None, failed=failed, weight=Weight()
        )
    if not is_given_back(at):
        return status.but(quiet_since=None)
    if status.doing != HEARING:
        return status.but(doing=HEARING, phase_since=at.now)
    if not _is_quiet(at):
        return status.but(quiet_since=None)
    return status if status.quiet_since is not None else status.but(quiet_since=at.now)


def give_back(at: Situation) -> tuple[Action, ...]:
    """Return what is to be done at this look."""
    template = at.seen.template
    if not at.canary.has_finalizer:
        return ()
    if template is None or "deletionTimestamp" in template["metadata"] or at.status.stable is None:
        leavings = tuple(_led(at)) or tuple(_removals(at))
        return leavings or (RemoveFinalizer("there is nothing to give anything back to"),)
    if not is_given_back(at):
        preview = remove_preview(at, "the Canary goes")
        return (*preview, *plan_scaling(at), *_to_stable(at), *_fill_template(at, template), *_hand_over(at, template))
    if at.status.quiet_since is None or at.now - at.status.quiet_since < at.spec.drain:
        return ()
    removals = tuple(_removals(at))
    return removals or (RemoveFinalizer("everything is given back"),)


def is_given_back(at: Situation) -> bool:
    """Whether nothing leads to a slot any more by what is written."""
    selector = ((at.seen.apex or {}).get("spec") or {}).get("selector") or {}
    led = is_ours(at.canary, at.seen.apex) or SLOT_LABEL in selector
    owned = any(is_ours(at.canary, route) for route in at.seen.routes.values())
    owned = owned or is_ours(at.canary, at.seen.preview)
    return not led and not owned and all(routes.is_given_back(at.canary, route) for route in at.seen.routes.values())


def _is_quiet(at: Situation) -> bool:
    """Whether the gateways have heard of it; a route that somebody has deleted leads nowhere."""
    present = {name: route for name, route in at.seen.routes.items() if route is not None}
    if not present or at.now - (at.status.phase_since or at.now) >= at.spec.traffic.confirm_timeout:
        return True  # a Gateway that is not there will never say that it has heard
    if any(complaint(route, name) for name, route in present.items()):
        return False
    return all(at.data_plane.has(slot, 0) for slot in SLOTS)


def _to_stable(at: Situation) -> Iterator[Action]:
    if at.weight == 0 and not any(route.matched for route in at.routes):
        return
    wanted = division(at)
    for ref in route_refs(at.canary):
        live = at.seen.routes.get(ref.name)
        if live is None:
            continue
        if at.spec.traffic.routes:
            if patch := foreign.divide(at.canary, wanted, live):
                yield PatchRoute(ref, patch, "everything to stable first")
            continue
        manifest = routes.own_route(at.canary, wanted, ports_of(at.canary, at.seen.apex)[0]["port"], live)
        if not routes.is_same(live, manifest):
            yield WriteRoute(manifest, live["metadata"]["resourceVersion"], "everything to stable first")


def _fill_template(at: Situation, template: Manifest) -> Iterator[Action]:
    restored = proven(at, template)
    version = template["metadata"]["resourceVersion"]
    if restored is not None:
        yield RestoreTemplate(restored, "its own revision has failed or was never released: it gets stable's")
    elif replicas_of(template) < at.replicas:
        yield ScaleTemplate(template_ref(at.canary), at.replicas, version, "it serves by itself again")


def _hand_over(at: Situation, template: Manifest) -> Iterator[Action]:
    if at.weight > 0 or ready_of(template) < at.replicas or proven(at, template) is not None:
        return
    free: Manifest = {"metadata": {"annotations": {OWNED_BY: None}}}
    if at.seen.apex is not None:
        old = at.seen.apex["spec"].get("selector") or {}
        selector = {**dict.fromkeys(old), **template["spec"]["selector"]["matchLabels"]}
        patch = {**free, "spec": {"selector": selector}}
        if is_ours(at.canary, at.seen.apex) or SLOT_LABEL in old:
            yield ReleaseObject(apex_ref(at.canary), patch, "the Service selects the Deployment's own pods")
    for ref in route_refs(at.canary):
        live = at.seen.routes.get(ref.name)
        if live is None:
            continue
        if at.spec.traffic.routes:
            if given := foreign.give_back(at.canary, live):
                yield PatchRoute(ref, given, "the route leads to the Service")
        elif is_ours(at.canary, live):
            rules = routes.rules_to(at.canary, at.canary.name, ports_of(at.canary, at.seen.apex)[0]["port"])
            metadata = {"annotations": {OWNED_BY: None, routes.APPLIED: None}}
            yield ReleaseObject(ref, {"metadata": metadata, "spec": {"rules": rules}}, "the route leads to the Service")


def _removals(at: Situation) -> Iterator[Action]:
    for slot in SLOTS:
        seen = at.seen.slot(slot)
        found: tuple[tuple[Ref, Manifest | None], ...] = (
            (deployment_ref(at.canary, slot), seen.deployment),
            (service_ref(at.canary, slot), seen.service),
        )
        for ref, live in found:
            yield from remove(at.canary, ref, live, "drained, and nothing leads to it")
    kept = named(at.seen.template["spec"]["template"]) if at.seen.template is not None else frozenset()
    for copy in at.status.copies:
        if (copy.kind, copy.name) in at.seen.copies and (copy.kind, copy.name) not in kept:
            yield RemoveCopy(Ref("", copy.kind, at.canary.namespace, copy.name), "no slot refers to it any more")


def _led(at: Situation) -> Iterator[Action]:
    """The Service and the route, where the Deployment is gone: they would lead nowhere."""
    yield from remove_preview(at, "the Deployment is gone")
    found = {apex_ref(at.canary): at.seen.apex, **{ref: at.seen.routes.get(ref.name) for ref in route_refs(at.canary)}}
    for ref, live in found.items():
        yield from remove(at.canary, ref, live, "the Deployment is gone")
