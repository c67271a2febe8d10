"""An object as `kubectl get --watch` tells of it, line by line, for so long as somebody looks.

In:  a kubectl command, an object, a JSONPath, a bound of time. Out: one line for every change, the present state first.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def watching(kubectl: Sequence[str], what: Sequence[str], path: str, timeout_s: float) -> Iterator[Iterator[str]]:
    """Watch an object between `with` and its end; after `timeout_s` the lines end."""
    process = subprocess.Popen(
        [*kubectl, "get", *what, "--watch", "--output", f'jsonpath={path}{{"\\n"}}'],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        try:
            yield _lines_until(process, time.monotonic() + timeout_s)
        finally:
            process.kill()


def _lines_until(process: subprocess.Popen[str], deadline: float) -> Iterator[str]:
    """Yield what a process prints; when the deadline comes the process is ended, which ends its output."""
    timer = threading.Timer(max(0.0, deadline - time.monotonic()), process.kill)
    timer.daemon = True
    timer.start()
    try:
        for line in process.stdout or ():
            yield line.strip()
    finally:
        timer.cancel()
