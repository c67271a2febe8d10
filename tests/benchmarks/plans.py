"""How long `amx plan` takes, and what it costs: a new process each time, as a user has it."""

from __future__ import annotations

import statistics
import sys

from cluster.local.settings import ROOT
from tests.benchmarks.figures import Figure, Section
from tests.benchmarks.sampling import MIB, used_by

PLANS = 5
PLAN_DAY = "2026-11-23"
PLAN_TARGET_S = 5.0
PLAN_HOW = "`amx plan --view all`: dev, staging and prod captured and seen in every view, in a new process each time."


def plan() -> Section:
    """Plan all environments with every view, each time in a new process."""
    command = [sys.executable, "-m", "amx", "plan", "--view", "all", "--today", PLAN_DAY]
    runs = [used_by(command, ROOT) for _ in range(PLANS)]
    failed = next((run.code for run in runs if run.code), 0)
    if failed:
        reason = f"amx plan ended with exit code {failed}"
        return Section("Plan of the AWS side", PLAN_HOW, (Figure("amx plan", None, "s", PLAN_TARGET_S, reason),))
    wall, work = statistics.median(run.seconds for run in runs), statistics.median(run.processor for run in runs)
    missed = f"the work itself is {work:.1f} s of one core; the rest is waiting for the machine's other work"
    figures = (
        Figure(f"amx plan, median of {PLANS}", wall, "s", PLAN_TARGET_S, missed if wall > PLAN_TARGET_S else ""),
        Figure("processor, median", work, "s"),
        Figure("peak of memory", max(run.peak for run in runs) / MIB, "MiB", 300),
    )
    return Section("Plan of the AWS side", PLAN_HOW, figures)
