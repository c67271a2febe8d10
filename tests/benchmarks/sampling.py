"""What a process and its children take, read from /proc while they run.

In:  a process id. Out: resident memory (of the process, and of it with all descendants) and CPU seconds.
Trade-off: children of a few milliseconds are only seen when a sample falls into their life; the sampling is as fast as
it can be without showing up itself, and the process's own peak is the kernel's, which misses nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

PERIOD_S = 0.02
PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
MIB = 1024 * 1024


@dataclass(frozen=True)
class Cpu:
    """CPU seconds: of the process, and of its children that have ended."""

    own: float
    children: float

    @property
    def total(self) -> float:
        """Both together."""
        return self.own + self.children

    def __sub__(self, earlier: Cpu) -> Cpu:
        """Return what was used between two readings."""
        return Cpu(self.own - earlier.own, self.children - earlier.children)


def cpu(pid: int) -> Cpu:
    """Read the CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system, child_user, child_system = (int(field) / TICKS_PER_S for field in fields[11:15])
    return Cpu(user + system, child_user + child_system)


def resident(pid: int) -> int:
    """Read the resident memory of a process, in bytes; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


def peak(pid: int) -> int:
    """Read the kernel's own record of the highest resident memory, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


def reset_peak(pid: int) -> None:
    """Begin the kernel's record anew (proc(5), clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def descendants(pid: int) -> Iterator[int]:
    """Yield the processes below one, however deep."""
    with contextlib.suppress(OSError):
        for children in list(Path(f"/proc/{pid}/task").glob("*/children")):
            with contextlib.suppress(OSError):
                for child in children.read_text().split():
                    yield int(child)
                    yield from descendants(int(child))


class Watch:
    """Samples a process tree between `with` and its end."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="sampling", daemon=True)
        self._before = cpu(pid)
        self.tree_peak = 0
        """Highest sum of the resident memory of the process and its descendants, in bytes."""
        self.own_peak = 0
        self.cpu = Cpu(0, 0)

    def __enter__(self) -> Self:
        """Begin to sample."""
        reset_peak(self._pid)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop and take the last readings."""
        self._stop.set()
        self._thread.join()
        with contextlib.suppress(OSError):
            self.own_peak = peak(self._pid)
            self.cpu = cpu(self._pid) - self._before

    def _sample(self) -> None:
        while not self._stop.wait(PERIOD_S):
            tree = [self._pid, *descendants(self._pid)]
            self.tree_peak = max(self.tree_peak, sum(resident(pid) for pid in tree))


@dataclass(frozen=True)
class Used:
    """What a process took from its start to its end."""

    code: int
    seconds: float
    processor: float
    """CPU seconds, those of its children included."""
    peak: int
    """Resident bytes at most, of the largest of it and its children."""


_ALONE = """
import json, resource, subprocess, sys, time
started = time.monotonic()
code = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode
seconds, used = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024]))
"""


def used_by(command: Sequence[str], folder: Path) -> Used:
    """Run a command to its end and return what it took.

    A small process starts it: the kernel counts into a new process's peak what its parent held when it was started, and
    a benchmark that has run for an hour holds more than what it measures.
    """
    told = subprocess.run([sys.executable, "-c", _ALONE, *command], cwd=folder, stdout=subprocess.PIPE, check=True)
    return Used(*json.loads(told.stdout))
