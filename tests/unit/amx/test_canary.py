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


def test_numbers_of_an_operator_that_does_not_run_are_told_to_be_old() -> None:
    found = [canary.read(manifest("enforce", "Analysing"))]
    for age_s, silent in ((2.0, False), (90.0, True), (None, True)):
        told = canary.silence(age_s)
        assert bool(told) is silent
        assert canary.lines(found, told)[0].startswith("the canary operator does not run") is silent
        assert canary.to_json(found, told)["ok"] is not silent


def test_a_release_of_configuration_alone_is_told_by_its_hashes() -> None:
    shown = manifest("enforce", "Analysing")
    for slot, role, hash_ in (("a", "stable", "1f"), ("b", "candidate", "2e")):
        shown["status"][role] = {"slot": slot, "hash": hash_, "image": "app:1", "since": AT}
    assert "  app:1 (1f) → app:1 (2e)" in canary.lines([canary.read(shown)])
    shown["status"]["candidate"]["image"] = "app:2"
    assert "  app:1 → app:2" in canary.lines([canary.read(shown)])
