"""The phases of a release: from where it is to where it goes next. Pure.

In: a `Situation` and a `Judge`. Out: the next `CanaryStatus`; at most one turn at a time, and the world is only changed
by what a published status says (`converge`), so a restart between any two steps goes on as if nothing had happened.

    Idle ─▶ Preparing ─▶ Shifting ⇄ Analysing ⇄ Held ─▶ Promoting ─▶ Draining ─▶ Succeeded
                 └──────────┴───────────┴─────────┴────────┴─▶ RollingBack ─▶ RolledBack | Idle
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .gates import is_refused, pass_manual, wait_for
from .models import CanaryStatus, FailedRevision, GoingBack, Past, Phase, Revision, Verb, Weight, format_duration
from .situation import LOOKING, MOVING, Situation
from .steps import stages
from .verdicts import Case, Judge, Judgement

KEPT = 20


def advance(at: Situation, judge: Judge) -> CanaryStatus:
    """Return the next status; the same one where nothing is to be turned."""
    asked = _act(at)
    if asked is not None:
        return asked
    if at.status.phase in MOVING and (superseded := _supersede(at)) is not None:
        return superseded
    if at.status.phase in LOOKING and at.status.candidate is not None:
        return _look(at, judge)
    return _PHASES.get(at.status.phase, _stay)(at)


def turn(at: Situation, phase: Phase, message: str, **changes: Any) -> CanaryStatus:
    """Enter a phase."""
    if at.status.phase == phase:
        return at.status.but(message=message, **changes)
    entered = {"phase": phase, "phase_since": at.now, "quiet_since": None, "message": message}
    return at.status.but(**{**entered, **changes})


def go_back(at: Situation, outcome: str, reason: str) -> CanaryStatus:
    """Send everything to stable."""
    going = GoingBack.model_validate({"outcome": outcome, "reason": reason})
    return turn(at, "RollingBack", f"going back: {reason}", going_back=going, weight=_desired(at, 0), forced=False)


def fail(at: Situation, reason: str) -> CanaryStatus:
    """Harm is certain: go back, or freeze where the user says that this is worse."""
    if at.spec.failure.action == "Freeze" and at.status.exposed_at is not None:
        return turn(at, "Frozen", f"frozen: {reason}")
    return go_back(at, "Failed", reason)


def _desired(at: Situation, weight: int) -> Weight:
    return at.status.weight.but(desired=weight)


# -- what the user says ------------------------------------------------------------------------------------------------


def _act(at: Situation) -> CanaryStatus | None:
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
    opened = pass_manual(at)
    if at.status.phase in ("Analysing", "Held", "Frozen"):
        return _on(Situation(at.canary, opened, at.seen, at.now))
    return opened


def _promote_full(at: Situation) -> CanaryStatus | None:
    if at.status.phase == "Preparing":
        return at.status.but(forced=True)
    if at.status.phase in MOVING:
        return turn(at, "Promoting", "promoted by the user", forced=True, weight=_desired(at, 100))
    return None


def _retry(at: Situation) -> CanaryStatus | None:
    if at.status.phase == "RolledBack":
        return turn(at, "Idle", "to be tried again", failed=None)
    if at.status.phase == "Frozen":
        return turn(at, "Shifting", "to be judged again", evidence={}, metrics=(), step_since=None)
    return None


def _supersede(at: Situation) -> CanaryStatus | None:
    """A newer revision, or the way back to stable's, takes the place of the one under way."""
    status, wanted = at.status, at.seen.revision
    assert status.candidate is not None  # noqa: S101 - a release is under way
    if not wanted or wanted == status.candidate.hash or status.phase == "Frozen":
        return None
    if status.stable is not None and wanted == status.stable.hash:
        return go_back(at, "Returned", "the template is stable's again")
    if status.phase == "Preparing" and not at.is_exposed(at.other_slot) and not at.spec.suspend:
        return _start(at, f"superseded by {wanted}")
    return go_back(at, "Superseded", f"superseded by {wanted}")


# -- the phases --------------------------------------------------------------------------------------------------------


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
    return _start(at, "a new revision")


def _start(at: Situation, why: str) -> CanaryStatus:
    status, slot, wanted = at.status, at.other_slot, at.seen.revision
    known = status.previous is not None and status.previous.hash == wanted and at.idle.revision == wanted
    candidate = Revision(slot=slot, hash=wanted, image=image_of(at), since=at.now)
    return status.but(
        phase="Preparing",
        phase_since=at.now,
        quiet_since=None,
        message=why,
        candidate=candidate,
        previous=None,
        kept_until=None,
        failed=None,
        going_back=None,
        step=0,
        steps=len(stages(at.spec)),
        step_since=None,
        exposed_at=None,
        attempt=status.attempt + 1,
        forced=False,
        fast=known,
        gates=(),
        evidence={},
        metrics=(),
        weight=Weight(),
    )


def image_of(at: Situation) -> str:
    """The image of the template's first container, for people."""
    pod = ((at.seen.template or {}).get("spec") or {}).get("template", {}).get("spec") or {}
    containers = pod.get("containers") or [{}]
    return str(containers[0].get("image") or "")


