"""What to say where a cluster is asked for that is not there: which ones are, or how to have it."""

from __future__ import annotations

from cluster.local import invocation, state
from cluster.local.errors import MachineError
from cluster.local.settings import Settings


def absent(settings: Settings) -> MachineError:
    """Return the error for a cluster that is not there."""
    return MachineError(f"there is no cluster {settings.cluster_name}", remedy(settings))


def lacking(settings: Settings, problem: str) -> MachineError:
    """Return the error for a part of a cluster that is not here: `problem`, or that the cluster itself is not."""
    if state.is_ours(settings):
        return MachineError(problem, f"have it written with: {invocation.amx(settings, 'up')}")
    return absent(settings)


def remedy(settings: Settings) -> str:
    """Return what to do about it: choose one that is there, or make it."""
    names = state.others(settings)
    if names:
        there = f"there is {names[0]}" if len(names) == 1 else f"there are {state.listed(names)}"
        return f"{there}: set AMX_CLUSTER_NAME={names[0]}"
    return f"bring it up with: {invocation.amx(settings, 'up')}"
