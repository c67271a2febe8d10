"""Clone the platform's repository from the cluster's Git server.

In:  where the server answers and the file with its credential. Out: a clone that pulls and pushes without asking, in
which one can commit.
"""

from __future__ import annotations

import getpass
import os
from pathlib import Path

from cluster.local import invocation
from cluster.local.absent import lacking
from cluster.local.errors import CommandFailed, MachineError
from cluster.local.progress import Progress
from cluster.local.repository import IMPATIENT, configuration, credential_file, git, outside, public_url, server, url
from cluster.local.settings import Settings

CLONE_TIMEOUT_S = 60.0
WHO = ("GIT_AUTHOR_", "GIT_COMMITTER_", "GIT_CONFIG")


def clone(settings: Settings, directory: Path, progress: Progress) -> Path:
    """Clone into `directory`, which must not exist or be empty; raises MachineError with what to do."""
    if not credential_file(settings).is_file():
        raise lacking(settings, f"cluster {settings.cluster_name} has no credential of its Git server here")
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
        raise MachineError(
            f"git clone failed: {failure.last_line}", f"look with: {invocation.amx(settings, 'doctor')}"
        ) from failure
    return directory


def introduce(directory: Path) -> str:
    """Have an author for the clone's commits: the user's, or, where git knows none, one by the login name.

    Returns the author that was set, for the user to know; empty when git knew one, or when the repository has one.
    """
    # The user's own environment may name the author; what it says of a repository (in a hook) is not about this one.
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name.startswith(WHO)}
    try:
        git(env, "var", "GIT_AUTHOR_IDENT", cwd=directory)
        git(env, "var", "GIT_COMMITTER_IDENT", cwd=directory)
    except CommandFailed:
        name = login()
        git(env, "config", "user.name", name, cwd=directory)
        git(env, "config", "user.email", f"{name}@localhost", cwd=directory)
        return f"{name} <{name}@localhost>"
    return ""


def login() -> str:
    """Return the login name; a user without one is called after the platform."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "amx"