def _preparing(at: Situation) -> CanaryStatus:
    status = at.status
    gated = wait_for(at, "start")
    if gated is not None:
        return fail(at, is_refused(gated)) if is_refused(gated) else gated
    ready = at.pods_for(100 if status.fast or status.forced else stages(at.spec)[0].pods)
    if not _runs(at) or at.idle.ready < ready:
        return _overdue(at) or status
    if status.fast or status.forced:
        why = "back to the revision before" if status.fast else "promoted by the user"
        return turn(at, "Promoting", why, exposed_at=at.now, weight=_desired(at, 100))
    return _enter(at, 1)


def _runs(at: Situation) -> bool:
    return at.status.candidate is not None and at.idle.revision == at.status.candidate.hash


def _overdue(at: Situation) -> CanaryStatus | None:
    """Give a candidate up whose pods do not become ready; the clock stands while it is suspended or at a gate."""
    started = max(
        [since for since in (at.status.phase_since, *(g.since for g in at.status.gates)) if since is not None]
    )
    if at.spec.suspend or at.now - started < at.spec.progress_deadline:
        return None
    return fail(at, f"its pods were not ready within {format_duration(at.spec.progress_deadline)}")


def _enter(at: Situation, step: int) -> CanaryStatus:
    """Go on to a step, or to the promotion after the last one; wait at the gates before it."""
    known = stages(at.spec)
    last = step > len(known)
    gated = wait_for(at, "promote") if last else wait_for(at, "step", step)
    if gated is not None:
        if is_refused(gated):
            return fail(at, is_refused(gated))
        held = at.status.phase in ("Analysing", "Held")
        where = Situation(at.canary, gated, at.seen, at.now)
        return turn(where, "Held", gated.message) if held else gated
    if last:
        return turn(at, "Promoting", "every step has passed", weight=_desired(at, 100))
    exposed = at.status.exposed_at or at.now
    return turn(
        at,
        "Shifting",
        f"step {step} of {len(known)}: towards {known[step - 1].weight} %",
        step=step,
        step_since=None,
        exposed_at=exposed,
        weight=_desired(at, known[step - 1].weight),
    )


def _on(at: Situation) -> CanaryStatus:
    return _enter(at, at.status.step + 1)


def _look(at: Situation, judge: Judge) -> CanaryStatus:
    """Judge what is seen, then go on from there; harm comes first."""
    status = at.status
    assert status.candidate is not None  # noqa: S101 - a release is under way
    over = status.step_since is not None and at.now - status.step_since >= at.stage.hold
    judged = judge(
        Case(at.spec.analysis, status.evidence, at.seen.samples, status.candidate.slot, at.now, step_ends=over)
    )
    kept = Situation(at.canary, status.but(evidence=dict(judged.evidence), metrics=judged.metrics), at.seen, at.now)
    enforced = at.spec.analysis.mode == "enforce" and not status.forced and not status.fast
    if judged.verdict == "Harm" and enforced:
        return fail(kept, judged.reason or "harm")
    if status.phase == "Shifting":
        return _shifting(kept)
    if status.phase == "Promoting":
        return _promoting(kept)
    return _analysing(kept, judged)


def _shifting(at: Situation) -> CanaryStatus:
    weight = at.status.weight.desired
    if at.idle.ready < at.pods_for(at.stage.pods):
        return _overdue(at) or at.status
    if at.is_confirmed(weight):
        message = f"step {at.status.step} of {at.status.steps}: looking at {weight} %"
        return turn(at, "Analysing", message, step_since=at.now)
    return at.status


def _analysing(at: Situation, judged: Judgement) -> CanaryStatus:
    status, stage = at.status, at.stage
    if at.idle.ready < at.pods_for(stage.pods):
        return turn(at, "Shifting", "the candidate has lost pods")
    if at.spec.suspend or status.step_since is None:
        return status
    elapsed = at.now - status.step_since
    judges = at.spec.analysis.mode == "enforce"
    fine = (judged.verdict == "Safe" or not judges) and judged.requests >= stage.min_requests
    if elapsed >= stage.hold and fine:
        return _on(at)
    if status.phase == "Analysing" and stage.max_hold is not None and elapsed >= stage.max_hold:
        return turn(
            at,
            "Held",
            f"no verdict within {format_duration(stage.max_hold)}: {judged.reason or 'say Promote or Abort'}",
        )
    return status


def _promoting(at: Situation) -> CanaryStatus:
    status = at.status
    if not at.is_confirmed(100):
        late = at.idle.ready < at.pods_for(100)
        return (_overdue(at) if late else None) or status
    assert status.candidate is not None  # noqa: S101 - a release is under way
    past = _past(at, "Promoted", status.message)
    return turn(
        at,
        "Draining",
        "promoted: the old pods finish their requests",
        stable=status.candidate.but(since=at.now),
        previous=status.stable,
        candidate=None,
        weight=Weight(),
        gates=(),
        history=past,
    )


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
    history = _past(at, outcome, reason)
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


def _past(at: Situation, outcome: str, reason: str) -> tuple[Past, ...]:
    candidate = at.status.candidate
    if candidate is None:
        return at.status.history
    ended = Past.model_validate(
        {
            "hash": candidate.hash,
            "image": candidate.image,
            "outcome": outcome,
            "reason": reason,
            "started": candidate.since,
            "ended": at.now,
        }
    )
    return (ended, *at.status.history)[:KEPT]


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
