"""What `amx canary` says of Canaries as the API has them."""

from __future__ import annotations

from typing import Any

import pytest

from amx import canary
from amx.canary import NothingToDo

AT = "2026-01-01T00:00:00Z"


def past(hash_: str, beside: str, alarm: str = "", dispersion: float | None = None) -> dict[str, Any]:
    told = {"hash": hash_, "beside": beside, "outcome": "Promoted", "alarm": alarm, "started": AT, "ended": AT}
    return told if dispersion is None else {**told, "dispersion": dispersion}


def manifest(mode: str, phase: str = "Succeeded", *history: dict[str, Any]) -> dict[str, Any]:
    return {
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"analysis": {"mode": mode}},
        "status": {"phase": phase, "history": list(history)},
    }


def test_releases_of_a_version_beside_itself_are_added_up_and_others_are_not() -> None:
    history = (past("h2", "h1", "harm"), past("h1", "h1", "harm", 1.0), past("h1", "h1", dispersion=2.84))
    told = canary.lines([canary.read(manifest("observe", "Succeeded", *history))])
    assert told[-1] == "  A/A: 1 false alarms in 2 releases; errors cluster up to 2.8 times as much as by chance"
    assert "A/A" not in "".join(canary.lines([canary.read(manifest("observe", "Succeeded", history[0]))]))


@pytest.mark.parametrize(
    ("mode", "phase", "may"),
    [
        ("observe", "Succeeded", True),
        ("observe", "Shifting", False),
        ("enforce", "Idle", False),
        ("enforce", "RolledBack", True),
    ],
)
def test_who_may_retry(mode: str, phase: str, *, may: bool) -> None:
    release = canary.read(manifest(mode, phase))
    if may:
        canary.check(release, "Retry")
    else:
        with pytest.raises(NothingToDo):
            canary.check(release, "Retry")
