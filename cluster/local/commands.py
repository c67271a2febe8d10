"""Starting programs: argument lists, never a shell; output to a log; one clear error.

A program may hold on to a lock file: if this process is killed, the lock stays taken until the program
has ended, so that a second call does not start the same work beside it.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from cluster.local.errors import CommandFailed, MachineError

TAIL_LINES = 40


@dataclass(frozen=True, slots=True)
class Command:
    """What to start. `env` is added to this process's environment, or all of it; `keep` are lock files to pass on."""

    argv: Sequence[str | Path]
    title: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    log: Path | None = None
    keep: Sequence[IO[str]] = ()
    on_line: Callable[[str], None] | None = None
    inherit: bool = True

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the program."""
        return {**os.environ, **self.env} if self.inherit else dict(self.env)


def run(command: Command, *, stdin: IO[bytes] | None = None) -> None:
    """Run to the end, output to `log`; raises CommandFailed with the last line of the output."""
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    if command.log:
        command.log.parent.mkdir(parents=True, exist_ok=True)
    with (command.log or Path(os.devnull)).open("w") as log, _start(command, stdin) as process:
        assert process.stdout is not None  # noqa: S101 — Popen was told to make a pipe
        for raw in process.stdout:
            line = raw.decode(errors="replace").rstrip("\n")
            log.write(line + "\n")
            tail.append(line)
            if command.on_line:
                command.on_line(line)
    if process.returncode:
        raise CommandFailed(_title(command), process.returncode, "\n".join(tail), command.log)


def output(command: Command, *, timeout_s: float = 60, text: str | None = None) -> str:
    """Run to the end, with `text` to read, and return its standard output.

    Raises CommandFailed, also when it takes too long, and MachineError when there is no such program.
    """
    try:
        done = subprocess.run(
            [str(part) for part in command.argv],
            env=command.environment,
            cwd=command.cwd,
            **({"stdin": subprocess.DEVNULL} if text is None else {"input": text}),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError as error:
        raise _missing(command) from error
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(_title(command), -1, f"no end after {timeout_s:.0f} s") from error
    if done.returncode:
        raise CommandFailed(_title(command), done.returncode, done.stderr or done.stdout, command.log)
    return done.stdout


@contextmanager
def locked(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[IO[str]]:
    """Hold the file lock `path`; `waiting` is called once if another process has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting:
                waiting()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


def _start(command: Command, stdin: IO[bytes] | None) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [str(part) for part in command.argv],
            env=command.environment,
            cwd=command.cwd,
            stdin=stdin or subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[lock.fileno() for lock in command.keep],
        )
    except FileNotFoundError as error:
        raise _missing(command) from error


def _missing(command: Command) -> MachineError:
    return MachineError(f"{command.argv[0]} is not on this machine", f"needed to {_title(command)}")


def _title(command: Command) -> str:
    return command.title or " ".join(str(part) for part in command.argv[:3])
