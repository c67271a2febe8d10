"""The canary's figures for docs/benchmarks.md: the grid's lines that a user would ask for, and the other rules beside.

In:  outcomes of the grid. Out: one section. Of a share as small as our false rollbacks the upper end of its interval
stands in the table, because the lower the number of releases, the less a share of 0 says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from operators.canary.measured import ERRORS_SLO, ERRORS_TOLERANCE
from tests.benchmarks.canary_rules import grid
from tests.benchmarks.canary_rules.ours import SHIPPED
from tests.benchmarks.canary_rules.releases import HORIZON_S, Outcome
from tests.benchmarks.canary_rules.traffic import Case
from tests.benchmarks.figures import Figure, Section

RELEASES = 1000
OURS = grid.RULES["ours"](1).name
HOW = (
    "{releases} simulated releases a figure ({closely} for our false rollbacks), over 30 minutes; those neither "
    "promoted nor rolled back by then are held at their step. Ours: a look every 2 s, steps of 10, 25, 50 and 100 %, "
    "alpha 1 % a release over two metrics of which one is simulated, at most twice stable's rate, objective 99 % or "
    "none, nothing known of stable before. As shipped: the steps of charts/service and the default metrics, at most "
    "{tolerance:g} times stable's rate, objective {slo:.0%}. The other rules as documented, objective 99 %. Our false "
    "rollbacks are the upper end of the 95 % interval, the others' as counted. Why this rule, and where it ends: "
    "[decision 0007](decisions/0007-verdicts-that-may-be-looked-at-any-time.md). The whole grid: "
    "`python -m tests.benchmarks.canary_rules`."
)
_Value = Callable[[Outcome], float]


def take(releases: int = RELEASES) -> Section:
    """Simulate and return the section."""
    return section(grid.run(releases), releases)


def section(outcomes: Iterable[Outcome], releases: int) -> Section:
    """Pick the figures out of the grid."""
    by_case: dict[Case, list[Outcome]] = {}
    for one in outcomes:
        by_case.setdefault(one.case, []).append(one)
    figures = [figure for case, rules in by_case.items() for figure in _figures(case, rules)]
    how = HOW.format(releases=releases, closely=releases * grid.CLOSELY, tolerance=ERRORS_TOLERANCE, slo=1 - ERRORS_SLO)
    return Section("Canary verdicts, simulated", how, tuple(figures), peer="Other rules")


def _figures(case: Case, rules: Sequence[Outcome]) -> Iterator[Figure]:
    name = f"{case.name} errors" if case.name.endswith("%") else f"{case.name} as many errors"
    name = f"{name}, {case.rps:.0f} requests/s" + ("" if case.clustering == "independent" else f", {case.clustering}")
    usual = case.clustering == "independent" and case.onset_s == 0
    if case.healthy:
        yield _figure(f"false rollbacks, {name}", rules, "%", 1.0, _false_rollbacks)
        if usual:
            yield _figure(f"promoted within 30 min, {name}", rules, "%", None, _promoted)
    if case.name == "5 %" and (usual or case.rps in {5.0, 100.0}):
        target = {100.0: 30.0, 5.0: 900.0}.get(case.rps) if usual else None
        yield _figure(f"rollback, median, {name}", rules, "s", target, lambda one: one.detected_s)
    if case.name == "5 %" and usual:
        least = case.rps * HORIZON_S * case.stable
        yield _figure(
            f"requests with an error in 30 min, {name} ({least:.0f} without a release)", rules, "", None, _errors
        )
    if case.name in {"18x", "2x"} and usual:
        target = 5.0 if case.name == "18x" and case.rps == 100 else None
        yield _figure(f"promoted in spite, {name}", rules, "%", target, _promoted)
        yield from (
            Figure(f"promoted in spite, {name}, as shipped", _promoted(one), "%", target)
            for one in rules
            if one.rule == SHIPPED
        )


def _false_rollbacks(one: Outcome) -> float:
    return 100 * (one.rolled_back_at_most if one.rule == OURS else one.rolled_back)


def _promoted(one: Outcome) -> float:
    return 100 * one.promoted


def _errors(one: Outcome) -> float:
    return one.errors


def _figure(name: str, rules: Sequence[Outcome], unit: str, target: float | None, value: _Value) -> Figure:
    measured = {one.rule: value(one) for one in rules}
    ours = measured.pop(OURS)
    peers = "; ".join(f"{rule}: {_short(one)}" for rule, one in measured.items())
    return Figure(name, ours if math.isfinite(ours) else None, unit, target, peer=peers)


def _short(value: float) -> str:
    if not math.isfinite(value):
        return "never"
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"
