"""Who uses the platform's own engine right now: every process that has looked for it holds a shared lock until it ends.

Without it, the `amx down` of one checkout would stop the engine under the image build of another. `engine.find` and
`engine.ensure` hold it before they look, so whoever has an Engine has the lock, and an engine that answers stays.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RUN = Path("/run/automatrix")

_lock: int | None = None


def hold() -> None:
    """Say that this process uses the engine, until it ends; waits while another is stopping it.

    Who may not make the lock's file is not root: to them the engine is not to be had.
    """
    global _lock  # noqa: PLW0603 - one lock per process: a second one of our own would hold up the first
    if _lock is not None:
        return
    try:
        RUN.mkdir(parents=True, exist_ok=True)
        lock = os.open(RUN / "in-use.lock", os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError:
        return
    fcntl.flock(lock, fcntl.LOCK_SH)
    _lock = lock


@contextmanager
def alone() -> Iterator[bool]:
    """Yield whether no other process uses the engine; if so, none begins to before the end of the block."""
    hold()
    if _lock is None:
        yield False
        return
    try:
        fcntl.flock(_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_alone = True
    except BlockingIOError:
        is_alone = False
    try:
        yield is_alone
    finally:
        # A failed conversion has dropped the shared lock, too. Nobody could have stopped the engine meanwhile but
        # another that removes its cluster, and that finds the containers of whoever is in here.
        fcntl.flock(_lock, fcntl.LOCK_SH)
