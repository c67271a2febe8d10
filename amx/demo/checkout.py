"""The clone the story works in: edits of a values file, commits, pushes whose receipt is passed on as it streams.

In:  a directory that `amx.clone` made. Out: what the real `git` client printed.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cluster.local import repository
from cluster.local.errors import MachineError

GIT_TIMEOUT_S = 60.0
COMMIT_PREFIX = "demo: "
"""Begins the subject of every commit of a story, so that the next story can tell them from the user's."""
CONFIGURED = {
    "user.name": "amx demo",
    "user.email": "demo@automatrix.invalid",
    # The user's own signing and hooks are not part of the story.
    "commit.gpgsign": "false",
    "core.hooksPath": os.devnull,
}
BRANCH = "main"


@dataclass(frozen=True)
class Push:
    """One push: when it began (monotonic clock), how long git took, and what the server said."""

    started: float
    seconds: float
    revision: str
    receipt: tuple[str, ...]
    """The lines of the receipt, without git's `remote: `."""

    def quote(self) -> str:
        """Return the receipt in one line, for a message."""
        return " / ".join(self.receipt) or "it is empty"

    def last_of(self, application: str) -> str:
        """Return the receipt's last word on an application; '' where it says nothing of it."""
        return next((line for line in reversed(self.receipt) if application in line), "")


class Checkout:
    """A clone of the platform's repository on its tracked branch."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def git(self, *arguments: str) -> str:
        """Run git and return what it printed; raises MachineError with git's last line."""
        return repository.git(_environment(), *arguments, cwd=self.directory, timeout_s=GIT_TIMEOUT_S)

    def head(self) -> str:
        """Return the commit that is checked out."""
        return self.git("rev-parse", "HEAD").strip()

    def before_the_story(self, path: str) -> str:
        """Return the file as the last commit that was not a story's left it."""
        log = (
            "log",
            "-1",
            "--format=%H",
            "--invert-grep",
            f"--grep=^{COMMIT_PREFIX}",
            f'--grep=^Revert "{COMMIT_PREFIX}',
        )
        commit = self.git(*log, "--", path).strip()
        return self.git("show", f"{commit}:{path}")

    def commit(self, path: str, content: str, subject: str) -> str:
        """Write the file and commit it; returns the commit."""
        (self.directory / path).write_text(content)
        self.git("add", "--", path)
        self.git("commit", "--quiet", "--message", COMMIT_PREFIX + subject)
        return self.head()

    def push(self, heard: Callable[[str], None]) -> Push:
        """Push and pass on every line the server says; raises MachineError when the push itself is refused."""
        started = time.monotonic()
        process = subprocess.Popen(
            ["git", "push", "--no-progress", "origin", f"HEAD:{BRANCH}"],
            cwd=self.directory,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
        receipt, said = list[str](), ""
        with process:
            for raw in process.stderr or ():
                said = raw.rstrip()
                if said.startswith("remote: "):
                    receipt.append(said.removeprefix("remote: ").rstrip())
                heard(said)
        if process.returncode:
            raise MachineError(f"git push failed: {said}", "look with: amx doctor")
        return Push(started, time.monotonic() - started, self.head(), tuple(receipt))


def replace_value(text: str, key: str, value: str) -> str:
    """Replace the value of the first line that sets `key`, and leave everything else as it is, comments too."""
    changed, count = re.subn(rf"(?m)^(\s*{re.escape(key)}:).*$", lambda found: f"{found[1]} {value}", text, count=1)
    if not count:
        raise MachineError(f"the values file sets no {key}")
    return changed


def _environment() -> dict[str, str]:
    """Return an environment in which git opens no editor either."""
    return {**repository.outside(CONFIGURED), "GIT_EDITOR": "true"}
