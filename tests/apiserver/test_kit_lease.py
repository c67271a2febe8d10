"""The Lease between real processes: a killed holder is succeeded, a stopped one hands over at once."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HOLDER = """
import asyncio, os, sys
from pathlib import Path
from operators.kit.kubernetes_api import KubernetesApi
from operators.kit.lease import Lease, LeaseSettings
from operators.kit.logging import configure

async def main() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(15, stop.set)
    async with await KubernetesApi.connect(Path(sys.argv[1])) as api:
        namespace, identity, duration_s = sys.argv[2], sys.argv[3], float(sys.argv[4])
        settings = LeaseSettings(namespace, "engine", identity, duration_s, deadline_s=duration_s * 0.6, retry_s=0.3)
        async with Lease(api, settings).held(lambda: os._exit(9)):
            print("held", flush=True)
            await stop.wait()

configure("CRITICAL")
asyncio.run(main())
"""


class Holders:
    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._argv = [sys.executable, "-c", HOLDER, str(kubeconfig), namespace]
        self.running: list[subprocess.Popen[str]] = []

    def start(self, identity: str, duration_s: float = 6) -> subprocess.Popen[str]:
        process = subprocess.Popen([*self._argv, identity, str(duration_s)], stdout=subprocess.PIPE, text=True)
        self.running.append(process)
        return process


@pytest.fixture
def holders(kubeconfig: Path, namespace: str) -> Iterator[Holders]:
    holders = Holders(kubeconfig, namespace)
    yield holders
    for process in holders.running:
        process.kill()
        process.communicate()


def wait_until_held(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"


def test_a_killed_holder_is_succeeded_when_its_time_has_run_out(holders: Holders) -> None:
    first = holders.start("first")
    wait_until_held(first)
    second = holders.start("second")
    first.kill()
    wait_until_held(second)


def test_a_holder_that_stops_hands_over_at_once(holders: Holders) -> None:
    first = holders.start("first", duration_s=3600)
    wait_until_held(first)
    second = holders.start("second", duration_s=3600)
    first.terminate()
    assert first.wait(30) == 0
    wait_until_held(second)


def test_a_holder_that_was_frozen_ends_when_it_wakes(holders: Holders) -> None:
    first = holders.start("first")
    wait_until_held(first)
    os.kill(first.pid, signal.SIGSTOP)
    second = holders.start("second")
    wait_until_held(second)
    os.kill(first.pid, signal.SIGCONT)
    assert first.wait(30) == 9
    assert second.poll() is None
