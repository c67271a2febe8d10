"""Progress of long steps: a bar on a terminal, plain lines elsewhere.

`with progress.step("build traefik", total=3) as step: step.advance()`; a step without a total is a
spinner. Plain lines come at the start, every `HEARTBEAT_S` seconds while the step lasts (so that a log
shows life), and at the end with the seconds it took. Several threads may hold steps of one Progress.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Protocol

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

HEARTBEAT_S = 15.0


class Step(Protocol):
    """One running step, as the code that does the work sees it."""

    def advance(self, amount: int = 1) -> None:
        """Say that `amount` more of the total is done."""

    def note(self, text: str) -> None:
        """Say in a few words what is going on; replaces the note before."""


class Progress:
    """Shows steps on `stream` (standard error by default); silent when `quiet`."""

    def __init__(self, stream: IO[str] | None = None, *, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._lock = threading.Lock()
        self._bars: Bars | None = None
        self._running = 0

    @contextmanager
    def step(self, title: str, total: int | None = None) -> Iterator[Step]:
        """Show `title` while the block runs; its end is marked done, or failed when it raises."""
        if self._quiet:
            yield _Silent()
        elif self._stream.isatty():
            with self._bar_step(title, total) as step:
                yield step
        else:
            with self._line_step(title, total) as step:
                yield step

    def say(self, line: str) -> None:
        """Print one line between the steps."""
        if self._quiet:
            return
        with self._lock:
            if self._bars is not None:
                self._bars.console.print(line, highlight=False, markup=False)
            else:
                print(line, file=self._stream, flush=True)

    @contextmanager
    def _line_step(self, title: str, total: int | None) -> Iterator[Step]:
        step = _Line(self, title, total)
        self.say(f"{title} …")
        beat = threading.Thread(target=step.beat, daemon=True)
        beat.start()
        outcome = "failed"
        try:
            yield step
            outcome = "done"
        finally:
            step.ended.set()
            beat.join()
            self.say(f"{title}: {outcome} after {step.elapsed_s:.1f} s")

    @contextmanager
    def _bar_step(self, title: str, total: int | None) -> Iterator[Step]:
        bars = self._open_bars()
        task = bars.add_task(title, total=total, note="")
        try:
            yield _Bar(bars, task)
            bars.update(task, total=total or 1, completed=total or 1, note="done")
        except BaseException:
            bars.update(task, note="failed")
            raise
        finally:
            bars.stop_task(task)
            self._close_bars()

    def _open_bars(self) -> Bars:
        """One live display for all steps that run at the same time: a terminal can show only one."""
        with self._lock:
            if self._bars is None:
                self._bars = Bars(
                    SpinnerColumn(finished_text="✓"),
                    TextColumn("{task.description}"),
                    BarColumn(bar_width=24),
                    TimeElapsedColumn(),
                    TextColumn("{task.fields[note]}"),
                    console=Console(file=self._stream),
                )
                self._bars.start()
            self._running += 1
            return self._bars

    def _close_bars(self) -> None:
        with self._lock:
            self._running -= 1
            if self._running == 0 and self._bars is not None:
                self._bars.stop()
                self._bars = None


class _Silent:
    def advance(self, amount: int = 1) -> None:
        """Nobody watches."""

    def note(self, text: str) -> None:
        """Nobody watches."""


class _Bar:
    def __init__(self, bars: Bars, task: TaskID) -> None:
        self._bars = bars
        self._task = task

    def advance(self, amount: int = 1) -> None:
        self._bars.advance(self._task, amount)

    def note(self, text: str) -> None:
        self._bars.update(self._task, note=text)


class _Line:
    def __init__(self, progress: Progress, title: str, total: int | None) -> None:
        self._progress = progress
        self._title = title
        self._total = total
        self._done = 0
        self._note = ""
        self._started = time.monotonic()
        self.ended = threading.Event()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._started

    def advance(self, amount: int = 1) -> None:
        self._done += amount

    def note(self, text: str) -> None:
        self._note = text

    def beat(self) -> None:
        while not self.ended.wait(HEARTBEAT_S):
            count = f" {self._done}/{self._total}" if self._total else ""
            note = f", {self._note}" if self._note else ""
            self._progress.say(f"{self._title}:{count} {self.elapsed_s:.0f} s{note}")
