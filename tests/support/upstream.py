"""A real Git remote on disk and somebody who pushes to it."""

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
}


class Upstream:
    """A bare repository and a working tree that pushes to it."""

    def __init__(self, root: Path, name: str = "platform") -> None:
        self.bare = root / f"{name}.git"
        self.tree = root / f"{name}-work"
        self.git("init", "-q", "--bare", "-b", "main", str(self.bare), cwd=root)
        self.git("init", "-q", "-b", "main", str(self.tree), cwd=root)
        self.git("remote", "add", "origin", str(self.bare))

    def git(self, *arguments: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=cwd or self.tree, env=GIT_ENVIRONMENT, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, files: Mapping[str, str | bytes | None], message: str = "change") -> str:
        """Write (or with None remove) files, commit, push; the commit's id."""
        for path, content in files.items():
            file = self.tree / path
            if content is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        return self.push(message)

    def link(self, path: str, target: str) -> None:
        file = self.tree / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(target)

    def push(self, message: str = "change") -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        self.git("push", "-q", "--force", "origin", "HEAD")
        return self.git("rev-parse", "HEAD")

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
        done = subprocess.run(
            ["git", "hash-object", "-t", "tree", "-w", "--literally", "--stdin"],
            cwd=self.tree, env=GIT_ENVIRONMENT, check=True, capture_output=True, input=raw,
        )  # fmt: skip
        return done.stdout.decode().strip()

    def push_tree(self, directories: Mapping[str, str]) -> str:
        """Put a commit of directories (name to id) on main without asking git whether it is a good one; its id."""
        root = self.raw_tree([("040000", id_, name) for name, id_ in sorted(directories.items())])
        commit = self.git("commit-tree", "-m", "raw", root)
        self.git("push", "-q", "--force", "origin", f"{commit}:refs/heads/main")
        return commit

    @property
    def url(self) -> str:
        return f"file://{self.bare}"
