"""Take figures and write docs/benchmarks.md: `python -m tests.benchmarks [area ...]`; without an area, all."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from cluster.local.progress import Progress
from cluster.local.settings import ROOT
from tests.benchmarks import canaries, figures, local, measures, plans, shifts
from tests.benchmarks.canary_rules import figures as canary_figures
from tests.benchmarks.figures import Section
from tests.benchmarks.page import with_area
from tests.benchmarks.stage import stage

PAGE = ROOT / "docs" / "benchmarks.md"


async def engine(folder: Path, progress: Progress) -> list[Section]:
    """Take the engine's figures."""
    progress.say("starting the API server, the Git server and the engine")
    async with stage(folder) as scene:
        with progress.step(f"{measures.PUSHES} pushes to one application"):
            sections = [await measures.alone(scene)]
        with progress.step("100 applications: first sync, idle, self-heal"):
            sections += await measures.first_sync(scene)
        with progress.step(f"{measures.PUSHES} pushes among 100 applications"):
            sections.insert(1, await measures.among_others(scene))
    return sections


async def canary_operator(folder: Path, progress: Progress) -> list[Section]:
    """Take the canary operator's figures."""
    with progress.step("a release of many steps under load"):
        sections = [await shifts.confirmation(folder)]
    with progress.step(f"{canaries.CANARIES} Canaries: adopted, then idle"):
        sections.append(await canaries.idle(folder))
    return sections


def rules(_: Path, progress: Progress) -> list[Section]:
    """Simulate the grid of releases."""
    with progress.step("canary rules: the grid of simulated releases"):
        return [canary_figures.take()]


def plan(_: Path, progress: Progress) -> list[Section]:
    """Time the reports of the AWS side."""
    with progress.step("amx plan of all environments"):
        return [plans.plan()]


def up(folder: Path, progress: Progress) -> list[Section]:
    """Bring a local cluster up."""
    with progress.step("amx up from cached images"), local.cluster(folder) as (_, came_up):
        return [came_up]


def rollbacks(folder: Path, progress: Progress) -> list[Section]:
    """Release bad versions on a local cluster."""
    with progress.step("bad releases on kind"), local.cluster(folder) as (settings, _):
        return [asyncio.run(local.releases(settings))]


AREAS: Mapping[str, Callable[[Path, Progress], list[Section]]] = {
    "rules": rules,
    "canaries": lambda folder, progress: asyncio.run(canary_operator(folder, progress)),
    "engine": lambda folder, progress: asyncio.run(engine(folder, progress)),
    "plan": plan,
    "rollbacks": rollbacks,
    "up": up,
}


def main(words: list[str]) -> int:
    """Take what `words` ask for; an area is written as soon as all of it was taken."""
    if not set(words) <= set(AREAS):
        sys.stderr.write(f"usage: python -m tests.benchmarks [{'] ['.join(AREAS)}]\n")
        return 2
    progress = Progress()
    for area in [one for one in AREAS if one in words or not words]:
        load = figures.load()
        with tempfile.TemporaryDirectory(prefix="amx-bench-") as name:
            text = figures.render(AREAS[area](Path(name), progress), load)
        PAGE.write_text(with_area(PAGE.read_text(), area, text, list(AREAS)))
        sys.stdout.write(text)
        progress.say(f"{area}: written to {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
