"""See to it that the machine has what the tests run: `python -m tools.host`.

In:  the programs the tests start beside the platform's own. Out: exit code 0 when all are there; as root on Debian or
Ubuntu the missing ones are installed first (no service is started by that), elsewhere one line names the packages.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from cluster.local import packages
from cluster.local.errors import MachineError
from cluster.local.progress import Progress
from cluster.local.settings import Settings

PROGRAMS = {
    "git": "git",
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
}
"""Program → the Debian package that brings it."""
ELSEWHERE = {"lighttpd": "lighttpd"}
"""What the tests unpack from Debian's package by themselves where there is apt-get."""
SEARCH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
"""Servers stand in sbin, which is not on everybody's PATH."""


def missing() -> dict[str, str]:
    """Return what is not on this machine, with the package that brings it."""
    wanted = PROGRAMS if shutil.which("apt-get", path=SEARCH) else PROGRAMS | ELSEWHERE
    return {name: package for name, package in wanted.items() if not shutil.which(name, path=SEARCH)}


def main() -> int:
    """Install what is missing where that is possible; return the exit code."""
    lacking = missing()
    names = sorted(set(lacking.values()))
    if lacking and os.geteuid() == 0 and shutil.which("apt-get"):
        log = Settings.from_environment().cache_dir / "logs" / "install-test-packages.log"
        try:
            with Progress().step(f"install {', '.join(names)} for the tests"):
                packages.install(names, log)
        except MachineError as error:
            print(f"host: {error}", file=sys.stderr)
        lacking = missing()
    if lacking:
        print(
            f"host: the tests need {', '.join(lacking)}; install the packages {', '.join(names)} and call again",
            file=sys.stderr,
        )
        return 1
    print(f"host: {', '.join(PROGRAMS)} are there, Python {sys.version.split()[0]} in {Path(sys.prefix).name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
