"""What the status tells people and other machines: conditions (kstatus), and one line. Pure."""

from __future__ import annotations

from datetime import timedelta

from operators.kit.conditions import Status

from .gates import waiting
from .models import MetricStatus, parse_duration
from .problems import Problem
from .situation import LOOKING, MOVING, SETTLED, Situation
from .turning import stays

RETURNED = "TrafficReturned"
"""The watchdog's condition."""
Said = tuple[str, Status, str, str]
"""Type, status, reason, message."""


def says(at: Situation, found: tuple[Problem, ...]) -> tuple[bool, tuple[Said, ...]]:
    """Return whether all is as the user asked, and the conditions."""
    status = at.status
    told = story(at, found)
    stalled = _stalled(at, found)
    settled = status.phase in ("Idle", "Succeeded") and status.stable is not None
    current = settled and status.stable is not None and at.seen.revision in ("", status.stable.hash)
    full = at.stable.ready >= at.replicas
    ready = current and full and not stalled and not found
    moving = not stalled and not ready and not (at.spec.suspend and status.phase in SETTLED)
    return ready, (
        ("Ready", _word(ready), "AsAsked" if ready else stalled or status.phase, told),
        ("Reconciling", _word(moving), status.phase if moving else "Done", told if moving else ""),
        ("Stalled", _word(bool(stalled)), stalled or "NothingStalls", told if stalled else ""),
        _converged(at),
        _passing(at),
        *_returned(at),
        _shielded(at),
        ("Paused", _word(at.spec.suspend or status.phase == "Held"), _why_paused(at), _who_goes_on(at)),
    )


def _returned(at: Situation) -> tuple[Said, ...]:
    """Take back what the watchdog has said of an operator that was silent."""
    said = any(one.type == RETURNED and one.reason != "OperatorServes" for one in at.status.conditions)
    return ((RETURNED, "False", "OperatorServes", ""),) if said else ()


def story(at: Situation, found: tuple[Problem, ...]) -> str:
    """Tell in one line what it is doing and what it waits for."""
    if found:
        return found[0].message
    status = at.status
    if status.phase in SETTLED and at.spec.suspend:
        return "suspended"
    stands = "suspended" if status.phase in MOVING and at.spec.suspend else ""
    return "; ".join(filter(None, (stands, status.doing, _awaited(at), _waits_behind(at))))


def _waits_behind(at: Situation) -> str:
    """Say that a newer revision is there, which comes after the one that cannot go back."""
    candidate = at.status.candidate
    if candidate is None or at.status.phase not in MOVING or at.seen.revision in ("", candidate.hash) or not stays(at):
        return ""
    return "what the Deployment asks for by now comes after it"


def _awaited(at: Situation) -> str:
    """What stands in the way, or is waited for."""
    if said := at.seen.trouble or (at.unconfirmed and f"unconfirmed: {at.unconfirmed}") or _unanswered(at):
        return said
    if at.status.phase not in ("Analysing", "Held"):
        return ""
    if at.status.unconfirmed_at is not None:
        return f"holds, unconfirmed: {at.complaint or at.data_plane.problem or 'the gateway works with another weight'}"
    for metric in at.status.metrics:
        if metric.outage:
            return f"holds, {metric.name}: {metric.outage}"
    open_ = [metric for metric in at.status.metrics if metric.verdict == "Inconclusive"]
    if not open_ or at.status.phase == "Held":
        return ""
    slowest = max(open_, key=_to_wait)
    return f"{slowest.name}: {slowest.reason}"


def _to_wait(metric: MetricStatus) -> timedelta:
    """How long until it can tell, as far as anybody knows; what nobody knows takes longest."""
    return parse_duration(metric.eta) if metric.eta else timedelta.max


def _unanswered(at: Situation) -> str:
    """What the gates that are asked have said last."""
    said = (at.seen.gates[name].message for name in sorted(waiting(at.status)) if name in at.seen.gates)
    return "; ".join(filter(None, said))


def _stalled(at: Situation, found: tuple[Problem, ...]) -> str:
    """Why nothing goes on until somebody does something; '' where it does."""
    if found:
        return found[0].reason
    return at.status.phase if at.status.phase in ("RolledBack", "Frozen") else ""


def _converged(at: Situation) -> Said:
    if at.status.stable is None:
        return ("TrafficConverged", "Unknown", "NotAdopted", "")
    weight = at.status.weight.desired
    if at.is_confirmed(weight):
        return ("TrafficConverged", "True", "Confirmed", f"{weight} % for the candidate")
    return ("TrafficConverged", "False", "NotConfirmed", at.unconfirmed or f"not yet {weight} %")


def _shielded(at: Situation) -> Said:
    """Whether only the weight leads requests to a candidate. It may be as the user wants it: nothing stalls for it."""
    services = at.seen.around.services
    if not services:
        return ("Shielded", "True", "NoOtherService", "")
    message = (
        f"Service {services[0]} selects the pods of both slots: its callers reach a candidate whatever its weight; "
        f"have them call Service {at.canary.name}, or live with it"
    )
    return ("Shielded", "False", "ServiceSelectsSlots", message)


def _passing(at: Situation) -> Said:
    if at.status.phase not in LOOKING and at.status.phase != "Frozen":
        return ("AnalysisPassing", "Unknown", "NotLooking", "")
    for verdict, status in (("Harm", "False"), ("Inconclusive", "Unknown")):
        for metric in at.status.metrics:
            if metric.verdict == verdict:
                return ("AnalysisPassing", "False" if status == "False" else "Unknown", verdict, metric.reason)
    return ("AnalysisPassing", "True", "Safe", "")


def _why_paused(at: Situation) -> str:
    if at.spec.suspend:
        return "Suspended"
    return "Held" if at.status.phase == "Held" else "NotPaused"


def _who_goes_on(at: Situation) -> str:
    if at.spec.suspend:
        return "spec.suspend is true: set it to false to go on"
    return at.status.doing if at.status.phase == "Held" else ""


def _word(holds: bool) -> Status:
    return "True" if holds else "False"
