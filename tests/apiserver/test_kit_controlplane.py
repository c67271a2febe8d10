"""The API-server tier itself: whatever ends the tests, no process and no folder is left."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from operators.kit.testing.controlplane import remove_leftovers

RUN = """
import json, sys, time
from pathlib import Path
from operators.kit.testing.controlplane import control_plane

with control_plane({name: Path(path) for name, path in json.loads(sys.argv[1]).items()}) as running:
    print(running.logs.parent, flush=True)
    time.sleep(3600)
"""


def processes_in(folder: str) -> list[str]:
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = each.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if folder in command:
            found.append(command)
    return found


@pytest.fixture
def running(programs: dict[str, Path]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    argv = [sys.executable, "-c", RUN, json.dumps({name: str(path) for name, path in programs.items()})]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    folder = process.stdout.readline().strip()
    assert len(processes_in(folder)) == 3
    yield process, folder
    process.kill()
    process.communicate()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_nothing_outlives_the_run(running: tuple[subprocess.Popen[str], str], how: signal.Signals) -> None:
    process, folder = running
    process.send_signal(how)
    process.wait(60)
    deadline = time.monotonic() + 30
    while processes_in(folder) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_in(folder) == []
    if how is signal.SIGKILL:
        remove_leftovers()  # what the next run begins with
    assert not Path(folder).exists()
