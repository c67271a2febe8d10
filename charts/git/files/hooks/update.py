"""update hook: the tracked branch only grows; every other branch is free.

Called by Git once per pushed ref with `ref old new`, before it is written; a non-zero exit refuses this ref alone.
"""

# ruff: noqa: INP001 - a file that is started, not a package
from __future__ import annotations

import json
import os
import subprocess
import sys


def main(ref: str, old: str, new: str) -> int:
    """Return the exit code; the reason goes to the pusher."""
    with open(os.environ["GIT_SERVER_SETTINGS"], encoding="utf-8") as file:  # noqa: PTH123 - pathlib is slow to import
        branch = json.load(file)["trackedBranch"]
    if ref != f"refs/heads/{branch}" or not old.strip("0"):
        return 0
    if not new.strip("0"):
        print(f"{branch} is what runs: it cannot be deleted. To take an application away, delete its files and push.")
        return 1
    if subprocess.run(["git", "merge-base", "--is-ancestor", old, new], check=False).returncode:
        print(f"{branch} is what runs: its history is kept. Take a change back with `git revert <sha>` and push that.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
