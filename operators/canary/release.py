"""The phases of a release: from where it is to where it goes next. Pure.

In: a `Situation` and a `Judge`. Out: the next `CanaryStatus`; at most one turn at a time, and the world is only changed
by what a published status says (`converge`), so a restart between any two steps goes on as if nothing had happened.

    Idle ─▶ Preparing ─▶ Shifting ⇄ Analysing ⇄ Held ─▶ Promoting ─▶ Draining ─▶ Succeeded
                 └──────────┴───────────┴─────────┴────────┴─▶ RollingBack ─▶ RolledBack | Idle

The ends are here; `beginning` is how one begins, `looking` what lies between, `wishes` what users say, `turning` the
turns themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .beginning import start
from .clocks import keep_time
from .gates import is_refused, wait_for
from .looking import enter, look
from .models import CanaryStatus, FailedRevision, Phase, Weight
from .situation import LOOKING, MOVING, Situation
from .steps import stages
from .turning import desired, fail, go_back, overdue, past, stays, turn
from .verdicts import Judge
from .wishes import act


def advance(at: Situation, judge: Judge) -> CanaryStatus:
    """Return the next status; the same one where nothing is to be turned."""
    asked = act(at)
    if asked is not None:
        return asked
    if (timed := keep_time(at)) is not None:
        return timed
    if at.status.phase in MOVING and (superseded := _supersede(at)) is not None:
        return superseded
    if at.status.phase in LOOKING and at.status.candidate is not None:
        return look(at, judge)
    return _PHASES.get(at.status.phase, _stay)(at)


def _supersede(at: Situation) -> CanaryStatus | None:
    """A newer revision, or the way back to stable's, takes the place of the one under way.

    Where going back is not possible (`failure.action: Freeze`), it waits until the one under way has ended.
    """
    status, wanted = at.status, at.seen.revision
    assert status.candidate is not None  # noqa: S101 - a release is under way
    if not wanted or wanted == status.candidate.hash or stays(at):
        return None
    if status.stable is not None and wanted == status.stable.hash:
        return go_back(at, "Returned", "the template is stable's again")
    if status.phase == "Preparing" and not at.is_exposed(at.other_slot) and not at.spec.suspend:
        return start(at, f"superseded by {wanted}")
    return go_back(at, "Superseded", f"superseded by {wanted}")


def _settled(at: Situation) -> CanaryStatus:
    status, wanted = at.status, at.seen.revision
    assert status.stable is not None  # noqa: S101 - adopted
    if status.previous is not None and status.kept_until is not None and at.now >= status.kept_until:
        return status.but(previous=None, kept_until=None)
    if not wanted or at.spec.suspend or at.seen.template is None:
        return status
    if wanted == status.stable.hash:
        return turn(at, "Idle", "", failed=None) if status.phase == "RolledBack" else status
    if status.failed is not None and wanted == status.failed.hash:
        return status
    return start(at, "a new revision")


def _preparing(at: Situation) -> CanaryStatus:
    status = at.status
    if at.spec.suspend:
        return status
    gated = wait_for(at, "start")
    if gated is not None:
        return fail(Situation(at.canary, gated, at.seen, at.now), is_refused(gated)) if is_refused(gated) else gated
    ready = at.pods_for(100 if status.fast or status.forced else stages(at.spec)[0].pods)
    if not _runs(at) or at.idle.ready < ready:
        return overdue(at) or status
    if status.fast or status.forced:
        why = "back to the revision before" if status.fast else "promoted by the user"
        return turn(at, "Promoting", why, exposed_at=at.now, weight=desired(at, 100))
    return enter(at, 1)


def _runs(at: Situation) -> bool:
    return at.status.candidate is not None and at.idle.revision == at.status.candidate.hash


def _draining(at: Situation) -> CanaryStatus:
    quiet = at.apex_serves(at.stable_slot) and at.is_confirmed(0)
    rested = _rest(at, quiet=quiet)
    if rested is not None:
        return rested
    return turn(at, "Succeeded", "", kept_until=at.now + at.spec.rollback_window)


def _rolling_back(at: Situation) -> CanaryStatus:
    status = at.status
    assert status.going_back is not None  # noqa: S101 - written when it began
    never = status.exposed_at is None
    quiet = at.apex_serves(at.stable_slot) and (at.is_written(0) if never else at.is_confirmed(0))
    rested = _rest(at, quiet=quiet, at_once=never)
    if rested is not None:
        return rested
    outcome, reason = status.going_back.outcome, status.going_back.reason
    history = past(at, outcome, reason)
    cleared = {"candidate": None, "history": history, "step": 0, "step_since": None, "gates": (), "weight": Weight()}
    if outcome in ("Failed", "Aborted") and status.candidate is not None:
        failed = FailedRevision(hash=status.candidate.hash, at=at.now, reason=reason)
        return turn(at, "RolledBack", f"rolled back: {reason}", failed=failed, **cleared)
    return turn(at, "Idle", reason, **cleared)


def _rest(at: Situation, *, quiet: bool, at_once: bool = False) -> CanaryStatus | None:
    """Wait until nothing has been sent to the drained slot for spec.drain; None when that is over."""
    if not quiet:
        return at.status.but(quiet_since=None)
    if at.status.quiet_since is None and not at_once:
        return at.status.but(quiet_since=at.now)
    if at_once or (at.status.quiet_since is not None and at.now - at.status.quiet_since >= at.spec.drain):
        return None
    return at.status


def _stay(at: Situation) -> CanaryStatus:
    return at.status


_PHASES: Mapping[Phase, Callable[[Situation], CanaryStatus]] = {
    "Idle": _settled,
    "Succeeded": _settled,
    "RolledBack": _settled,
    "Preparing": _preparing,
    "Draining": _draining,
    "RollingBack": _rolling_back,
    "Frozen": _stay,
}
