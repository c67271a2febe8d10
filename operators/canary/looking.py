"""Looking at a candidate that gets requests: from step to step, and to the promotion. Pure.

In: a `Situation` and a `Judge`. Out: the next status. Harm comes first, whatever phase it is seen in.
"""

from __future__ import annotations

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
    over = status.step_since is not None and at.now - status.step_since >= at.stage.hold
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
        return overdue(at) or at.status
    if at.is_confirmed(weight):
        message = f"step {at.status.step} of {at.status.steps}: looking at {weight} %"
        return turn(at, "Analysing", message, step_since=at.now, evidence=at_next_step(at.status.evidence))
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
        return go_on(at)
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
        if is_refused(gated):
            return fail(at, is_refused(gated))
        held = at.status.phase in ("Analysing", "Held")
        where = Situation(at.canary, gated, at.seen, at.now)
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
        exposed_at=exposed,
        weight=desired(at, known[step - 1].weight),
    )


def go_on(at: Situation) -> CanaryStatus:
    """Go on from the step it is at."""
    return enter(at, at.status.step + 1)
