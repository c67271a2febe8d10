"""Who uses the platform's own engine right now: processes that build or bring up hold a shared lock until they end.

Without it, the `amx down` of one checkout would stop the engine under the image build of another.
"""

from __future__ import annotations

import fcntl
from typing import IO

from cluster.local.engine import RUN, Engine

_lock: IO[str] | None = None


def hold(engine: Engine) -> None:
    """Say that this process uses the engine, until it ends."""
    global _lock  # noqa: PLW0603 - one lock per process: a second one of our own would hold up the first
    if engine.owned and _lock is None:
        _lock = (RUN / "in-use.lock").open("a")
        fcntl.flock(_lock, fcntl.LOCK_SH)


def is_sole(engine: Engine) -> bool:
    """Whether no other process uses the engine; from then on none does until this process ends."""
    if not engine.owned:
        return False
    hold(engine)
    assert _lock is not None  # noqa: S101 - hold has opened it
    try:
        fcntl.flock(_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fcntl.flock(_lock, fcntl.LOCK_SH)  # a failed conversion has dropped the shared one
        return False
    return True
