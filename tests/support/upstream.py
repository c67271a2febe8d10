"""A real Git remote on disk and somebody who changes it.

What is tested is who fetches from it. So commits are made in the bare repository itself: a clone that pushes to it
would be half a dozen more processes for each test.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

GIT_ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.com",
    # Content of many MiB is neither compressed nor compared with other content.
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "core.compression",
    "GIT_CONFIG_VALUE_0": "0",
    "GIT_CONFIG_KEY_1": "core.bigFileThreshold",
    "GIT_CONFIG_VALUE_1": "1m",
}


class Upstream:
    """A bare repository and a folder of files that are committed to it; what is on branch main is on the remote."""

    def __init__(self, root: Path, name: str = "platform") -> None:
        self.bare = root / f"{name}.git"
        self.tree = root / f"{name}-work"
        self.tree.mkdir()
        self.git("init", "-q", "--bare", "--template=", "-b", "main")

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run git on the remote with the folder as its working tree; what it printed."""
        where = [f"--git-dir={self.bare}", *([f"--work-tree={self.tree}"] if arguments[0] != "init" else [])]
        done = subprocess.run(
            ["git", *where, *arguments],
            cwd=self.tree, env=GIT_ENVIRONMENT, check=True, capture_output=True, input=stdin,
        )  # fmt: skip
        return done.stdout.decode().strip()

    def commit(self, files: Mapping[str, str | bytes | None], message: str = "change") -> str:
        """Write (or with None remove) files and commit all there is; the commit's id."""
        for path, content in files.items():
            file = self.tree / path
            if content is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        return self.commit_all(message)

    def link(self, path: str, target: str) -> None:
        file = self.tree / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(target)

    def commit_all(self, message: str = "change") -> str:
        """Commit the folder as it is; the commit's id."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return (self.bare / "refs/heads/main").read_text().strip()

    def tree_with(self, path: str, name: str, of: str) -> str:
        """Make the directory at `path` with one more entry that git itself would refuse, a copy of its file `of`."""
        listed = self.git("ls-tree", f"HEAD:{path}").splitlines()
        entries = [(line.split()[0], line.split()[2], line.partition("\t")[2]) for line in listed]
        copied = next(id_ for _, id_, existing in entries if existing == of)
        return self.raw_tree([*entries, ("100644", copied, name)])

    def raw_tree(self, entries: Sequence[tuple[str, str, str]]) -> str:
        """Write a directory of (mode, id, name), whatever they are; its id."""
        raw = b"".join(
            f"{mode.lstrip('0')} {name}".encode() + b"\0" + bytes.fromhex(id_) for mode, id_, name in entries
        )
        return self.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=raw)

    def commit_tree(self, directories: Mapping[str, str]) -> str:
        """Put a commit of directories (name to id) on main without asking git whether it is a good one; its id."""
        root = self.raw_tree([("040000", id_, name) for name, id_ in sorted(directories.items())])
        commit = self.git("commit-tree", "-m", "raw", root)
        self.git("update-ref", "refs/heads/main", commit)
        return commit

    @property
    def url(self) -> str:
        return f"file://{self.bare}"
