"""How many pods each slot shall have. Pure.

A slot that may get requests never loses pods while anything moves; at rest, stable follows the capacity.
"""

from __future__ import annotations

from .actions import ScaleSlot
from .names import deployment_ref
from .situation import SETTLED, Situation
from .steps import stages
from .terms import SLOTS, Slot


def wanted(at: Situation, slot: Slot) -> int:
    """Return the pods a slot shall have."""
    return _stable(at) if slot == at.stable_slot else _other(at)


def plan_scaling(at: Situation) -> list[ScaleSlot]:
    """Scale the slots that exist."""
    actions = []
    for slot in SLOTS:
        seen = at.seen.slot(slot)
        if seen.deployment is None:
            continue
        want = wanted(at, slot)
        if want == seen.replicas:
            continue
        why = f"{want} pods for {_share(at, slot)} % of {at.replicas}" if want else "drained and not needed any more"
        version = seen.deployment["metadata"]["resourceVersion"]
        actions.append(ScaleSlot(slot, deployment_ref(at.canary, slot), want, version, why))
    return actions


def _share(at: Situation, slot: Slot) -> int:
    desired = at.status.weight.desired
    return 100 - desired if slot == at.stable_slot else desired


def _stable(at: Situation) -> int:
    if at.status.phase in SETTLED:
        return at.replicas
    if not at.spec.dynamic_stable_scale or at.status.phase in ("Adopting", "Draining", "RollingBack", "GivingBack"):
        return max(at.stable.replicas, at.replicas)
    # What the candidate surely carries, stable need not.
    carried = min(at.status.weight.desired, at.weight, at.data_plane.lowest.get(at.other_slot, 0))
    return at.pods_for(100 - carried)


def _other(at: Situation) -> int:
    status, current = at.status, at.idle.replicas
    if status.phase == "Preparing":
        return max(current if _is_running(at) else 0, first_size(at))
    if status.phase in ("Shifting", "Analysing", "Held", "Frozen"):
        return max(current, at.pods_for(max(at.stage.pods, status.weight.desired)))
    if status.phase == "Promoting":
        return max(current, at.replicas)
    if status.phase in SETTLED:
        return _resting(at)
    return current


def first_size(at: Situation) -> int:
    """The candidate's pods before it gets its first request."""
    return at.pods_for(100 if at.status.fast or at.status.forced else stages(at.spec)[0].pods)


def _is_running(at: Situation) -> bool:
    return at.status.candidate is not None and at.idle.revision == at.status.candidate.hash


def _resting(at: Situation) -> int:
    status, current = at.status, at.idle.replicas
    if status.previous is not None:
        return max(current, at.replicas) if at.spec.strategy == "blueGreen" else current
    kept = status.phase == "RolledBack" and at.spec.failure.keep_candidate
    # Somebody may have changed the route meanwhile: whoever gets requests keeps its pods.
    return current if kept or at.is_exposed(at.other_slot) else 0
