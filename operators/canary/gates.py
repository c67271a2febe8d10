"""Gates: what must agree before a release goes on. Pure.

A gate that is due is written into status as Waiting first; only then is it asked (`observe`) or its Job started, so
that a restarted operator asks the same question again and no other.
"""

from __future__ import annotations

from typing import Literal

from .models import CanaryStatus, Gate, GateState, format_duration
from .situation import Situation


def wait_for(at: Situation, where: Literal["start", "step", "promote"], step: int | None = None) -> CanaryStatus | None:
    """Return the status while a gate of this place is not open yet; None when the way is free."""
    if at.status.forced or at.status.fast:
        return None
    for gate in at.spec.gates:
        if gate.at == where and gate.step == step:
            state = _state(at.status, gate.name)
            if state is None or state.state != "Passed":
                return _asked(at, gate, state)
    return None


def is_refused(status: CanaryStatus) -> str:
    """Why a gate has refused; '' where none has."""
    refused = [gate for gate in status.gates if gate.state == "Refused"]
    return f"gate {refused[0].name} has refused: {refused[0].message}" if refused else ""


def pass_by_hand(at: Situation) -> CanaryStatus:
    """Open the manual gate that the release waits for, and the one that has refused."""
    manual = {gate.name for gate in at.spec.gates if gate.manual}
    gates = tuple(
        gate.but(state="Passed", since=at.now, message="passed by the user")
        if gate.state == "Refused" or (gate.state == "Waiting" and gate.name in manual)
        else gate
        for gate in at.status.gates
    )
    return at.status.but(gates=gates)


def waiting(status: CanaryStatus) -> frozenset[str]:
    """The names of the gates that are to be asked."""
    return frozenset(gate.name for gate in status.gates if gate.state == "Waiting")


def _asked(at: Situation, gate: Gate, state: GateState | None) -> CanaryStatus:
    if state is None:
        made = GateState(name=gate.name, since=at.now)
        return at.status.but(gates=(*at.status.gates, made), doing=_waits(gate))
    answer = at.seen.gates.get(gate.name)
    if gate.manual or state.state == "Refused":
        return at.status
    if answer is not None and answer.verdict != "waiting":
        verdict = "Passed" if answer.verdict == "passed" else "Refused"
        return _with(at, state.but(state=verdict, message=answer.message, since=at.now))
    if at.now - state.since >= gate.timeout:
        said = f": {answer.message}" if answer is not None and answer.message else ""
        message = f"no answer within {format_duration(gate.timeout)}{said}"
        return _with(at, state.but(state="Refused", message=message, since=at.now))
    return at.status


def _with(at: Situation, new: GateState) -> CanaryStatus:
    return at.status.but(gates=tuple(new if gate.name == new.name else gate for gate in at.status.gates))


def _waits(gate: Gate) -> str:
    return f"waits at gate {gate.name}" + (": say Promote or Abort" if gate.manual else "")


def _state(status: CanaryStatus, name: str) -> GateState | None:
    return next((gate for gate in status.gates if gate.name == name), None)
