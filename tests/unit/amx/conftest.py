"""A platform in miniature, for what a healthy cluster cannot show: how the story ends when a step goes wrong.

The Git repository, its hook and the git client are real; behind them stand an HTTP server that serves what was pushed
and a `kubectl` of a few lines. tests/e2e/test_demo.py tells the same story on the real platform.
"""

import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

VALUES = "gitops/environments/dev/hub/values.yaml"
FIRST_VALUES = """\
api:
  # how many
  replicas: 1
  env:
    HUB_MESSAGE: Hello from dev
"""
HOOK = """\
#!{python}
import pathlib, subprocess, sys, yaml
world = pathlib.Path({world!r})
for line in sys.stdin:
    text = subprocess.run(["git", "show", line.split()[1] + ":{values}"], capture_output=True, text=True).stdout
    values = yaml.safe_load(text)["api"]
    if (world / "silent").exists():
        continue
    if not isinstance(values["replicas"], int) and not (world / "gullible").exists():
        print("gitops  hub-dev  failed {values}:3: api.replicas: Invalid type. Expected: integer, given: string")
        continue
    print("gitops  hub-dev  rendered 7 objects · 1 changed · applied 0.1 s · healthy 0.2 s")
    (world / "serving").write_text(values["env"]["HUB_MESSAGE"])
"""
KUBECTL = """\
#!{python}
import json, pathlib, sys, time
replicas = pathlib.Path({world!r}) / "replicas"
arguments = sys.argv[1:]
if "scale" in arguments:
    replicas.write_text(arguments[-1].partition("=")[2])
elif "--watch" in arguments:
    last = ""
    while True:
        if (now := replicas.read_text()) != last:
            print(last := now, flush=True)
        time.sleep(0.01)
else:
    print(json.dumps({{"spec": {{"replicas": int(replicas.read_text())}}}}))
"""


class World:
    """The miniature: files that the hook, the server and kubectl share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.remote = folder / "platform.git"
        self.kubectl = folder / "kubectl"
        self.failing = threading.Event()
        """While set, every request fails."""
        self.heals = True

    def make(self) -> None:
        names = {"python": sys.executable, "world": str(self.folder), "values": VALUES}
        (self.folder / "replicas").write_text("1")
        (self.folder / "serving").write_text("Hello from dev")
        self._program(self.kubectl, KUBECTL.format(**names))
        self._git("init", "--quiet", "--bare", "--initial-branch=main", str(self.remote))
        seed = self.clone("seed")
        (seed / VALUES).parent.mkdir(parents=True)
        (seed / VALUES).write_text(FIRST_VALUES)
        identity = ("-c", "user.name=seed", "-c", "user.email=seed@example.invalid")
        self._git("-C", str(seed), "add", ".")
        self._git("-C", str(seed), *identity, "commit", "--quiet", "-m", "Seed")
        self._git("-C", str(seed), "push", "--quiet", "origin", "HEAD:main")
        self._program(self.remote / "hooks" / "post-receive", HOOK.format(**names))

    def clone(self, name: str) -> Path:
        self._git("clone", "--quiet", str(self.remote), str(self.folder / name))
        return self.folder / name

    def values(self) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.remote), "show", f"main:{VALUES}"], capture_output=True, text=True, check=True
        )
        return done.stdout

    def set(self, switch: str) -> None:
        (self.folder / switch).touch()

    def heal(self, stop: threading.Event) -> None:
        while not stop.wait(0.02):
            if self.heals and (self.folder / "replicas").read_text() not in {"1", ""}:
                time.sleep(0.05)
                (self.folder / "replicas").write_text("1")

    def _program(self, path: Path, text: str) -> None:
        path.write_text(textwrap.dedent(text))
        path.chmod(0o755)

    def _git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], check=True, capture_output=True)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    world.make()
    stop = threading.Event()
    healer = threading.Thread(target=world.heal, args=(stop,))
    healer.start()
    yield world
    stop.set()
    healer.join()


@pytest.fixture
def address(world: World) -> Iterator[str]:
    """Where the service of the miniature answers."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = b'{"message": "%s"}' % (world.folder / "serving").read_bytes()
            self.send_response(503 if world.failing.is_set() else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128  # the default of 5 drops connections on a busy machine

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()
