"""The grid: every case under every rule, on all cores that there are, with fixed seeds.

In:  how many releases a cell. Out: a list of outcomes, and a table of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from tests.benchmarks.canary_rules.others import Argo, Flagger, Kayenta
from tests.benchmarks.canary_rules.ours import BARE, DEFAULT, SHIPPED, Ours, shipped
from tests.benchmarks.canary_rules.releases import Outcome, Releases, follow
from tests.benchmarks.canary_rules.traffic import Case, Clustering

TRAFFIC = (5.0, 20.0, 50.0, 100.0)
CLUSTERINGS: tuple[Clustering, ...] = ("independent", "bursts", "slow bursts", "autocorrelated")
CLOSELY = 3
"""So many times the releases where a share as small as our false rollbacks is measured."""
RATES = {"healthy, 0.5 %": (0.005, 0.005), "5 %": (0.005, 0.05), "18x": (0.0005, 0.009), "2x": (0.005, 0.01)}
"""Stable's and the canary's error rates."""
_CLUSTERED: dict[str, tuple[Clustering, ...]] = {
    "healthy, 0.5 %": CLUSTERINGS,
    "5 %": ("independent", "bursts", "autocorrelated"),
}
RULES: dict[str, Callable[[int], Releases]] = {
    "ours": Ours,
    "ours-default": lambda releases: Ours(releases, limits=DEFAULT),
    "ours-shipped": lambda releases: Ours(releases, shipped(), DEFAULT, SHIPPED),
    "ours-bare": lambda releases: Ours(releases, limits=BARE),
    "argo-0": lambda releases: Argo(releases, 0),
    "argo-3": lambda releases: Argo(releases, 3),
    "flagger-1": lambda releases: Flagger(releases, 1),
    "flagger-5": lambda releases: Flagger(releases, 5),
    "flagger-10": lambda releases: Flagger(releases, 10),
    "kayenta": Kayenta,
}


def cases() -> list[Case]:
    """Return the lines of the grid: clustering where it misleads (a healthy canary) or hides (5 % errors)."""
    grid = [
        Case(name, rps, *rates, clustering)
        for name, rates in RATES.items()
        for clustering in CLUSTERINGS
        for rps in TRAFFIC
        if clustering in _CLUSTERED.get(name, ("independent",))
    ]
    return [*grid, *(Case("5 % after 10 min", rps, 0.005, 0.05, onset_s=600.0) for rps in TRAFFIC)]


def play(cell: tuple[int, Case, str, int]) -> Outcome:
    """Follow one cell; its seed is its place in the grid."""
    place, case, rule, releases = cell
    closely = case.healthy and rule == "ours"
    return follow(case, RULES[rule](releases * CLOSELY if closely else releases), seed=1000 + place)


def run(releases: int, lines: Iterable[Case] | None = None, rules: Sequence[str] = tuple(RULES)) -> list[Outcome]:
    """Play the grid."""
    cells = [(place, case, rule, releases) for place, case in enumerate(lines or cases()) for rule in rules]
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small arrays: more threads only get in each other's way
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        return list(pool.map(play, cells))


def table(outcomes: Iterable[Outcome]) -> str:
    """Write the outcomes as a Markdown table."""
    rows = [
        "| Canary | Requests/s | Errors | Rule | Rolled back | Median, s | Promoted | Median, s | With an error |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in outcomes:
        found, done = (f"{each:.0f}" if np.isfinite(each) else "" for each in (one.detected_s, one.promoted_s))
        case = one.case
        rows.append(
            f"| {case.name} | {case.rps:.0f} | {case.clustering} | {one.rule} | {one.rolled_back:.2%} | {found} "
            f"| {one.promoted:.1%} | {done} | {one.errors:.0f} |"
        )
    return "\n".join(rows) + "\n"
