"""From what the status says to what is to be done: the actions that bring the world there, in their order. Pure.

Every action is guarded by this look alone: weight rises only for pods that are ready in it, pods go only where no
request can come any more. What a phase is about stands in `release`; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from operators.kit.kube import Manifest, Ref

from . import builders, foreign, routes
from .actions import (
    Action,
    AddFinalizer,
    ApplySlotService,
    CopyConfig,
    FillSlot,
    PatchRoute,
    RemoveCopy,
    RunJob,
    ScaleTemplate,
    SetCapacity,
    SwitchApex,
    WriteRoute,
)
from .capacity import Shift, allowed
from .configs import copy_name, named
from .jobs import job
from .models import Copy
from .names import TRACKING, is_ours, route_refs, slot_labels, slot_name, template_ref
from .scaling import first_size, plan_scaling
from .seen import replicas_of
from .situation import Situation
from .subset import covers
from .terms import SLOTS, Slot

HEAL_EVERY = timedelta(minutes=5)


def converge(at: Situation) -> tuple[Action, ...]:
    """Return what is to be done at this look; empty where the world is as the status says."""
    if not at.canary.has_finalizer:
        return (AddFinalizer("the Deployment gets its pods back when this Canary is deleted"),)
    if at.status.stable is None:
        return ()
    if at.spec.replicas is None:
        return (SetCapacity(at.replicas, "as many as the Deployment has"),)
    return (
        *_copies(at),
        *_fill(at),
        *plan_scaling(at),
        *_services(at),
        *_apex(at),
        *_routes(at),
        *_template(at),
        *_jobs(at),
        *_unused(at),
    )


# -- slots ---------------------------------------------------------------------------------------------------------


def filling(at: Situation) -> Slot | None:
    """The slot that shall run what the template asks for now; None where none shall."""
    status = at.status
    if not at.seen.revision or at.seen.template is None:
        return None
    if status.phase == "Adopting" and status.stable is not None and status.stable.hash == at.seen.revision:
        return status.stable.slot
    if status.phase == "Preparing" and status.candidate is not None and status.candidate.hash == at.seen.revision:
        return None if _waits_at_start(at) else status.candidate.slot
    return None


def _waits_at_start(at: Situation) -> bool:
    starts = {gate.name for gate in at.spec.gates if gate.at == "start"}
    passed = {gate.name for gate in at.status.gates if gate.state == "Passed"}
    return bool(starts - passed) and not (at.status.forced or at.status.fast)


def copies_for(at: Situation) -> tuple[Copy, ...]:
    """The copies that the slot to be filled refers to."""
    if filling(at) is None:
        return ()
    return tuple(
        Copy(kind=config.kind, name=copy_name(at.canary.name, config), of=config.name)
        for config in at.seen.configs
        if config.copied and config.hash
    )


def _copies(at: Situation) -> Iterator[Action]:
    hashes = {(config.kind, config.name): config.hash for config in at.seen.configs}
    for copy in copies_for(at):
        if (copy.kind, copy.name) not in at.seen.copies:
            source = Ref("", copy.kind, at.canary.namespace, copy.of)
            yield CopyConfig(source, copy.name, hashes[(copy.kind, copy.of)], f"{copy.of} goes with the release")


def _fill(at: Situation) -> Iterator[Action]:
    slot = filling(at)
    if slot is None:
        return
    seen = at.seen.slot(slot)
    if seen.revision == at.seen.revision:
        return
    if at.is_exposed(slot):  # somebody leads requests to it: not under their feet
        return
    replicas = at.replicas if at.status.phase == "Adopting" else first_size(at)
    manifest = builders.slot_deployment(at.canary, at.seen, slot, replicas)
    yield FillSlot(slot, manifest, f"slot {slot} runs revision {at.seen.revision} with {replicas} pods")


def _services(at: Situation) -> Iterator[Action]:
    ports = builders.ports_of(at.canary, at.seen.apex)
    for slot in SLOTS:
        manifest = builders.slot_service(at.canary, slot, ports)
        live = at.seen.slot(slot).service
        if live is None or not covers(live, manifest):
            yield ApplySlotService(slot, manifest, f"slot {slot} has a Service of its own")


# -- traffic -------------------------------------------------------------------------------------------------------


def _can_serve(at: Situation) -> bool:
    """Whether stable may be given requests: at adoption only in full, later as soon as anything of it is there."""
    if any(at.seen.slot(slot).service is None for slot in SLOTS):
        return False
    if at.status.phase == "Adopting" and not at.apex_serves(at.stable_slot):
        return at.stable.ready >= at.replicas
    return at.stable.ready > 0 or at.replicas == 0


def _apex(at: Situation) -> Iterator[Action]:
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
    weight = allowed(
        Shift(at.weight, at.status.weight.desired, at.idle.ready, at.stable.ready, at.replicas, going_back)
    )
    ready = at.idle.ready > 0
    mirrored = at.spec.traffic.mirror is not None and at.status.phase in ("Shifting", "Analysing", "Held") and ready
    return routes.Division(at.other_slot, weight, at.matching if ready else None, mirrored)


def _routes(at: Situation) -> Iterator[Action]:
    if not at.apex_serves(at.stable_slot) and at.status.phase == "Adopting":
        return
    if not _can_serve(at):
        return
    wanted = division(at)
    for ref in route_refs(at.canary):
        live = at.seen.routes.get(ref.name)
        why = f"slot {wanted.candidate} gets {wanted.weight} %"
        if at.spec.traffic.routes:
            patch = foreign.divide(at.canary, wanted, live) if live else ()
            if patch:
                yield PatchRoute(ref, patch, why)
        else:
            port = builders.ports_of(at.canary, at.seen.apex)[0]["port"]
            manifest = routes.own_route(at.canary, wanted, port, live)
            if not routes.is_same(live, manifest) or _is_tracked(live or manifest) or not is_ours(at.canary, live):
                version = live["metadata"]["resourceVersion"] if live else ""
                yield WriteRoute(manifest, version, why)


# -- the template, gates, copies -----------------------------------------------------------------------------------


def _template(at: Situation) -> Iterator[Action]:
    live = at.seen.template
    if live is None or replicas_of(live) == 0 or not may_empty(at):
        return
    version = live["metadata"]["resourceVersion"]
    yield ScaleTemplate(template_ref(at.canary), 0, version, f"slot {at.stable_slot} serves in its place")


def may_empty(at: Situation) -> bool:
    """Whether the template's own pods may go: nothing leads to them, and who gave them back has been told."""
    status = at.status
    if status.phase == "Adopting":
        return status.quiet_since is not None and at.now - status.quiet_since >= at.spec.drain
    emptied = status.template.scaled_down_at
    return emptied is None or at.now - emptied >= HEAL_EVERY


def _jobs(at: Situation) -> Iterator[Action]:
    waiting = {gate.name for gate in at.status.gates if gate.state == "Waiting"}
    for gate in at.spec.gates:
        if gate.name in waiting and gate.job is not None and gate.name not in at.seen.gates:
            yield RunJob(job(at.canary, gate), f"gate {gate.name}")


def _unused(at: Situation) -> Iterator[Action]:
    used: set[tuple[str, str]] = {(copy.kind, copy.name) for copy in copies_for(at)}
    for slot in SLOTS:
        deployment = at.seen.slot(slot).deployment
        if deployment is not None:
            used |= named(deployment["spec"]["template"])
    for copy in at.status.copies:
        if (copy.kind, copy.name) in at.seen.copies and (copy.kind, copy.name) not in used:
            ref = Ref("", copy.kind, at.canary.namespace, copy.name)
            yield RemoveCopy(ref, f"neither {slot_name(at.canary, 'a')} nor {slot_name(at.canary, 'b')} refers to it")
