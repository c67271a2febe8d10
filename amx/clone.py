"""Clone the platform's repository from the cluster's Git server.

In:  where the server answers and the file with its credential. Out: a clone that pulls and pushes without asking, in
which one can commit.
"""

from __future__ import annotations

from pathlib import Path

from cluster.local.errors import CommandFailed, MachineError
from cluster.local.progress import Progress
from cluster.local.repository import IMPATIENT, configuration, credential_file, git, outside, public_url, server, url
from cluster.local.settings import Settings

CLONE_TIMEOUT_S = 60.0


def clone(settings: Settings, directory: Path, progress: Progress) -> Path:
    """Clone into `directory`, which must not exist or be empty; raises MachineError with what to do."""
    if not credential_file(settings).is_file():
        raise MachineError(f"cluster {settings.cluster_name} has no Git server yet", "bring it up with: amx up")
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise MachineError(f"{directory} exists and is not an empty folder", "name another one: amx clone DIR")
    arguments = ["--config", f"credential.{server(settings)}.helper="]  # those of the user are not asked
    for key, value in configuration(settings).items():
        arguments += ["--config", f"{key}={value}"]
    command = ("clone", "--quiet", *arguments, url(settings), str(directory))
    try:
        with progress.step(f"clone {public_url(settings)}"):
            git(outside(IMPATIENT), *command, timeout_s=CLONE_TIMEOUT_S)
    except CommandFailed as failure:
        raise MachineError(f"git clone failed: {failure.last_line}", "look with: amx doctor") from failure
    return directory
