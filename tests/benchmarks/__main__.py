"""Take figures and write docs/benchmarks.md: `python -m tests.benchmarks [area ...]`; without an area, all."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from cluster.local.progress import Progress
from cluster.local.settings import ROOT
from tests.benchmarks import canaries, figures, local, measures, plans, shifts
from tests.benchmarks.canary_rules import figures as canary_figures
from tests.benchmarks.figures import Section
from tests.benchmarks.stage import stage

PAGE = ROOT / "docs" / "benchmarks.md"
WORDS = ("rules", "canaries", "engine", "plan", "up")


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


def on_cluster(folder: Path) -> list[Section]:
    """Take the figures of the local cluster."""
    with local.cluster(folder) as (settings, came_up):
        if came_up.figures[0].value is None:
            return [came_up]
        return [asyncio.run(local.releases(settings)), came_up]


def main(words: list[str]) -> int:
    """Take what `words` ask for; the page is written only when all of it was taken."""
    if not set(words) <= set(WORDS):
        sys.stderr.write(f"usage: python -m tests.benchmarks [{'] ['.join(WORDS)}]\n")
        return 2
    wanted, progress, load = words or list(WORDS), Progress(), figures.load()
    sections = list[Section]()
    if "rules" in wanted:
        with progress.step("canary rules: the grid of simulated releases"):
            sections.append(canary_figures.take())
    with tempfile.TemporaryDirectory(prefix="amx-bench-") as name:
        if "canaries" in wanted:
            sections += asyncio.run(canary_operator(Path(name), progress))
        if "engine" in wanted:
            sections += asyncio.run(engine(Path(name), progress))
        if "plan" in wanted:
            with progress.step("amx plan of all environments"):
                sections.append(plans.plan())
        if "up" in wanted:
            with progress.step("amx up from cached images, bad releases on it"):
                sections += on_cluster(Path(name))
    page = figures.render(sections, load)
    if set(wanted) == set(WORDS):
        PAGE.write_text(page)
        progress.say(f"written to {PAGE.relative_to(ROOT)}")
    sys.stdout.write(page)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
