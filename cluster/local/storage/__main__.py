"""Run the provisioner of one node: look, plan, act, whenever a claim or volume changes and at least twice a minute."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import structlog

from .api import FAILURES, Api
from .disk import Disk
from .execute import Executor
from .models import NODE_LABEL
from .observe import CLAIMS, VOLUMES, observe
from .plan import plan

RESYNC_S = 30.0
RETRY_S = 2.0
ALIVE = Path("/tmp/alive")  # noqa: S108 - the container's own; the liveness probe reads its age

log = structlog.get_logger()


def follow(api: Api, path: str, query: dict[str, str], wake: threading.Event) -> None:
    """Set `wake` at every event under `path`, for ever; what it says does not matter, the next pass looks itself."""
    while True:
        try:
            for event in api.watch(path, **query):
                if event.get("type") != "BOOKMARK":
                    wake.set()
        except (*FAILURES, OSError) as failure:
            log.debug("watch", path=path, error=str(failure))
        time.sleep(1)
        wake.set()


def serve(node: str) -> None:
    """Serve this node until the process is stopped."""
    api, disk, wake = Api(), Disk(), threading.Event()
    disk.root.mkdir(parents=True, exist_ok=True)
    executor = Executor(api, disk, node)
    for path, query in ((CLAIMS, {}), (VOLUMES, {"labelSelector": f"{NODE_LABEL}={node}"})):
        threading.Thread(target=follow, args=(api, path, query, wake), daemon=True).start()
    log.info("serving", node=node, free_mib=disk.free() // 2**20)
    while True:
        wake.clear()
        try:
            results = [executor.execute(action) for action in plan(observe(api, disk, node))]
            done = all(results)
            ALIVE.touch()
        except (*FAILURES, OSError) as failure:
            log.warning("pass failed", error=str(failure))
            done = False
        if not done:
            time.sleep(RETRY_S)
        wake.wait(RESYNC_S if done else RETRY_S)


def main() -> None:
    """Start, and stop at once when asked: nothing is held that a later pass does not find again."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    serve(os.environ["NODE_NAME"])


if __name__ == "__main__":
    main()
