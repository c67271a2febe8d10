"""How a release begins: the turn to Preparing. Pure."""

from __future__ import annotations

from .judging import at_next_release
from .models import CanaryStatus, Revision, Weight
from .situation import Situation
from .steps import stages


def start(at: Situation, why: str) -> CanaryStatus:
    """Fill the idle slot with what the template asks for."""
    status, slot, wanted = at.status, at.other_slot, at.seen.revision
    before = status.previous is not None and status.previous.hash == wanted and at.idle.revision == wanted
    candidate = Revision(slot=slot, hash=wanted, image=image_of(at), since=at.now)
    return status.but(
        phase="Preparing",
        phase_since=at.now,
        quiet_since=None,
        doing=why,
        candidate=candidate,
        previous=None,
        kept_until=None,
        failed=None,
        going_back=None,
        step=0,
        steps=len(stages(at.spec)),
        step_since=None,
        looking_since=None,
        suspended_at=None,
        lost=(),
        exposed_at=None,
        attempt=status.attempt + 1,
        forced=False,
        fast=before and not is_rehearsal(at),
        gates=(),
        evidence=at_next_release(status.evidence),
        metrics=(),
        alarm="",
        weight=Weight(),
    )


def is_rehearsal(at: Situation) -> bool:
    """Whether what is asked for serves already: released so, it tells how the analysis keeps its word."""
    return at.status.stable is not None and at.status.stable.hash == at.seen.revision


def image_of(at: Situation) -> str:
    """The image of the template's first container, for people."""
    pod = ((at.seen.template or {}).get("spec") or {}).get("template", {}).get("spec") or {}
    containers = pod.get("containers") or [{}]
    return str(containers[0].get("image") or "")
