"""Conditions: transition times move with the status and nothing else."""

from datetime import UTC, datetime, timedelta

from operators.kit.conditions import Condition, get_condition, is_true, set_condition

NOW = datetime(2026, 1, 1, tzinfo=UTC)
READY = Condition(type="Ready", status="True", reason="AsAsked", last_transition_time=NOW, observed_generation=1)


def test_the_time_stays_while_the_status_stays() -> None:
    later = READY.model_copy(update={"reason": "StillSo", "last_transition_time": NOW + timedelta(hours=1)})
    (kept,) = set_condition([READY], later)
    assert (kept.reason, kept.last_transition_time) == ("StillSo", NOW)


def test_the_time_moves_when_the_status_moves() -> None:
    broken = READY.model_copy(update={"status": "False", "last_transition_time": NOW + timedelta(hours=1)})
    assert set_condition([READY], broken) == (broken,)


def test_others_keep_their_place() -> None:
    stalled = Condition(type="Stalled", status="False", reason="Fine", last_transition_time=NOW)
    broken = READY.model_copy(update={"status": "False"})
    assert [condition.type for condition in set_condition([READY, stalled], broken)] == ["Ready", "Stalled"]
    assert set_condition([READY], stalled) == (READY, stalled)


def test_what_was_never_observed_is_unknown() -> None:
    assert get_condition([], "Ready").status == "Unknown"
    assert not is_true([], "Ready")
    assert is_true([READY], "Ready")


def test_it_is_written_as_kubernetes_writes_it() -> None:
    assert READY.model_dump(mode="json", by_alias=True) == {
        "type": "Ready",
        "status": "True",
        "reason": "AsAsked",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
        "observedGeneration": 1,
    }
