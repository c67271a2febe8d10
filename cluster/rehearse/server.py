"""moto in server mode: started for one rehearsal, and stopped with it.

In:  nothing. Out: the URL of an empty AWS API on this machine. It has AWS's own policies, so that roles can hold them.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

LONGEST_S = 60
HOST = "127.0.0.1"


class NoMotoError(RuntimeError):
    """moto is not there, or does not start; the message says what mends it."""


@contextmanager
def moto() -> Iterator[str]:
    """Yield the URL of a moto that ends with the block; NoMotoError when there is none."""
    if importlib.util.find_spec("moto") is None:
        raise NoMotoError("moto is not installed (it comes with: make setup)")
    port = _free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "--host", HOST, "--port", str(port)],
        env={**os.environ, "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await(port, process)
        yield f"http://{HOST}:{port}"
    finally:
        process.terminate()
        process.wait(LONGEST_S)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + LONGEST_S
    while time.monotonic() < end:
        if process.poll() is not None:
            raise NoMotoError(f"moto ended with exit code {process.returncode} (make setup installs it anew)")
        try:
            with socket.create_connection((HOST, port), timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise NoMotoError(f"moto does not answer after {LONGEST_S} s")
