"""Run the stages of `make check` and `make test`, cheap failures first, and say at the end how each went.

In:  the word `check` or `test`, optionally followed by names of stages to run only those.
Out: the exit code 0 when every stage passed, 1 otherwise, 130 when interrupted; logs in `.amx/logs/`.

Stages of a group run side by side, two for each core because their tests often wait: for processes, for
answers. Those of `check` show their output only when they fail. The later groups' output streams, each line with its
stage where there are several. A failed stage ends the run once its group is through: what follows costs minutes and
would fail for the same reason.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from tools.failures import failed_tests

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / ".amx" / "logs"
CHILD_PATIENCE_S = 300.0
"""How long an interrupted stage may take to put away what it started (a cluster takes a while)."""
SOURCES = ("tests/unit/gitops_sources",)
"""Tests with a real git and a real Helm each: as much work as all the others."""
WAITING = {
    "amx": ("tests/unit/amx",),
    "machine": ("tests/unit/cluster", "tests/unit/tools"),
    "services": tuple(f"tests/unit/{area}" for area in ("git_server", "hub", "kit")),
}
"""Tests that mostly wait, for processes or for time to pass: beside the others they cost hardly any time."""
APART = tuple(folder for folders in (SOURCES, *WAITING.values()) for folder in folders)


@dataclass(frozen=True)
class Stage:
    """One command; its first word is a program of the virtual environment."""

    name: str
    command: tuple[str, ...]
    needs: str = ""
    """A path without which there is nothing to do."""


def ignoring(folders: Sequence[str]) -> list[str]:
    """Return pytest's options to leave folders out."""
    return [f"--ignore={folder}" for folder in folders]


def pytest(name: str, folders: Sequence[str], *options: str) -> Stage:
    """Describe a stage that runs the tests of those of `folders` that are there."""
    present = [folder for folder in folders if (ROOT / folder).is_dir()]
    own = ("-o", f"cache_dir=.pytest_cache/{name}", f"--junitxml={LOGS / name}.xml")
    return Stage(name, ("pytest", *own, *options, *present), folders[0])


FIRST = (Stage("host", ("python", "-m", "tools.host")),)
"""Before anything else: a test that finds no SSH server fails, as one that is left out proves nothing."""
CHECK = (
    Stage("types", ("mypy",)),
    pytest("sources", SOURCES, "-q", "--durations=5"),
    *(pytest(name, folders, "-q", "--durations=5") for name, folders in WAITING.items()),
    pytest("pure", ["tests/unit", "tests/properties"], "-q", "--durations=5", *ignoring(APART)),
    Stage("format", ("ruff", "format", "--check", ".")),
    Stage("lint", ("ruff", "check", ".")),
    Stage("spelling", ("codespell",)),
    Stage("contracts", ("lint-imports",)),
    Stage("docs", ("python", "-m", "tools.docs")),
)
ENGINE = ("tests/apiserver/gitops",)
CANARY = ("tests/apiserver/canary", "tests/apiserver/data_plane")
"""The operators' scenarios: as much work each as all else on the real API server. Each stage has its own server."""
TEST = (
    (Stage("build", ("python", "-m", "tools.build")),),
    (
        pytest("engine", ENGINE, "-v", "--durations=10"),
        pytest("canary", CANARY, "-v", "--durations=10"),
        pytest("apiserver", ["tests/apiserver"], "-v", "--durations=10", *ignoring((*ENGINE, *CANARY))),
        pytest("cluster", ["tests/cluster"], "-v", "--durations=5"),
        pytest("charts", ["tests/charts"], "-v", "--durations=5"),
    ),
    (pytest("e2e", ["tests/e2e"], "-v", "--durations=15"),),
)
"""In groups, one after the other. A cluster wants the machine for itself: its tests count failed requests."""


@dataclass
class Result:
    """How one stage went; `code` None: it was not run."""

    stage: Stage
    code: int | None = None
    seconds: float = 0.0
    note: str = ""


@dataclass
class Running:
    """A stage under way; `shown` bytes of its log have been shown."""

    result: Result
    process: subprocess.Popen[bytes]
    log: Path | None
    started: float = field(default_factory=time.monotonic)
    shown: int = 0


def temporary_root(name: str) -> Path:
    """Return where a stage's pytest keeps its folders: two of them would clear away each other's old ones."""
    checkout = hashlib.sha256(str(ROOT).encode()).hexdigest()[:6]
    root = Path(tempfile.gettempdir()) / f"amx-{checkout}" / name
    root.mkdir(parents=True, exist_ok=True)
    return root


def start(stage: Stage, *, log: bool) -> Running:
    """Start a stage, its output into a file or straight through."""
    path = LOGS / f"{stage.name}.log" if log else None
    (LOGS / f"{stage.name}.xml").unlink(missing_ok=True)  # what an earlier run found
    # The folder of the interpreter comes first on PATH: this is how its programs are found, here and in tests.
    programs = Path(sys.executable).parent
    command = [str(programs / stage.command[0]), *stage.command[1:]]
    environment = {**os.environ, "PATH": f"{programs}:{os.environ.get('PATH', os.defpath)}"}
    environment["PYTEST_DEBUG_TEMPROOT"] = str(temporary_root(stage.name))
    if path is None:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL)
    else:
        environment["PYTHONUNBUFFERED"] = "1"  # a line is shown when it is written
        with path.open("wb") as out:
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
            )
    return Running(Result(stage), process, path)


