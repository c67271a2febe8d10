"""What the user says: `spec.action`, done once for each id. Pure.

In: a `Situation`. Out: the next status, or None where nothing is asked. Abort wins from every phase that can go back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .beginning import is_rehearsal, start
from .gates import pass_by_hand
from .judging import at_next_release
from .looking import go_on
from .models import CanaryStatus, GoingBack, Verb
from .situation import MOVING, SETTLED, Situation
from .turning import desired, go_back, turn


def act(at: Situation) -> CanaryStatus | None:
    """Return the status after a new action; None where there is none."""
    action = at.spec.action
    if action is None or action.id == at.status.last_action_id:
        return None
    verbs: Mapping[Verb, Callable[[Situation], CanaryStatus | None]] = {
        "Abort": _abort,
        "Promote": _promote,
        "PromoteFull": _promote_full,
        "Retry": _retry,
    }
    status = verbs[action.verb](at)
    return (status or at.status).but(last_action_id=action.id)


def _abort(at: Situation) -> CanaryStatus | None:
    status = at.status
    if status.phase in MOVING:
        return go_back(at, "Aborted", "aborted by the user")
    if status.phase == "RollingBack" and status.going_back and status.going_back.outcome != "Failed":
        return status.but(going_back=GoingBack(outcome="Aborted", reason="aborted by the user"))
    if status.phase == "Draining" and status.previous is not None and status.stable is not None:
        back = at.status.but(candidate=status.stable, stable=status.previous, previous=None, exposed_at=at.now)
        return go_back(Situation(at.canary, back, at.seen, at.now), "Aborted", "aborted right after the promotion")
    return None


def _promote(at: Situation) -> CanaryStatus | None:
    opened = pass_by_hand(at)
    if at.status.phase == "Frozen":  # past what has frozen it: what follows is judged by itself
        opened = opened.but(evidence=at_next_release(opened.evidence), metrics=())
    if at.status.phase in ("Analysing", "Held", "Frozen"):
        return go_on(Situation(at.canary, opened, at.seen, at.now))
    return opened


def _promote_full(at: Situation) -> CanaryStatus | None:
    if at.status.phase == "Preparing":
        return at.status.but(forced=True)
    if at.status.phase in MOVING:
        return turn(at, "Promoting", "promoted by the user", forced=True, weight=desired(at, 100))
    return None


def _retry(at: Situation) -> CanaryStatus | None:
    if at.status.phase == "RolledBack":
        return turn(at, "Idle", "to be tried again", failed=None)
    if at.status.phase == "Frozen":
        asked = tuple(gate for gate in at.status.gates if gate.state != "Refused")
        return turn(at, "Shifting", "to be judged again", evidence={}, metrics=(), step_since=None, gates=asked)
    at_rest = at.status.phase in SETTLED and at.seen.template is not None and not at.spec.suspend
    if at_rest and at.spec.analysis.mode == "observe" and is_rehearsal(at):
        return start(at, "beside itself: every alarm is a false one")
    return None
