"""The figures, their targets, and the page they are written to.

In:  measured values. Out: sections of docs/benchmarks.md, with machine and date; a figure that falls short stands there
like any other, with the reason as far as it is known.
"""

from __future__ import annotations

import math
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One measured value; `target` None has nothing to reach."""

    name: str
    value: float | None
    unit: str
    target: float | None = None
    reason: str = ""
    """Why it falls short, or why it was not measured."""
    peer: str = ""
    """What the peer was measured at: Argo CD 3.2.1 on such a machine, or what the section names."""

    @property
    def verdict(self) -> str:
        """`met`, `missed`, or nothing."""
        if self.value is None:
            return "not measured"
        if self.target is None:
            return ""
        return "met" if self.value <= self.target else "**missed**"


@dataclass(frozen=True)
class Section:
    """Figures that were taken together."""

    title: str
    how: str
    figures: tuple[Figure, ...]
    peer: str = "Argo CD"
    """Whose the peer figures are."""


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def median_and_p95(name: str, seconds: Sequence[float], targets: tuple[float, float], peer: str) -> list[Figure]:
    """Return the two figures of a list of times."""
    return [
        Figure(f"{name}, median of {len(seconds)}", statistics.median(seconds), "s", targets[0], peer=peer),
        Figure(f"{name}, p95", percentile(seconds, 0.95), "s", targets[1]),
    ]


def machine() -> str:
    """Describe this machine in one line: processor, cores, memory, kernel."""
    lines = dict(
        line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().splitlines() if line.strip() and ":" in line
    )
    model = next((value.strip() for key, value in lines.items() if key.strip() == "model name"), platform.machine())
    memory = next(
        int(line.split()[1]) / 1024 / 1024
        for line in Path("/proc/meminfo").read_text().splitlines()
        if line.startswith("MemTotal")
    )
    system = f"Linux {platform.release()}, Python {platform.python_version()}"
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, {system}"


def load() -> str:
    """Say how busy the machine was: other work makes figures worse."""
    return f"{os.getloadavg()[0]:.1f}"


def taken(load_before: str) -> str:
    """Say when and where figures were taken."""
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    return f"Taken {date} on {machine()}; load average at the start: {load_before}.\n"


def render(sections: Sequence[Section], load_before: str) -> str:
    """Write what was taken together."""
    parts = []
    for section in sections:
        parts.append(f"## {section.title}\n\n{section.how}\n\n{taken(load_before)}")
        rows = [f"| What | Measured | Target | | {section.peer} |", "|---|---|---|---|---|"]
        for one in section.figures:
            target = f"≤ {_text(one.target)} {one.unit}" if one.target is not None else ""
            measured = f"{_text(one.value)} {one.unit}" if one.value is not None else "none"
            rows.append(f"| {one.name} | {measured} | {target} | {one.verdict} | {one.peer} |")
        parts.append("\n".join(rows) + "\n")
        reasons = [f"- {one.name}: {one.reason}" for one in section.figures if one.reason]
        if reasons:
            parts.append("\n".join(reasons) + "\n")
    return "\n".join(parts)


def _text(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 20 or value == int(value) else f"{value:.2f}"