def finish(running: Running, console: Console) -> Result:
    """Take down how a stage ended and show the log of a failure, as far as it has not been shown."""
    result = running.result
    result.code = running.process.returncode
    result.seconds = time.monotonic() - running.started
    if result.code and running.log and not running.shown:
        console.rule(f"[red]{result.stage.name}", align="left")
        sys.stdout.write(running.log.read_text(errors="replace"))
        sys.stdout.flush()
    console.print(f"{_mark(result)} {result.stage.name:<10} {result.seconds:6.1f} s", highlight=False)
    return result


def follow(running: Running, console: Console) -> None:
    """Show the lines that a stage has written since, each with the stage's name."""
    if running.log is None:
        return
    with running.log.open("rb") as log:
        log.seek(running.shown)
        lines = log.read()
    whole = lines if running.process.returncode is not None else lines[: lines.rfind(b"\n") + 1]
    running.shown += len(whole)
    for line in whole.decode(errors="replace").splitlines():
        console.print(f"{running.result.stage.name:<10} {line}", highlight=False, markup=False, soft_wrap=True)


def run_group(stages: Sequence[Stage], console: Console, *, stream: bool) -> Iterator[Result]:
    """Run stages side by side; all of them, whichever fails: one call shows everything that is wrong.

    With `stream` their output is seen while they run; that of a single stage goes straight through.
    """
    waiting, active = list(stages), list[Running]()
    alone = stream and len(stages) == 1
    status = contextlib.nullcontext() if alone else console.status("")
    with _children(active), status as shown:
        while waiting or active:
            while waiting and len(active) < 2 * (os.cpu_count() or 1):
                stage = waiting.pop(0)
                if stage.needs and not (ROOT / stage.needs).exists():
                    yield Result(stage, note=f"there is no {stage.needs}")
                    continue
                if alone:
                    console.rule(stage.name, align="left")
                elif not console.is_terminal:  # there the line below shows what runs
                    console.print(f"  {stage.name} …", highlight=False)
                active.append(start(stage, log=not alone))
            if shown:
                shown.update("at work: " + ", ".join(one.result.stage.name for one in active))
            ended = [one for one in active if one.process.poll() is not None]
            for one in active if stream else ():
                follow(one, console)
            for one in ended:
                active.remove(one)
                yield finish(one, console)
            time.sleep(0.05)


@contextmanager
def _children(active: list[Running]) -> Iterator[None]:
    """Stop what still runs when this block is left: by SIGINT, which is what makes pytest put its fixtures away."""
    try:
        yield
    finally:
        for one in active:
            if one.process.poll() is None:
                one.process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + CHILD_PATIENCE_S
        for one in active:
            try:
                one.process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                one.process.kill()


def _mark(result: Result) -> str:
    if result.code is None:
        return "[yellow]-[/]"
    return "[green]✓[/]" if result.code == 0 else "[red]✗[/]"


def summarise(results: Sequence[Result], planned: Sequence[Stage], console: Console) -> int:
    """Print one line for each stage and return the exit code."""
    by_name = {result.stage.name: result for result in results}
    console.rule("summary", align="left")
    for stage in planned:
        result = by_name.get(stage.name, Result(stage, note="not run: an earlier stage failed"))
        text = {None: result.note or "not run", 0: "passed"}.get(result.code, f"failed (exit code {result.code})")
        console.print(f"{_mark(result)} {stage.name:<10} {result.seconds:6.1f} s  {text}", highlight=False)
        for test in failed_tests(LOGS / f"{stage.name}.xml") if result.code else ():
            console.print(f"✗ {stage.name:<10} {test}", highlight=False, markup=False, soft_wrap=True)
    failed = any(result.code for result in results) or len(results) < len(planned)
    total = sum(result.seconds for result in results)
    console.print(f"{'[red]failed[/]' if failed else '[green]passed[/]'}; {total:.0f} s of work", highlight=False)
    return 1 if failed else 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str]) -> int:
    """Run what `arguments` ask for and return the exit code."""
    word, *names = arguments or ("check",)
    groups = (FIRST, CHECK, *(TEST if word == "test" else ()))
    known = {stage.name for group in (FIRST, CHECK, *TEST) for stage in group}
    if word not in {"check", "test"} or not known.issuperset(names):
        sys.stderr.write(f"usage: python -m tools.verify check|test [stage ...]; stages: {' '.join(sorted(known))}\n")
        return 2
    LOGS.mkdir(parents=True, exist_ok=True)
    # A shell's background job ignores SIGINT, and so would all that is started here: tests interrupt what they start.
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console()
    chosen = [[stage for stage in group if not names or stage.name in names] for group in groups]
    results: list[Result] = []
    try:
        for group, stages in zip(groups, chosen, strict=True):
            results += run_group(stages, console, stream=group is not CHECK)
            if any(result.code for result in results):
                break
    except KeyboardInterrupt:
        console.print(f"interrupted; `make {word}` starts again and keeps what was downloaded and built")
        return 130
    return summarise(results, [stage for group in chosen for stage in group], console)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
