"""The guide's table of how many requests a verdict takes."""

from pathlib import Path

import pytest

from operators.canary.analysis.needs import DEFAULT, table, until
from operators.canary.measured import ERRORS_SLO, ERRORS_TOLERANCE

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "canary.md"


def test_the_guide_shows_what_the_rules_do() -> None:
    assert table() in GUIDE.read_text()
    assert pytest.approx((ERRORS_SLO, ERRORS_TOLERANCE - 1)) == DEFAULT


@pytest.mark.parametrize(
    ("candidate", "stable", "slo", "verdict"),
    [
        pytest.param(0.0, 0.0, 0.05, "Safe", id="no errors"),
        pytest.param(0.3, 0.0, 0.05, "Harm", id="every third request fails"),
        pytest.param(0.05, 0.005, None, "Harm", id="ten times stable's, without an objective"),
    ],
)
def test_a_verdict_is_reached(candidate: float, stable: float, slo: float | None, verdict: str) -> None:
    assert until(candidate, stable, slo)[0] == verdict
