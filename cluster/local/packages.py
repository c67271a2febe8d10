"""Debian packages on the host: installed with the machine's own sources, no service started by them."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cluster.local.commands import Command, locked, output, run
from cluster.local.errors import MachineError

POLICY = Path("/usr/sbin/policy-rc.d")
LOCK = Path("/run/automatrix/apt.lock")
_OURS = "#!/bin/sh\n# put here by automatrix while it installs packages\nexit 101\n"
_APT = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}


def install(names: Sequence[str], log: Path) -> None:
    """Install those of `names` that this distribution has; raises CommandFailed with apt's last line."""
    with locked(LOCK), _no_services():
        run(Command(["apt-get", "update", "-q"], title="apt-get update", env=_APT, log=log))
        known = [name for name in names if _has(name)]
        argv = ["apt-get", "install", "-q", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", *known]
        run(Command(argv, title=f"apt-get install {' '.join(known)}", env=_APT, log=log))


def tidy() -> bool:
    """Let services of the user's packages start again, should an installation of ours have been killed; whether it had.

    One that still goes on holds the lock, and is left alone.
    """
    with contextlib.suppress(OSError):  # not root, then it was not us either; or it is being put away
        if POLICY.read_text() != _OURS:
            return False
        LOCK.parent.mkdir(parents=True, exist_ok=True)  # a reboot empties /run, and not /usr/sbin
        with LOCK.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            POLICY.unlink()
            return True
    return False


def _has(name: str) -> bool:
    """Whether apt can install it: package names differ between releases (docker-cli came with Debian 13)."""
    try:
        text = output(Command(["apt-cache", "policy", name]))
    except MachineError:
        return False
    return "Candidate:" in text and "Candidate: (none)" not in text


@contextmanager
def _no_services() -> Iterator[None]:
    """Forbid maintainer scripts to start services, by Debian's own switch; one that is there stays as it is."""
    if POLICY.exists() and POLICY.read_text() != _OURS:
        yield
        return
    POLICY.write_text(_OURS)
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)
