"""A killed installation must not keep the services of the user's own packages from starting for ever."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.local import packages
from cluster.local.commands import locked

# An installation in a process of its own: it says that the switch is set, and then never ends.
INSTALLING = """
import sys, time
from pathlib import Path
from cluster.local import packages
from cluster.local.commands import locked
packages.POLICY, packages.LOCK = Path(sys.argv[1]), Path(sys.argv[2])
with locked(packages.LOCK), packages._no_services():
    print("begun", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "POLICY", tmp_path / "policy-rc.d")
    monkeypatch.setattr(packages, "LOCK", tmp_path / "run" / "apt.lock")


def test_the_switch_of_a_killed_installation_is_removed_and_that_of_a_running_one_is_not() -> None:
    command = [sys.executable, "-c", INSTALLING, str(packages.POLICY), str(packages.LOCK)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        assert packages.POLICY.exists()
        assert not packages.tidy()
        assert packages.POLICY.exists()
        os.kill(process.pid, signal.SIGKILL)
    assert packages.POLICY.exists(), "nobody could put it away"
    shutil.rmtree(packages.LOCK.parent)  # as a reboot does
    assert packages.tidy()
    assert not packages.POLICY.exists()
    assert not packages.tidy()


def test_a_switch_of_the_users_stays() -> None:
    packages.POLICY.write_text("#!/bin/sh\nexit 101\n")
    assert not packages.tidy()
    with locked(packages.LOCK), packages._no_services():
        pass
    assert packages.POLICY.read_text() == "#!/bin/sh\nexit 101\n"
