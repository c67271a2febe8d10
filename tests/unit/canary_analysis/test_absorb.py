"""What counters do in real life, and what may be made of it: never an invented error."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from operators.canary.analysis.evidence import Evidence, absorb, next_release, next_step
from operators.canary.terms import Counts, Reading, Sample, Slot

START = datetime(2026, 3, 1, tzinfo=UTC)
STABLE: Slot = "a"
CANARY: Slot = "b"


def look(evidence: Evidence, second: float, counters: dict[tuple[str, Slot], tuple[float, float]]) -> Evidence:
    """Absorb counters by replica and slot, as (events, total)."""
    readings = tuple(Reading(replica, slot, Counts(*counts)) for (replica, slot), counts in counters.items())
    return absorb(evidence, Sample("errors", START + timedelta(seconds=second), readings), CANARY)


def counts(evidence: Evidence) -> tuple[float, float, float, float]:
    known = evidence.of("errors")
    return known.canary.events, known.canary.total, known.stable.events, known.stable.total


def test_the_first_sight_of_a_counter_is_no_count() -> None:
    evidence = look(Evidence(), 0, {("g", "a"): (50, 10_000), ("g", "b"): (40, 9_000)})
    assert counts(evidence) == (0, 0, 0, 0)
    evidence = look(evidence, 2, {("g", "a"): (51, 10_090), ("g", "b"): (40, 9_010)})
    assert counts(evidence) == (0, 10, 1, 90)


def test_a_replica_that_appears_brings_only_what_it_counts_from_then_on() -> None:
    evidence = look(Evidence(), 0, {("g", "a"): (0, 0), ("g", "b"): (0, 0)})
    both: dict[tuple[str, Slot], tuple[float, float]] = {("g", "a"): (0, 90), ("g", "b"): (1, 10)}
    evidence = look(evidence, 2, both | {("h", "a"): (7, 700), ("h", "b"): (7, 70)})
    assert counts(evidence) == (1, 10, 0, 90)
    evidence = look(evidence, 4, both | {("h", "a"): (8, 790), ("h", "b"): (7, 80)})
    assert counts(evidence) == (1, 20, 1, 180)


def test_a_restarted_counter_counts_from_zero() -> None:
    evidence = look(Evidence(), 0, {("g", "a"): (10, 1_000), ("g", "b"): (5, 500)})
    evidence = look(evidence, 2, {("g", "a"): (1, 90), ("g", "b"): (2, 10)})
    assert counts(evidence) == (2, 10, 1, 90)


def test_a_source_that_lags_a_little_adds_nothing_twice() -> None:
    evidence = look(Evidence(), 0, {("g", "a"): (10, 1_000), ("g", "b"): (5, 500)})
    evidence = look(evidence, 2, {("g", "a"): (9, 950), ("g", "b"): (4, 490)})
    assert counts(evidence) == (0, 0, 0, 0)
    evidence = look(evidence, 4, {("g", "a"): (11, 1_090), ("g", "b"): (5, 510)})
    assert counts(evidence) == (0, 10, 1, 90)


def test_both_slots_wait_for_a_counter_that_lags() -> None:
    """Counted without the other, a slot would look as if it had had all requests."""
    evidence = look(Evidence(), 0, {("g", "a"): (10, 1_000), ("g", "b"): (5, 500)})
    evidence = look(evidence, 2, {("g", "a"): (9, 990), ("g", "b"): (6, 510)})
    assert counts(evidence) == (0, 0, 0, 0)
    evidence = look(evidence, 4, {("g", "a"): (11, 1_180), ("g", "b"): (6, 520)})
    assert counts(evidence) == (1, 20, 1, 180)


def test_a_small_counter_that_restarted_is_counted_again_within_a_minute_or_so() -> None:
    """Few requests before the restart look like a lag at first; the errors of before must not be waited for."""
    evidence = look(Evidence(), 0, {("g", "a"): (0, 1_000), ("g", "b"): (5, 10)})
    for second in range(2, 200, 2):
        evidence = look(evidence, second, {("g", "a"): (0, 90.0 * second), ("g", "b"): (0, 10.0 * second)})
    events, total, _, others = counts(evidence)
    assert events == 0
    assert total >= 1_000
    assert others == pytest.approx(9 * total)


def test_a_replica_waits_for_a_slot_that_is_missing_for_a_moment() -> None:
    evidence = look(Evidence(), 0, {("g", "a"): (0, 0), ("g", "b"): (0, 0)})
    evidence = look(evidence, 2, {("g", "a"): (0, 90), ("g", "b"): (0, 10)})
    evidence = look(evidence, 4, {("g", "b"): (0, 20)})
    assert counts(evidence) == (0, 10, 0, 90)
    evidence = look(evidence, 6, {("g", "a"): (3, 270), ("g", "b"): (0, 30)})
    assert counts(evidence) == (0, 30, 3, 270)


def test_a_slot_that_stays_away_does_not_hold_the_other_back() -> None:
    evidence = look(Evidence(), 0, {("g", "a"): (0, 0), ("g", "b"): (0, 0)})
    for second in range(2, 120, 2):
        evidence = look(evidence, second, {("g", "b"): (0, 10.0 * second)})
    assert counts(evidence) == (0, 1180, 0, 0)


def test_a_vanished_replica_keeps_what_it_counted_and_stops_no_other() -> None:
    evidence = look(Evidence(), 0, {(r, s): (0, 0) for r in "gh" for s in ("a", "b")})
    evidence = look(evidence, 2, {(r, s): (1, 10) for r in "gh" for s in ("a", "b")})
    evidence = look(evidence, 4, {("g", s): (2, 20) for s in ("a", "b")})
    assert counts(evidence) == (3, 30, 3, 30)


def test_a_pause_of_the_operator_loses_nothing() -> None:
    evidence = look(Evidence(), 0, {("g", "a"): (0, 0), ("g", "b"): (0, 0)})
    evidence = look(evidence, 3_600, {("g", "a"): (90, 9_000), ("g", "b"): (9, 1_000)})
    assert counts(evidence) == (9, 1_000, 90, 9_000)


@pytest.mark.parametrize("second", [2, 1])
def test_a_late_or_repeated_sample_adds_nothing(second: float) -> None:
    evidence = look(Evidence(), 0, {("g", "a"): (0, 0), ("g", "b"): (0, 0)})
    evidence = look(evidence, 2, {("g", "a"): (0, 90), ("g", "b"): (0, 10)})
    assert look(evidence, second, {("g", "a"): (9, 190), ("g", "b"): (9, 110)}) is evidence


@pytest.mark.parametrize(
    ("readings", "outage", "says"),
    [
        ((), "connection refused", "connection refused"),
        ((), "", "without a series"),
        ((Reading("g", "a", Counts(0, 200)),), "", "no series of slot b"),
        ((Reading("g", "b", Counts(float("nan"), 200)),), "", "without a series"),
    ],
)
def test_an_outage_is_kept_as_one_and_counts_nothing(readings: tuple[Reading, ...], outage: str, says: str) -> None:
    evidence = look(Evidence(), 0, {("g", "a"): (0, 0), ("g", "b"): (0, 0)})
    evidence = look(evidence, 2, {("g", "a"): (0, 90), ("g", "b"): (0, 10)})
    out = absorb(evidence, Sample("errors", START + timedelta(seconds=4), readings, outage), CANARY)
    assert says in out.of("errors").outage
    assert counts(out) == counts(evidence)
    back = look(out, 6, {("g", "a"): (0, 270), ("g", "b"): (0, 30)})
    assert back.of("errors").outage == ""
    assert counts(back) == (0, 30, 0, 270)


def test_looks_before_the_exposure_measure_clustering_and_are_no_counts() -> None:
    evidence, errors = Evidence(), 0.0
    for second in range(0, 400, 2):
        errors += 3.0 if second % 8 == 0 else 0.0
        evidence = look(evidence, second, {("g", "a"): (errors, 90.0 * second), ("g", "b"): (0, 0)})
    known = evidence.of("errors")
    assert counts(evidence) == (0, 0, 0, 0)
    assert known.exposed is None
    assert known.dispersion > 1.5
    assert next_release(evidence).of("errors").dispersion > 1.3


def test_evidence_of_one_slot_refuses_the_other() -> None:
    evidence = look(Evidence(), 0, {("g", "a"): (0, 0), ("g", "b"): (0, 0)})
    with pytest.raises(ValueError, match="new release"):
        absorb(evidence, Sample("errors", START + timedelta(seconds=2)), STABLE)


def test_gauges_are_averaged_by_replica_and_start_anew_with_a_step() -> None:
    evidence = Evidence()
    for second, level in enumerate((100.0, 200.0)):
        readings = (Reading("p", "b", Counts(level, 1)), Reading("q", "a", Counts(50, 1)))
        evidence = absorb(evidence, Sample("memory", START + timedelta(seconds=second), readings), CANARY, "gauge")
    assert [(one.replica, one.mean) for one in evidence.of("memory").levels] == [("q", 50), ("p", 150)]
    assert next_step(evidence).of("memory").levels == []


def test_evidence_of_another_version_is_refused() -> None:
    """Sums on another grid of ratios would be added to the wrong ones, or stop every later look."""
    evidence = look(Evidence(), 0, {("g", "a"): (0, 0), ("g", "b"): (0, 0)})
    written = evidence.model_dump(mode="json", by_alias=True)
    written["metrics"][0]["likelihood"].append(0.0)
    with pytest.raises(ValidationError, match="another version"):
        Evidence.model_validate(written)


def test_evidence_fits_into_a_status() -> None:
    evidence = look(Evidence(), 0, {(f"gateway-{n}", s): (0, 0) for n in range(3) for s in ("a", "b")})
    for second in range(2, 200, 2):
        reading = {(f"gateway-{n}", s): (second / 7, 1234.5 * second) for n in range(3) for s in ("a", "b")}
        evidence = look(evidence, second, reading)  # type: ignore[arg-type]
    assert len(evidence.model_dump_json(by_alias=True, exclude_none=True)) < 4_000
