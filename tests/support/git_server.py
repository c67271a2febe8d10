"""The real Git server, a real Git client and the engine's real HTTP side, all on loopback.

`GitServer` is what a benchmark or a scenario starts, too: the server of charts/git as a plain process.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from cluster.local.settings import Settings

START = Path(__file__).parents[2] / "charts" / "git" / "files" / "start.py"
HANGS_S = 60.0
"""No step takes nearly as long; a test that waits for more hangs."""

PLAIN_GIT = {
    "PATH": os.environ["PATH"],
    "LC_ALL": "C.UTF-8",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "Dev",
    "GIT_AUTHOR_EMAIL": "dev@example.com",
    "GIT_COMMITTER_NAME": "Dev",
    "GIT_COMMITTER_EMAIL": "dev@example.com",
}


@cache
def lighttpd() -> str:
    """The program: the machine's own, or Debian's package unpacked into the cache, which needs no root.

    Fails the test where neither is to be had: one that is left out proves nothing.
    """
    found = shutil.which("lighttpd", path=f"{os.environ['PATH']}:/usr/sbin")
    if found:
        return found
    unpacked = Settings.from_environment().cache_dir / "lighttpd"
    if not unpacked.exists():
        unpacked.parent.mkdir(parents=True, exist_ok=True)
        try:
            _unpack(unpacked)
        except (OSError, StopIteration, subprocess.CalledProcessError):
            pytest.fail("lighttpd is not installed, and there is no Debian package of it in reach: install lighttpd")
    return str(unpacked / "usr" / "sbin" / "lighttpd")


def _unpack(target: Path) -> None:
    def run(*command: str) -> int:
        return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode

    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        if run("apt-get", "download", "lighttpd"):
            run("apt-get", "update")  # a machine that has never listed its packages
            run("apt-get", "download", "lighttpd")
        package = next(Path(folder).glob("lighttpd_*.deb"))
        subprocess.run(["dpkg-deb", "-x", package, f"{folder}/root"], check=True, capture_output=True)
        Path(folder, "root").rename(target)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass
class GitServer:
    """The server of charts/git; `start()`, `stop()`, and start again on the same data and port."""

    home: Path
    username: str = "amx"
    password: str = "s3cret"
    webhook_secret: str = "shared-key"
    port: int = field(default_factory=free_port)
    engine_port: int = field(default_factory=free_port)
    extra: Mapping[str, str] = field(default_factory=dict)
    program: Path = START
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self.url_for(self.password)

    def url_for(self, password: str) -> str:
        return f"http://{self.username}:{password}@127.0.0.1:{self.port}/platform.git"

    @property
    def repository(self) -> Path:
        return self.home / "data" / "platform.git"

    def start(self) -> None:
        credential = self.home / "credential"
        credential.mkdir(parents=True, exist_ok=True)
        (credential / "username").write_text(self.username)
        (credential / "password").write_text(self.password)
        (self.home / "webhook-secret").write_text(self.webhook_secret)
        settings = {
            "DATA": self.home / "data",
            "RUN": self.home / "run",
            "CREDENTIAL": credential,
            "BIND": "127.0.0.1",
            "PORT": self.port,
            "ANNOUNCE_URL": f"http://127.0.0.1:{self.engine_port}",
            "WEBHOOK_SECRET": self.home / "webhook-secret",
            "PUBLIC_URL": "http://git.automatrix-system.svc.cluster.local",
            "LIGHTTPD": lighttpd(),
            **self.extra,
        }
        env = {"PATH": os.environ["PATH"], **{f"GIT_SERVER_{key}": str(value) for key, value in settings.items()}}
        self.process = subprocess.Popen([sys.executable, self.program], env=env, stdin=subprocess.DEVNULL)
        self._await_health()

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(HANGS_S)
            self.process = None

    def _await_health(self) -> None:
        until = time.monotonic() + HANGS_S
        while time.monotonic() < until:
            assert self.process is not None
            assert self.process.poll() is None, "the Git server ended at once"
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5):
                    return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.02)
        raise AssertionError("the Git server does not answer")


@dataclass
class Checkout:
    """A clone somebody works in."""

    path: Path

    @classmethod
    def of(cls, url: str, path: Path) -> Checkout:
        subprocess.run(["git", "clone", "-q", url, path], check=True, env=PLAIN_GIT, capture_output=True)
        checkout = cls(path)
        checkout.git("checkout", "-q", "-B", "main")
        return checkout

    def git(self, *arguments: str) -> str:
        command = ["git", *arguments]
        done = subprocess.run(command, cwd=self.path, env=PLAIN_GIT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, text: str | bytes, name: str = "values.yaml") -> str:
        (self.path / name).write_bytes(text.encode() if isinstance(text, str) else text)
        self.git("add", name)
        self.git("commit", "-q", "-m", "change")
        return self.git("rev-parse", "HEAD")

    async def push(self, *arguments: str) -> Push:
        """Start `git push`; the answer is what it prints while it runs."""
        process = await asyncio.create_subprocess_exec(
            "git",
            *("push", "--progress", *(arguments or ("origin", "main"))),
            cwd=self.path,
            env=PLAIN_GIT,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        return Push(process)


class Push:
    """A running `git push`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.text = ""
        self._more = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stderr is not None
        raw = b""
        while piece := await self.process.stderr.read(4096):
            raw += piece
            async with self._more:
                self.text = raw.decode("utf-8", "replace")
                self._more.notify_all()

    async def saw(self, text: str) -> None:
        """Wait until the pusher has been shown `text`."""
        async with asyncio.timeout(HANGS_S), self._more:
            await self._more.wait_for(lambda: text in self.text)

    async def end(self) -> int:
        """Wait for the end; the exit code."""
        async with asyncio.timeout(HANGS_S):
            code = await self.process.wait()
            await self._reader
        return code

    @property
    def running(self) -> bool:
        return self.process.returncode is None

    @property
    def lines(self) -> list[str]:
        """What stays on the pusher's terminal of what the server said."""
        kept = [line.rpartition("\r")[2] for line in self.text.split("\n")]
        return [line.removeprefix("remote: ").rstrip() for line in kept if line.startswith("remote: ")]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that has no event of its own."""
    async with asyncio.timeout(HANGS_S):
        while not condition():
            await asyncio.sleep(0.01)
