"""How long `amx plan` takes, and what it costs: a new process each time, as a user has it."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

from cluster.local.settings import ROOT
from tests.benchmarks.figures import Figure, Section
from tests.benchmarks.sampling import MIB

PLANS = 5
PLAN_DAY = "2026-11-23"
PLAN_TARGET_S = 5.0
PLAN_HOW = "`amx plan --view all`: dev, staging and prod captured and seen in every view, in a new process each time."


def plan() -> Section:
    """Plan all environments with every view, each time in a new process."""
    command = [sys.executable, "-m", "amx", "plan", "--view", "all", "--today", PLAN_DAY]
    seconds, processor, peaks = [], [], []
    for _ in range(PLANS):
        started = time.monotonic()
        child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds.append(time.monotonic() - started)
        processor.append(used.ru_utime + used.ru_stime)
        peaks.append(used.ru_maxrss * 1024)
        if child.returncode:
            reason = f"amx plan ended with exit code {child.returncode}"
            return Section("Plan of the AWS side", PLAN_HOW, (Figure("amx plan", None, "s", PLAN_TARGET_S, reason),))
    wall, work = statistics.median(seconds), statistics.median(processor)
    missed = f"the work itself is {work:.1f} s of one core; the rest is waiting for the machine's other work"
    figures = (
        Figure(f"amx plan, median of {PLANS}", wall, "s", PLAN_TARGET_S, missed if wall > PLAN_TARGET_S else ""),
        Figure("processor, median", work, "s"),
        Figure("peak of memory", max(peaks) / MIB, "MiB", 300),
    )
    return Section("Plan of the AWS side", PLAN_HOW, figures)
