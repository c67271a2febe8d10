"""Looking at a candidate that gets requests: from step to step, and to the promotion. Pure.

In: a `Situation` and a `Judge`. Out: the next status. Harm comes first, whatever phase it is seen in.
"""

from __future__ import annotations

from .clocks import LOSSES, held_for, hold, lost
from .gates import is_refused, wait_for
from .judging import at_next_step
from .measured import metrics_of
from .models import CanaryStatus, Weight, format_duration
from .situation import Situation
from .steps import stages
from .turning import desired, fail, overdue, past, turn
from .verdicts import Case, Judge, Judgement


def look(at: Situation, judge: Judge) -> CanaryStatus:
    """Judge what is seen, then go on from there; harm comes first."""
    status = at.status
    assert status.candidate is not None  # noqa: S101 - a release is under way
    held = held_for(at)
    over = held is not None and held >= at.stage.hold
    judged = judge(
        Case(
            metrics_of(at.spec),
            at.spec.analysis.alpha,
            status.evidence,
            at.seen.samples,
            status.candidate.slot,
            at.now,
            step_ends=over,
        )
    )
    known = status.but(evidence=dict(judged.evidence), metrics=judged.metrics)
    if judged.verdict == "Harm" and at.spec.analysis.mode == "observe":
        known = known.but(alarm=status.alarm or judged.reason)
    kept = Situation(at.canary, known, at.seen, at.now)
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
        return overdue(at) or at.status
    if at.is_confirmed(weight):
        message = f"step {at.status.step} of {at.status.steps}: looking at {weight} %"
        looking = at.status.looking_since or at.now
        evidence = at_next_step(at.status.evidence)
        return turn(at, "Analysing", message, step_since=at.now, looking_since=looking, evidence=evidence)
    return at.status


def _analysing(at: Situation, judged: Judgement) -> CanaryStatus:
    status, stage = at.status, at.stage
    if at.idle.ready < at.pods_for(stage.pods):
        return _lost(at)
    if at.spec.suspend or status.step_since is None:
        return status
    began = status.looking_since or status.step_since
    # Whatever interrupts the look, somebody is asked after so long.
    if status.phase == "Analysing" and stage.max_hold is not None and at.now - began >= stage.max_hold:
        blind = "the gateway does not confirm the weight" if status.unconfirmed_at is not None else ""
        why = judged.reason or blind or "say Promote or Abort"
        if blind or not _is_fine(at, judged):
            return turn(at, "Held", f"no verdict within {format_duration(stage.max_hold)}: {why}")
    stands = hold(at)
    if stands is not None:
        return stands
    return go_on(at) if at.now - status.step_since >= stage.hold and _is_fine(at, judged) else status


def _is_fine(at: Situation, judged: Judgement) -> bool:
    judges = at.spec.analysis.mode == "enforce"
    return (judged.verdict == "Safe" or not judges) and judged.requests >= at.stage.min_requests


def _lost(at: Situation) -> CanaryStatus:
    """Wait for pods that the candidate has lost; one that loses them again and again has failed."""
    when = lost(at)
    if len(when) >= LOSSES and not at.status.forced:
        why = f": {at.seen.trouble}" if at.seen.trouble else ""
        return fail(at, f"its pods were lost {len(when)} times within {format_duration(when[-1] - when[0])}{why}")
    return turn(at, "Shifting", "the candidate has lost pods", lost=when)


def _promoting(at: Situation) -> CanaryStatus:
    status = at.status
    if not at.is_confirmed(100):
        late = at.idle.ready < at.pods_for(100)
        return (overdue(at) if late else None) or status
    assert status.candidate is not None  # noqa: S101 - a release is under way
    history = past(at, "Promoted", status.doing)
    return turn(
        at,
        "Draining",
        "promoted: the old pods finish their requests",
        stable=status.candidate.but(since=at.now),
        previous=status.stable,
        candidate=None,
        weight=Weight(),
        gates=(),
        history=history,
    )


def enter(at: Situation, step: int) -> CanaryStatus:
    """Go on to a step, or to the promotion after the last one; wait at the gates before it."""
    known = stages(at.spec)
    last = step > len(known)
    gated = wait_for(at, "promote") if last else wait_for(at, "step", step)
    if gated is not None:
        where = Situation(at.canary, gated, at.seen, at.now)
        if is_refused(gated):
            return fail(where, is_refused(gated))
        held = at.status.phase in ("Analysing", "Held", "Frozen")
        return turn(where, "Held", gated.doing) if held else gated
    if last:
        return turn(at, "Promoting", "every step has passed", weight=desired(at, 100))
    exposed = at.status.exposed_at or at.now
    return turn(
        at,
        "Shifting",
        f"step {step} of {len(known)}: towards {known[step - 1].weight} %",
        step=step,
        step_since=None,
        looking_since=None,
        exposed_at=exposed,
        weight=desired(at, known[step - 1].weight),
    )


def go_on(at: Situation) -> CanaryStatus:
    """Go on from the step it is at."""
    return enter(at, at.status.step + 1)
