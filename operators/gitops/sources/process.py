"""Run one program, bounded in time, output and memory.

In:  an argument list (never a shell), an environment of its own, limits. Out: what it printed and its exit code.
Trade-off: the memory limit is set from outside just after the start (prlimit) instead of in the child before exec,
because code between fork and exec would rule out vfork, which costs milliseconds in a process of 100 MiB.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CHUNK = 1 << 16


class TookTooLong(Exception):
    """The program was killed because its time was over; `cpu_s` is how much of it it had a processor for."""

    def __init__(self, cpu_s: float = 0.0) -> None:
        super().__init__()
        self.cpu_s = cpu_s


class TooMuchOutput(Exception):
    """The program was killed because it printed more than allowed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`timeout_s` of wall time; bytes of standard output; bytes of private memory (0: unlimited)."""

    timeout_s: float
    output_bytes: int = 8 << 20
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that ended by itself; of a long stderr only the end is kept."""

    returncode: int
    stdout: bytes
    stderr: str


async def run(
    argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, limits: Limits, stdin: bytes | None = None
) -> Finished:
    """Run a program to its end; whatever happens, it and its children are gone afterwards.

    Raises TookTooLong, TooMuchOutput, or OSError where it cannot be started.
    """
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(env),
        cwd=cwd,
        start_new_session=True,
    )
    _limit(process.pid, limits)
    assert process.stdout is not None  # noqa: S101  # asked for above
    assert process.stderr is not None  # noqa: S101
    reading = [
        asyncio.ensure_future(_read(process.stdout, limits.output_bytes)),
        asyncio.ensure_future(_read_end(process.stderr)),
        asyncio.ensure_future(_feed(process.stdin, stdin)),
    ]
    try:
        async with asyncio.timeout(limits.timeout_s):
            stdout, stderr, _ = await asyncio.gather(*reading)
            await process.wait()
    except TimeoutError:
        raise TookTooLong(_cpu_s(process.pid)) from None
    finally:
        await _end(process, reading)
    return Finished(process.returncode or 0, stdout, stderr.decode(errors="replace"))


def _limit(pid: int, limits: Limits) -> None:
    # A program whose starter is killed has nobody to end it: the processor limit does, sooner or later. As all threads
    # count, it is more than the program can have had on all processors when its time is over.
    cpu_s = int(limits.timeout_s * (os.cpu_count() or 1)) + 1
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_CPU, (cpu_s, cpu_s))
        if limits.memory_bytes:
            resource.prlimit(pid, resource.RLIMIT_DATA, (limits.memory_bytes, limits.memory_bytes))


def _cpu_s(pid: int) -> float:
    """Processor seconds of a running program; 0 where the machine does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0


async def _end(process: asyncio.subprocess.Process, reading: Sequence[asyncio.Future[bytes]]) -> None:
    # Also after a normal end: a child that outlived the program would keep its pipes open for ever.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for task in reading:
        task.cancel()
    await asyncio.gather(*reading, return_exceptions=True)
    await close(process)


async def close(process: asyncio.subprocess.Process) -> None:
    """Wait for a program that was killed. Its pipes are closed first: asyncio would wait for somebody to read them."""
    process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001  # there is no public way
    await process.wait()


async def _read(stream: asyncio.StreamReader, most: int) -> bytes:
    chunks, size = [], 0
    while chunk := await stream.read(CHUNK):
        size += len(chunk)
        if size > most:
            raise TooMuchOutput
        chunks.append(chunk)
    return b"".join(chunks)


async def _read_end(stream: asyncio.StreamReader) -> bytes:
    end = b""
    while chunk := await stream.read(CHUNK):
        end = (end + chunk)[-CHUNK:]
    return end


async def _feed(stream: asyncio.StreamWriter | None, data: bytes | None) -> bytes:
    if stream is not None and data is not None:
        # A program that ends without reading everything is judged by its exit code.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            stream.write(data)
            await stream.drain()
        stream.close()
    return b""
