"""Which paths a jq expression names in an object, within a second or not at all.

Trade-off: the caller waits for the answer, so an expression that does not end costs the engine a second, and is refused
unasked for the next ten minutes.
"""

from __future__ import annotations

import json
import math
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

_LIMIT_S = 1.0
_START_S = 20.0
_REMEMBERED_S = 600.0
_CHILD = Path(__file__).with_name("jq_child.py")


class TooSlow(ValueError):
    """An expression that did not end in time, now or before."""


class JqPaths:
    """One child at a time, started when it is needed and killed when it does not answer."""

    def __init__(self, limit_s: float = _LIMIT_S) -> None:
        self._limit_s = limit_s
        self._child: subprocess.Popen[bytes] | None = None
        self._refused: dict[str, float] = {}
        self._lock = threading.Lock()

    def check(self, expression: str) -> None:
        """Raise ValueError for an expression that cannot be read, or that did not end before."""
        self._ask(expression, None)

    def paths(self, expression: str, manifest: Any) -> list[list[Any]]:
        """Return the paths; raise ValueError where the expression does not fit the object, TooSlow if it is so."""
        found: list[list[Any]] = self._ask(expression, manifest)
        return found

    def _ask(self, expression: str, manifest: Any) -> Any:
        if time.monotonic() - self._refused.get(expression, -math.inf) < _REMEMBERED_S:
            raise TooSlow("it does not end within a second: name the fields by their paths")
        with self._lock:
            answer = self._answer(self._started(), json.dumps([expression, manifest]).encode() + b"\n", self._limit_s)
            if answer is None:
                self._end()
                self._refused[expression] = time.monotonic()
                raise TooSlow("it does not end within a second: name the fields by their paths")
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer["paths"]

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            # Nothing of the engine's environment: jq can read it.
            environment = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
            command = [sys.executable, "-P", str(_CHILD)]  # -P: our http.py is not Python's
            self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
            self._answer(self._child, b'[".", null]\n', _START_S)
        return self._child

    @staticmethod
    def _answer(child: subprocess.Popen[bytes], question: bytes, limit_s: float) -> dict[str, Any] | None:
        """Return the child's answer, None where it died or was too slow."""
        stdin, stdout = _pipes(child)
        try:
            stdin.write(question)
            stdin.flush()
        except OSError:
            return None
        if not select.select([stdout], [], [], limit_s)[0]:
            return None
        line = stdout.readline()
        answer: dict[str, Any] | None = json.loads(line) if line.endswith(b"\n") else None
        return answer

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None


def _pipes(child: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if child.stdin is None or child.stdout is None:
        raise RuntimeError("the child has no pipes")
    return child.stdin, child.stdout


JQ = JqPaths()
"""The one of this process."""
