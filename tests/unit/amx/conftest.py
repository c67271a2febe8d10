"""A platform in miniature, for what a healthy cluster cannot show: how the story ends when a step goes wrong.

The Git repository, its hook and the git client are real; behind them stand an HTTP server that serves what was pushed
and a `kubectl` of a few lines. tests/e2e/test_demo.py tells the same story on the real platform.
"""

import itertools
import json
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
PRODUCTION = "gitops/environments/prod/hub/values.yaml"
FIRST_VALUES = """\
api:
  # how many
  replicas: 1
  env:
    HUB_MESSAGE: Hello from dev
"""
FIRST_PRODUCTION = """\
api:
  env:
    HUB_MESSAGE: Hello from prod
    HUB_ERROR_RATE: 0
"""
HOOK = """\
#!{python}
import json, os, pathlib, subprocess, sys, time, yaml
world = pathlib.Path({world!r})

def read(revision, path):
    text = subprocess.run(["git", "show", revision + ":" + path], capture_output=True, text=True).stdout
    return yaml.safe_load(text)["api"]

def write(name, text):
    (world / "new").write_text(text)
    os.replace(world / "new", world / name)

def turn(attempt, phase, weight, **traffic):
    write("production", json.dumps(dict(traffic, weight=weight)))
    write("canary", f"{{attempt}}|{{phase}}|{{weight}}|{{phase.lower()}}")
    time.sleep(1 if phase == "Analysing" else 0.2)

def release(env):
    # As fast as one can watch; what serves already is no release.
    known = json.loads((world / "production").read_text())
    attempt = int((world / "canary").read_text().partition("|")[0])
    old, new, rate = known["old"], env["HUB_MESSAGE"], env["HUB_ERROR_RATE"]
    if new == old:
        turn(attempt, "Idle", 0, old=old, new=old, rate=0)
        print("gitops  hub-prod  rendered 8 objects · 1 changed · applied 0.1 s · healthy 0.2 s")
        return
    for phase, weight in (("Preparing", 0), ("Shifting", ""), ("Analysing", 20)):
        turn(attempt + 1, phase, weight, old=old, new=new, rate=rate)
    if (world / "unsure").exists():
        turn(attempt + 1, "Held", 20, old=old, new=new, rate=rate)
        print("gitops  hub-prod  rendered 8 objects · 1 changed · applied 0.1 s · healthy 0.2 s")
    elif rate and not (world / "careless").exists():
        turn(attempt + 1, "RollingBack", 0, old=old, new=new, rate=rate)
        turn(attempt + 1, "RolledBack", 0, old=old, new=new, rate=rate)
        failed = "" if (world / "mute").exists() else "failed Canary hub-prod/hub-api: rolled back: errors"
        print("gitops  hub-prod  rendered 8 objects · 1 changed · applied 0.1 s · " + failed)
    else:
        turn(attempt + 1, "Promoting", 100, old=old, new=new, rate=rate)
        turn(attempt + 1, "Succeeded", "", old=new, new=new, rate=0)
        print("gitops  hub-prod  rendered 8 objects · 1 changed · applied 0.1 s · healthy 0.2 s")

for line in sys.stdin:
    before, after = line.split()[:2]
    if read(before, {production!r}) != read(after, {production!r}):
        release(read(after, {production!r})["env"])
        continue
    values = read(after, {values!r})
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
arguments = sys.argv[1:]
replicas = pathlib.Path({world!r}) / ("canary" if "canaries.automatrix.dev" in arguments else "replicas")
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
        self.numbers = itertools.count()
        """Of the requests to production: spreads them evenly over the versions."""
        self.bad_numbers = itertools.count()

    def make(self) -> None:
        names = {"python": sys.executable, "world": str(self.folder), "values": VALUES, "production": PRODUCTION}
        (self.folder / "replicas").write_text("1")
        (self.folder / "serving").write_text("Hello from dev")
        (self.folder / "production").write_text('{"old": "Hello from prod", "new": "", "rate": 0, "weight": 0}')
        (self.folder / "canary").write_text("0|Idle|0|")
        self._program(self.kubectl, KUBECTL.format(**names))
        self._git("init", "--quiet", "--bare", "--initial-branch=main", str(self.remote))
        seed = self.clone("seed")
        for path, values in ((VALUES, FIRST_VALUES), (PRODUCTION, FIRST_PRODUCTION)):
            (seed / path).parent.mkdir(parents=True)
            (seed / path).write_text(values)
        identity = ("-c", "user.name=seed", "-c", "user.email=seed@example.invalid")
        self._git("-C", str(seed), "add", ".")
        self._git("-C", str(seed), *identity, "commit", "--quiet", "-m", "Seed")
        self._git("-C", str(seed), "push", "--quiet", "origin", "HEAD:main")
        self._program(self.remote / "hooks" / "post-receive", HOOK.format(**names))

    def clone(self, name: str) -> Path:
        self._git("clone", "--quiet", str(self.remote), str(self.folder / name))
        return self.folder / name

    def values(self, path: str = VALUES) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.remote), "show", f"main:{path}"], capture_output=True, text=True, check=True
        )
        return done.stdout

    def answer(self, host: str) -> tuple[int, bytes]:
        """What the service of the miniature says to one request."""
        if self.failing.is_set():
            return 503, b"{}"
        if not host.startswith("hub-prod"):
            return 200, b'{"message": "%s"}' % (self.folder / "serving").read_bytes()
        now = json.loads((self.folder / "production").read_text())
        number = next(self.numbers)
        is_new = number * 37 % 100 < float(now["weight"] or 0)
        if is_new and now["rate"] and next(self.bad_numbers) % 3 == 0:
            return 500, b'{"error": "failed on purpose: HUB_ERROR_RATE"}'
        if is_new and (self.folder / "dropping").exists():
            return 502, b"{}"
        return 200, json.dumps({"message": now["new"] if is_new else now["old"]}).encode()

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
            status, body = world.answer(self.headers["Host"])
            self.send_response(status)
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
