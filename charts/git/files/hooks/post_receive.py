"""post-receive hook: announce the push to the GitOps engine, then print its receipt as it comes.

In:  `old new ref` per line on stdin. Out: lines to the pusher; the exit code is always 0, for the push is done.
The refs are written before this runs, and the announcement goes out before the first line is read: whatever becomes of
the pusher, of this process or of the engine, nothing is lost; at worst the engine finds the commit when it polls.
HTTP/1.0 over a socket in place of a library: the import alone would cost every push more than the announcement.
"""

# ruff: noqa: INP001 - a file that is started, not a package
from __future__ import annotations

import hmac
import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress

TYPE_CHECKING = False  # typing costs its import, too
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, BinaryIO

ANNOUNCE_TIMEOUT_S = 5.0
RECONNECT_S = 0.5
OTHERS_MAX = 20
"""Refs beside the tracked branch that are announced; of a mirror's thousand the engine finds the rest by polling."""

BROKEN = (OSError, ValueError, KeyError, IndexError)
"""What a connection that breaks, or an answer that is none, raises."""


class Engine:
    """The engine's two addresses, signed with the key both sides hold."""

    def __init__(self, url: str, secret: bytes) -> None:
        host, _, port = url.removeprefix("http://").rstrip("/").partition(":")
        self._address = (host, int(port or 80))
        self._secret = secret

    def announce(self, payload: object) -> tuple[int, str]:
        """Send GitHub's push event; return the status and the text of the answer."""
        body = json.dumps(payload).encode()
        head = {"X-GitHub-Event": "push", "Content-Type": "application/json", "Content-Length": str(len(body))}
        with socket.create_connection(self._address, ANNOUNCE_TIMEOUT_S) as sock:
            status, answer = self._ask(sock, "POST /api/webhook", body, head)
            return status, answer.read(1000).decode("utf-8", "replace")

    def follow(self, revision: str, seconds: float) -> Iterator[dict[str, Any]]:
        """Yield the records of the receipt as they come; raises OSError when the connection breaks."""
        target = f"/api/v1/receipts/{revision}?follow=true&timeout={max(1.0, seconds):.0f}"
        with socket.create_connection(self._address, ANNOUNCE_TIMEOUT_S) as sock:
            status, answer = self._ask(sock, f"GET {target}", target.encode(), {})
            if status != 200:
                raise OSError(f"HTTP {status}")
            sock.settimeout(seconds + ANNOUNCE_TIMEOUT_S)
            for line in answer:
                yield json.loads(line)

    def _ask(self, sock: socket.socket, request: str, signed: bytes, head: dict[str, str]) -> tuple[int, BinaryIO]:
        """Send the request; its body, where it has one, is what is signed."""
        signature = hmac.new(self._secret, signed, "sha256").hexdigest()
        head = {"Host": self._address[0], "X-Hub-Signature-256": f"sha256={signature}", **head}
        lines = [f"{request} HTTP/1.0", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        sock.sendall("\r\n".join(lines).encode() + (signed if "Content-Length" in head else b""))
        answer = sock.makefile("rb")
        status = int(answer.readline().split()[1])
        while answer.readline().strip():
            pass
        return status, answer


def say(line: str, end: str = "\n") -> None:
    """Print to the pusher; one who has gone is no error, and ends the hook."""
    try:
        os.write(1, (line + end).encode())
    except OSError:
        sys.exit(0)


def follow(engine: Engine, payload: dict[str, Any], wait_s: float) -> None:
    """Print the receipt; after a break of the connection go on with what is new, for as long as `wait_s` lasts."""
    until = time.monotonic() + wait_s
    revision = payload["after"]
    told: set[str] = set()
    while (left_s := until - time.monotonic()) > 0:
        try:
            for record in engine.follow(revision, left_s):
                for line in record["lines"]:
                    if line not in told:
                        say(line, "\n" if record["final"] else "\r")
                told.update(record["lines"] if record["final"] else ())
                if record["end"]:
                    return
        except BROKEN:
            say("gitops  the engine is not answering; waiting for it", "\r")
        time.sleep(RECONNECT_S)
        with suppress(*BROKEN):  # an engine that starts anew need not wait for its next poll
            engine.announce(payload)
    say(f"gitops  the engine is not answering any more; `amx receipt {revision[:12]}` tells the end")


def announce(engine: Engine, payload: dict[str, Any]) -> bool:
    """Announce one ref; whether the engine has taken it."""
    later = f"it polls and will pick {payload['after'][:12]} up"
    try:
        status, answer = engine.announce(payload)
    except BROKEN:
        say(f"gitops  announced later: the engine is not answering; {later}")
        return False
    if status != 202:
        say(f"gitops  announced later: the engine answered HTTP {status}: {answer.strip()}")
        say(f"gitops  {later}")
    return status == 202


def main() -> None:
    """Announce every ref that is not deleted, the tracked branch first, and follow that one."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    with open(os.environ["GIT_SERVER_SETTINGS"], encoding="utf-8") as file:  # noqa: PTH123 - pathlib is slow to import
        settings = json.load(file)
    pushed = [tuple(line.split()) for line in sys.stdin]
    if not settings["announceUrl"]:
        return
    with open(settings["webhookSecret"], "rb") as file:  # noqa: PTH123
        engine = Engine(settings["announceUrl"], file.read().strip())
    tracked = f"refs/heads/{settings['trackedBranch']}"
    url = f"{settings['publicUrl']}/{os.path.basename(os.getcwd())}"  # noqa: PTH109, PTH119
    pushed = sorted((one for one in pushed if one[1].strip("0")), key=lambda one: one[2] != tracked)
    payloads: list[dict[str, Any]] = [
        {"ref": ref, "before": old, "after": new, "repository": {"clone_url": url}}
        for old, new, ref in pushed[: OTHERS_MAX + 1]
    ]
    if not all(announce(engine, payload) for payload in payloads):
        return
    if payloads and payloads[0]["ref"] == tracked and settings["waitSeconds"] > 0:
        follow(engine, payloads[0], settings["waitSeconds"])


if __name__ == "__main__":
    main()
