"""The special functions that are written out, against scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import betaln, stdtr, xlog1py, xlogy

from operators.canary.analysis.functions import log_beta, student_tail
from operators.canary.analysis.sequence import absolute_evidence

COUNTS = np.concatenate([np.arange(20.0), np.geomspace(20, 1e6, 60)])


def test_the_logarithm_of_the_beta_function_is_right_from_nothing_to_a_million_events() -> None:
    p, q = (0.5 + COUNTS)[:, None], (8.0 + 10 * COUNTS)[None, :]

    assert np.allclose(log_beta(p, q), betaln(p, q), rtol=1e-12, atol=1e-7)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 10, 31, 98, 999])
def test_the_tail_of_students_t_is_right_for_every_number_of_replicas(degrees: int) -> None:
    tails = [student_tail(degrees, t) for t in (0.0, 0.01, 0.7, 2.0, 6.0, 50.0)]

    assert np.allclose(tails, [stdtr(degrees, -t) for t in (0.0, 0.01, 0.7, 2.0, 6.0, 50.0)], rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("rate", [0.0, 1e-6, 0.05, 1.0])
def test_evidence_against_a_rate_is_what_scipy_makes_of_it(rate: float) -> None:
    events, total = np.array([0.0, 0.0, 3.0, 40.0, 500.0]), np.array([0.0, 900.0, 900.0, 40.0, 1e6])
    quiet = total - events

    wanted = betaln(0.5 + events, 8 + quiet) - betaln(0.5, 8) - xlogy(events, rate) - xlog1py(quiet, -rate)

    assert np.allclose(absolute_evidence(events, total, rate), wanted, rtol=1e-12, atol=1e-8)
