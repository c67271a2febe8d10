"""Set-up on machines that lack something: one clear line, and nothing half-made that looks finished."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def program(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def set_up(venv: Path, bin_: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}", "PYTHON": "", **variables}
    return subprocess.run(
        ["sh", str(ROOT / "tools/setup.sh"), str(venv)],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def bin_(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


def test_an_old_python_that_was_asked_for_is_refused(tmp_path: Path, bin_: Path) -> None:
    old = program(bin_, "python-old", "exit 1")
    done = set_up(tmp_path / "venv", bin_, PYTHON=str(old))
    assert done.returncode == 1
    assert done.stderr == f"setup  PYTHON={old} is not a Python >= 3.11\n"
    assert not (tmp_path / "venv").exists()


def test_without_any_new_python_one_line_says_how_to_name_one(tmp_path: Path, bin_: Path) -> None:
    for name in ("python3", "python3.14", "python3.13", "python3.12", "python3.11"):
        program(bin_, name, "exit 1")
    done = set_up(tmp_path / "venv", bin_)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "setup  Python >= 3.11 is needed and none was found; install one, or name it: make PYTHON=/path/to/python3"
    ]


def test_without_ensurepip_and_without_root_the_package_is_named(tmp_path: Path, bin_: Path) -> None:
    split = program(bin_, "python-split", f'[ "$2" = "import ensurepip" ] && exit 1; exec {sys.executable} "$@"')
    program(bin_, "id", "echo 1000")
    done = set_up(tmp_path / "venv", bin_, PYTHON=str(split))
    assert done.returncode == 1
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    assert f"install the package {package} and call again" in done.stderr
    assert not (tmp_path / "venv").exists()


def says(venv: Path) -> str:
    """What `make setup` would do with this environment."""
    return subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "setup", f"VENV={venv}"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout


def test_an_environment_whose_python_is_gone_or_another_is_made_anew(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    assert "tools/setup.sh" in says(venv)
    (venv / "bin").mkdir(parents=True)
    (venv / ".ready").touch()
    python = venv / "bin" / "python"
    system = Path(sys.executable).resolve()
    (venv / "pyvenv.cfg").write_text(f"home = {system.parent}\ninclude-system-site-packages = false\n")
    python.symlink_to(system)
    assert "tools/setup.sh" in says(venv), "its packages are those of another version"
    python.unlink()
    python.symlink_to(tmp_path / "gone")
    assert "tools/setup.sh" in says(venv)
    python.unlink()
    program(venv / "bin", "python", f'exec {sys.executable} "$@"')
    assert "tools/setup.sh" not in says(venv), "nothing is missing"


def test_an_interrupted_set_up_has_no_stamp_and_is_made_anew(tmp_path: Path, bin_: Path) -> None:
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    program(venv / "bin", "python", "exit 1")
    broken = program(bin_, "python-broken", f'[ "$2" = "venv" ] && exit 7; exec {sys.executable} "$@"')
    done = set_up(venv, bin_, PYTHON=str(broken))
    assert "is incomplete" in done.stdout
    assert done.returncode == 7
    assert not (venv / ".ready").exists()
