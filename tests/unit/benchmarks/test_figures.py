"""The page of figures says what was measured, also where it falls short."""

import pytest

from tests.benchmarks.figures import Figure, Section, percentile, render
from tests.benchmarks.page import with_area


@pytest.mark.parametrize(
    ("values", "share", "want"),
    [
        pytest.param([1.0], 0.95, 1.0, id="one value is every percentile"),
        pytest.param([float(n) for n in range(1, 21)], 0.95, 19.0, id="of twenty, one may be above p95"),
        pytest.param([3.0, 1.0, 2.0], 0.5, 2.0, id="order does not matter"),
    ],
)
def test_percentile(values: list[float], share: float, want: float) -> None:
    assert percentile(values, share) == want


@pytest.mark.parametrize(
    ("figure", "want"),
    [
        pytest.param(Figure("x", 0.3, "s", 0.35), "| x | 0.30 s | ≤ 0.35 s | met |  |", id="met"),
        pytest.param(Figure("x", 12.0, "s", 10), "| x | 12 s | ≤ 10 s | **missed** |  |", id="missed"),
        pytest.param(Figure("x", 5.0, "s", peer="9 s"), "| x | 5 s |  |  | 9 s |", id="nothing to reach"),
        pytest.param(Figure("x", None, "s", 10, "why"), "| x | none | ≤ 10 s | not measured |  |", id="not taken"),
    ],
)
def test_a_row(figure: Figure, want: str) -> None:
    assert want in render([Section("Title", "How.", (figure,))], "0.1").splitlines()


def test_reasons_stand_below_their_table() -> None:
    page = render([Section("Title", "How.", (Figure("x", 12.0, "s", 10, "two cores"),))], "0.1")
    assert page.rstrip().endswith("- x: two cores")


def test_an_area_that_is_taken_anew_leaves_the_others_as_they_were() -> None:
    order = ["rules", "engine", "up"]
    page = ""
    for area, text in (("up", "## Up\n\nslow\n"), ("rules", "## Rules\n\nfine\n"), ("up", "## Up\n\nquick\n")):
        page = with_area(page, area, text, order)
    assert page.startswith("# Figures\n")
    assert page.endswith("<!-- area: rules -->\n## Rules\n\nfine\n\n<!-- area: up -->\n## Up\n\nquick\n")
    assert with_area(page, "rules", "## Rules\n\nfine\n", order) == page
    assert "Up" not in with_area(page, "rules", "## Rules\n", ["rules"])
