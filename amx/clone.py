"""Clone the platform's repository from the cluster's Git server.

In:  where the server answers and the file with its credential. Out: a clone that pulls and pushes without asking.
Trade-off: the password stays in one file that Git's own `store` helper reads. It is in no URL, no argument list and
no configuration file; removing the cluster removes it.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

from cluster.local.errors import MachineError
from cluster.local.settings import Settings

REPOSITORY = "platform.git"
CLONE_TIMEOUT_S = 60.0


def url(settings: Settings) -> str:
    """Where this machine reaches the repository, with the user and without the password."""
    return f"http://amx@127.0.0.1:{settings.git_port}/{REPOSITORY}"


def credential_file(settings: Settings) -> Path:
    """The file in git-credential-store's format that `amx up` writes."""
    return settings.cluster_dir / "git-credential"


def configuration(settings: Settings) -> dict[str, str]:
    """What a clone needs in its configuration to authenticate, and to go past a proxy that the user may have."""
    server = f"http://127.0.0.1:{settings.git_port}"
    return {
        f"credential.{server}.helper": f"store --file {shlex.quote(str(credential_file(settings)))}",
        f"http.{server}.proxy": "",
    }


def clone(settings: Settings, directory: Path) -> Path:
    """Clone into `directory`, which must not exist or be empty; raises MachineError with what to do."""
    if not credential_file(settings).is_file():
        raise MachineError(f"cluster {settings.cluster_name} has no Git server yet", "bring it up with: amx up")
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise MachineError(f"{directory} exists and is not an empty folder", "name another one: amx clone DIR")
    arguments = ["git", "clone", "--quiet", "--config", f"credential.http://127.0.0.1:{settings.git_port}.helper="]
    for key, value in configuration(settings).items():
        arguments += ["--config", f"{key}={value}"]
    done = subprocess.run(
        [*arguments, url(settings), str(directory)],
        env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=CLONE_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["git gave no reason"])[-1]
        raise MachineError(f"git clone failed: {reason}", "look with: amx doctor")
    return directory
