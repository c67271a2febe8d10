"""From what the status says to what is to be done: the actions that bring the world there, in their order. Pure.

Every action is guarded by this look alone: weight rises only for pods that are ready in it, pods go only where no
request can come any more. What a phase is about stands in `release`; nothing is decided here. `filling` is what a slot
runs, `scaling` how many pods it has, `shifting` where requests go.
"""

from __future__ import annotations

from collections.abc import Iterator

from .actions import Action, AddFinalizer, RunJob, ScaleTemplate, SetCapacity
from .filling import plan_copies, plan_fill, plan_services, plan_unused
from .jobs import job
from .names import template_ref
from .previews import plan_preview
from .scaling import plan_scaling
from .seen import replicas_of
from .shifting import HEAL_EVERY, plan_apex, plan_routes
from .situation import Situation


def converge(at: Situation) -> tuple[Action, ...]:
    """Return what is to be done at this look; empty where the world is as the status says."""
    if not at.canary.has_finalizer:
        return (AddFinalizer("the Deployment gets its pods back when this Canary is deleted"),)
    if at.status.stable is None:
        return ()
    if at.spec.replicas is None:
        return (SetCapacity(at.replicas, "as many as the Deployment has"),)
    return (
        *plan_copies(at),
        *plan_fill(at),
        *plan_scaling(at),
        *plan_services(at),
        *plan_apex(at),
        *plan_routes(at),
        *plan_preview(at),
        *_template(at),
        *_jobs(at),
        *plan_unused(at),
    )


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
