"""Who may stop the platform's own engine: the last one that uses it, and nobody under anybody else."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cluster.local import engine, usage
from cluster.local.engine import Engine
from cluster.local.settings import ROOT

OWNED = Engine("1", owned=True)
# What another checkout's `amx up`, image build or test run begins with.
OTHER = """
import sys
from pathlib import Path
from cluster.local import engine, usage

usage.RUN = Path(sys.argv[1])
engine.DATA = Path(sys.argv[1])
engine.SOCKET = Path(sys.argv[1]) / "docker.sock"
engine.find()
print("has looked for the engine", flush=True)
sys.stdin.read()
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(autouse=True)
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """An engine of this test's own, without containers; what stopped it is noted."""
    noted: list[str] = []

    def stop() -> bool:
        noted.append("stopped")
        return True

    monkeypatch.setattr(usage, "RUN", tmp_path)
    monkeypatch.setattr(usage, "_lock", None)
    monkeypatch.setattr(engine, "stop", stop)
    monkeypatch.setattr(engine, "is_idle", lambda _: True)
    yield noted
    if usage._lock is not None:
        os.close(usage._lock)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start another process that uses the engine until its input ends."""
    running: list[subprocess.Popen[str]] = []

    def begin(docker_host: str = "") -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", OTHER, str(tmp_path)],
            cwd=ROOT,
            env=os.environ | {"DOCKER_HOST": docker_host},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("docker_host", ["", "unix://{}/docker.sock"], ids=["plain shell", 'after eval "$(amx env)"'])
def test_the_engine_is_not_stopped_under_another_process_that_has_looked_for_it(
    start: Start, stopped: list[str], docker_host: str, tmp_path: Path
) -> None:
    other = start(docker_host.format(tmp_path))
    assert other.stdout is not None
    assert other.stdout.readline()
    assert not engine.stop_unused(OWNED)
    assert stopped == []
    other.communicate()
    assert engine.stop_unused(OWNED)
    assert stopped == ["stopped"]


def test_who_comes_while_the_engine_is_being_stopped_waits_and_then_finds_out(start: Start) -> None:
    with usage.alone() as is_alone:
        assert is_alone
        other = start()
        assert other.stdout is not None
        assert select.select([other.stdout], [], [], 3)[0] == []
    assert other.stdout.readline()
    with usage.alone() as is_alone:
        assert not is_alone


def test_an_engine_with_containers_or_of_somebody_else_stays(
    monkeypatch: pytest.MonkeyPatch, stopped: list[str]
) -> None:
    assert not engine.stop_unused(Engine("1"))
    monkeypatch.setattr(engine, "is_idle", lambda _: False)
    assert not engine.stop_unused(OWNED)
    assert stopped == []
