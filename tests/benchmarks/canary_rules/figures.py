"""The canary's figures for docs/benchmarks.md: the grid's lines that have a target, and the other rules beside them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from tests.benchmarks.canary_rules import grid
from tests.benchmarks.canary_rules.releases import Outcome
from tests.benchmarks.canary_rules.traffic import Case, Clustering
from tests.benchmarks.figures import Figure, Section

RELEASES = 1000
OURS = grid.RULES["ours"](1).name
HOW = (
    "{releases} simulated releases a figure over 30 minutes, a look every 2 s, first step 10 % of the requests; alpha "
    "1 % a release over two metrics, at most twice stable's rate, objective 99 %. Peers: the rules as documented; the "
    "whole grid by `python -m tests.benchmarks.canary_rules`. How: [canary analysis](guides/canary-analysis.md)."
)


def take(releases: int = RELEASES) -> Section:
    """Simulate and return the section."""
    return section(grid.run(releases), releases)


def section(outcomes: Iterable[Outcome], releases: int) -> Section:
    """Pick the figures with a target out of the grid."""
    by_case: dict[Case, list[Outcome]] = {}
    for one in outcomes:
        by_case.setdefault(one.case, []).append(one)
    figures = [figure for case, rules in by_case.items() for figure in _figures(case, rules)]
    return Section("Canary verdicts, simulated", HOW.format(releases=releases), tuple(figures), peer="Other rules")


def _figures(case: Case, rules: Sequence[Outcome]) -> list[Figure]:
    name = f"{case.name} at {case.rps:.0f} requests/s, {case.clustering}"
    if case.healthy:
        return [_figure(f"False rollbacks, {name}", rules, "%", 1.0, lambda one: 100 * one.rolled_back)]
    figures = []
    if case.name == "5 %":
        target = _detection_target(case.rps, case.clustering)
        figures.append(_figure(f"Median detection, {name}", rules, "s", target, lambda one: one.detected_s))
        figures.append(_figure(f"Requests with an error, {name}", rules, "", None, lambda one: one.errors))
    if case.name == "18x":
        target = 5.0 if case.rps == 100 else None
        figures.append(_figure(f"Promoted in spite, {name}", rules, "%", target, lambda one: 100 * one.promoted))
    return figures


def _detection_target(rps: float, clustering: Clustering) -> float | None:
    if clustering != "independent":
        return None
    return {100.0: 20.0, 5.0: 900.0}.get(rps)


def _figure(
    name: str, rules: Sequence[Outcome], unit: str, target: float | None, value: Callable[[Outcome], float]
) -> Figure:
    measured = {one.rule: value(one) for one in rules}
    ours = measured.pop(OURS)
    peers = "; ".join(f"{rule}: {_short(one)}" for rule, one in measured.items())
    return Figure(name, ours if math.isfinite(ours) else None, unit, target, peer=peers)


def _short(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "never"
