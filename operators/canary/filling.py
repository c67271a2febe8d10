"""What a slot runs: the copies that its release refers to, its Deployment, the slots' Services. Pure.

In: a `Situation`. Out: actions. A slot is filled where its phase says so, and never while a request may reach it.
"""

from __future__ import annotations

from collections.abc import Iterator

from operators.kit.kube import Ref

from . import builders
from .actions import Action, ApplySlotService, CopyConfig, FillSlot, RemoveCopy
from .configs import copy_name, named
from .models import Copy
from .names import slot_name
from .scaling import first_size
from .situation import Situation
from .subset import covers
from .terms import SLOTS, Slot


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


def plan_copies(at: Situation) -> Iterator[Action]:
    """Make the copies that are missing."""
    hashes = {(config.kind, config.name): config.hash for config in at.seen.configs}
    for copy in copies_for(at):
        if (copy.kind, copy.name) not in at.seen.copies:
            source = Ref("", copy.kind, at.canary.namespace, copy.of)
            yield CopyConfig(source, copy.name, hashes[(copy.kind, copy.of)], f"{copy.of} goes with the release")


def plan_fill(at: Situation) -> Iterator[Action]:
    """Have the slot run what the template asks for."""
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


def plan_services(at: Situation) -> Iterator[Action]:
    """Make the slots' Services, or mend them."""
    ports = builders.ports_of(at.canary, at.seen.apex)
    for slot in SLOTS:
        manifest = builders.slot_service(at.canary, slot, ports)
        live = at.seen.slot(slot).service
        if live is None or not covers(live, manifest):
            yield ApplySlotService(slot, manifest, f"slot {slot} has a Service of its own")


def plan_unused(at: Situation) -> Iterator[Action]:
    """Remove copies that no slot refers to any more."""
    used: set[tuple[str, str]] = {(copy.kind, copy.name) for copy in copies_for(at)}
    for slot in SLOTS:
        deployment = at.seen.slot(slot).deployment
        if deployment is not None:
            used |= named(deployment["spec"]["template"])
    for copy in at.status.copies:
        if (copy.kind, copy.name) in at.seen.copies and (copy.kind, copy.name) not in used:
            ref = Ref("", copy.kind, at.canary.namespace, copy.name)
            yield RemoveCopy(ref, f"neither {slot_name(at.canary, 'a')} nor {slot_name(at.canary, 'b')} refers to it")
