"""Decide what a Canary needs next.

In:  the Canary (spec and status), everything observed (`Seen`), and the time.
Out: a `Plan`: actions in order, the status to publish, and when to look again.
What is decided is published before anything follows from it: a pass either turns the status or changes the world. So an
operator that dies anywhere goes on from what stands there. Trade-off: a turn costs a pass, some tens of milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from .actions import Action, Emit, PatchRoute, ScaleTemplate
from .adoption import adopt
from .converge import converge
from .filling import copies_for
from .giveback import give_back, leave
from .judging import judge
from .models import Canary, CanaryStatus
from .names import selector
from .problems import Problem, problems
from .release import advance
from .says import Said, says, story
from .seen import Seen
from .shifting import HEAL_EVERY, is_healed_back, plan_return
from .situation import LOOKING, MOVING, SETTLED, Situation
from .terms import SLOTS
from .verdicts import Judge

AT_REST = timedelta(minutes=10)
WAITING = timedelta(seconds=5)
GRAVE = frozenset({"TargetShared", "NameTaken", "NoPorts", "RouterCannot", "RouteDiffers"})
"""Problems under which nothing is made or changed but the way back."""
CONFIRMS = timedelta(milliseconds=500)
"""A gateway takes up a weight within its own half second; every look at it costs a dozen reads."""
AT_ONCE = timedelta(0)
_VOLATILE = frozenset({"evidence", "metrics", "weight", "replicas", "ready_replicas", "message", "conditions"})
_TOLD = {
    "RollingBack": "Warning",
    "RolledBack": "Warning",
    "Frozen": "Warning",
    "Held": "Normal",
    "Preparing": "Normal",
    "Draining": "Normal",
    "Succeeded": "Normal",
}


@dataclass(frozen=True)
class Plan:
    """What to do, what to publish, when to look again."""

    status: CanaryStatus
    actions: tuple[Action, ...] = ()
    ready: bool = True
    message: str = ""
    requeue_after: timedelta = AT_REST
    says: tuple[Said, ...] = ()
    """Conditions: type, status, reason, message."""


def plan(canary: Canary, seen: Seen, now: datetime, judge: Judge = judge) -> Plan:
    """Return the next steps; no actions and the same status mean that all is as it should be."""
    at = Situation(canary, canary.status, seen, now)
    found = problems(at)
    turned = _next(at, judge, found)
    is_turn = _decided(turned) != _decided(canary.status)
    actions = _told(canary.status, turned) if is_turn else _actions(Situation(canary, turned, seen, now), found)
    if any(isinstance(action, ScaleTemplate) and not canary.deleting for action in actions):
        turned = turned.but(template=turned.template.but(scaled_down_at=now))
    if any(isinstance(action, PatchRoute) for action in actions) and is_healed_back(at):
        turned = turned.but(weight=turned.weight.but(healed_at=now))
    return _plan(Situation(canary, turned, seen, now), found, actions, is_turn=is_turn)


def _next(at: Situation, judge: Judge, found: tuple[Problem, ...]) -> CanaryStatus:
    status = at.status
    if at.canary.deleting:
        return leave(at)
    if not at.canary.has_finalizer:
        return status
    blocked = any(problem.blocks for problem in found)
    if status.stable is None or status.phase == "Adopting":
        turned = status if blocked else adopt(at)
    else:
        turned = advance(at, judge)
        if blocked and status.phase in SETTLED and turned.phase == "Preparing":
            turned = status
    return _with_copies(at, turned)


def _with_copies(at: Situation, turned: CanaryStatus) -> CanaryStatus:
    """Name the copies before they are made, so that none is forgotten."""
    new = tuple(copy for copy in copies_for(at) if copy not in turned.copies)
    kept = tuple(copy for copy in turned.copies if (copy.kind, copy.name) in at.seen.copies or copy in copies_for(at))
    return turned.but(copies=(*kept, *new))


def _actions(at: Situation, found: tuple[Problem, ...]) -> tuple[Action, ...]:
    """What could harm somebody else's is not touched at all; the way back is always open."""
    if at.canary.deleting:
        return give_back(at)
    if any(problem.reason in GRAVE for problem in found):
        return tuple(plan_return(at)) if at.status.stable is not None else ()
    return converge(at)


def _decided(status: CanaryStatus) -> CanaryStatus:
    """The status without what may be lost."""
    kept = status.but(weight=status.weight.but(written=0, observed=None))
    default = CanaryStatus()
    return kept.but(**{name: getattr(default, name) for name in _VOLATILE - {"weight"}})


def _told(before: CanaryStatus, after: CanaryStatus) -> tuple[Action, ...]:
    type_ = _TOLD.get(after.phase)
    if before.phase == after.phase or type_ is None:
        return ()
    return (Emit(type_, after.phase, after.doing or after.phase),)


def _plan(at: Situation, found: tuple[Problem, ...], actions: tuple[Action, ...], *, is_turn: bool) -> Plan:
    status = _counted(at)
    at = Situation(at.canary, status, at.seen, at.now)
    message = story(at, found)
    ready, conditions = says(at, found)
    return Plan(
        status.but(message=message),
        actions,
        ready=ready and not actions and not is_turn,
        message=message,
        requeue_after=AT_ONCE if is_turn or actions else _when(at),
        says=conditions,
    )


def _counted(at: Situation) -> CanaryStatus:
    status = at.status
    observed = at.data_plane.highest.get(at.other_slot, 0) if not at.data_plane.problem else None
    # A route without the slots says nothing of a weight: somebody has written it back.
    written = at.weight if all(route.weight is not None for route in at.routes) else status.weight.written
    template = at.seen.template or {"metadata": {}}
    generation = int(template["metadata"].get("generation") or 0)
    return status.but(
        observed_generation=at.canary.generation,
        template=status.template.but(generation=generation),
        weight=status.weight.but(written=written, observed=observed),
        replicas=sum(at.seen.slot(slot).replicas for slot in SLOTS),
        ready_replicas=sum(at.seen.slot(slot).ready for slot in SLOTS),
        selector=selector(at.canary),
    )


def _when(at: Situation) -> timedelta:
    """Return when to look again without being woken."""
    status = at.status
    if at.unconfirmed and at.now - (status.phase_since or at.now) < at.spec.traffic.confirm_timeout:
        return min(CONFIRMS, at.spec.analysis.interval)
    if status.phase in LOOKING:
        return at.spec.analysis.interval
    if status.phase in MOVING or status.phase in ("Adopting", "Draining", "RollingBack", "GivingBack"):
        if status.quiet_since is not None:
            left = status.quiet_since + at.spec.drain - at.now
            return min(max(left, timedelta(milliseconds=50)), WAITING)
        return timedelta(seconds=2) if status.phase != "Frozen" else WAITING
    times = [AT_REST]
    if status.weight.healed_at is not None and at.now - status.weight.healed_at < HEAL_EVERY:
        times.append(status.weight.healed_at + HEAL_EVERY - at.now)
    if status.kept_until is not None:
        times.append(max(status.kept_until - at.now, timedelta(milliseconds=50)))
    return min(times)
