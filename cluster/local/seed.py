"""Give an empty Git server its first commit: what a fork of this repository would hold for the engine.

In:  the checkout's `charts/` and `gitops/` as they are on disk, and the tags of the images that were built.
Out: one commit on `main`, if the server has none. A history that is there is the user's: it is never touched.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from cluster.local.errors import CommandFailed
from cluster.local.repository import environment, git, url
from cluster.local.settings import ROOT, Settings

FOLDERS = ("charts", "gitops")
BRANCH = "main"
UNRELEASED = "tag: unreleased"
PUSH_S = 120


def seed(settings: Settings, tags: Mapping[str, str]) -> bool:
    """Push the first commit; False when the server has one. `tags` holds tags by image repository."""
    if has_commit(settings):
        return False
    with tempfile.TemporaryDirectory(prefix="amx-seed-") as folder:
        tree = Path(folder)
        copy(ROOT, tree)
        release(tree, tags)
        env = environment(settings)
        git(env, "init", "--quiet", f"--initial-branch={BRANCH}", cwd=tree)
        git(env, "add", "--all", "--force", cwd=tree)
        git(env, "commit", "--quiet", "--message=Begin with the platform's charts and its sample tenant", cwd=tree)
        push(settings, tree)
    return True


def push(settings: Settings, tree: Path) -> None:
    """Push, and stay only until the server has the commit: nothing runs yet that a receipt could tell of."""
    command = ["git", "push", "--quiet", url(settings), BRANCH]
    with subprocess.Popen(
        command,
        env=environment(settings, patient=True),
        cwd=tree,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as pushing:
        deadline = time.monotonic() + PUSH_S
        while not has_commit(settings):
            if pushing.poll() not in {None, 0} or time.monotonic() > deadline:
                pushing.kill()
                raise CommandFailed("git push", pushing.wait(), pushing.stderr.read() if pushing.stderr else "")
            time.sleep(0.3)
        pushing.terminate()


def has_commit(settings: Settings) -> bool:
    """Whether the server's branch has a commit."""
    return bool(git(environment(settings), "ls-remote", "--heads", url(settings), BRANCH).strip())


def copy(source: Path, target: Path) -> None:
    """Copy what Git would take of the folders: files that are tracked, or new and not ignored."""
    for name in files(source):
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / name, path, follow_symlinks=False)


def files(source: Path) -> list[str]:
    """List the folders' files; a checkout without Git (an unpacked archive) is taken whole."""
    command = ["git", "-C", str(source), "ls-files", "--cached", "--others", "--exclude-standard", "-z", *FOLDERS]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        names = sorted(set(listed.stdout.rstrip("\0").split("\0")))
        return [name for name in names if (source / name).is_file()]
    return sorted(
        str(path.relative_to(source)) for name in FOLDERS for path in (source / name).rglob("*") if path.is_file()
    )


def release(tree: Path, tags: Mapping[str, str]) -> None:
    """Write the built tags over the tag `unreleased` of the release files."""
    for path in tree.glob("gitops/environments/*/*/release.yaml"):
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(released(line, tags) for line in lines))


def released(line: str, tags: Mapping[str, str]) -> str:
    """Return the line with the tag of the image it names; quoted, for a tag of digits alone would be a number."""
    for repository, tag in tags.items():
        if f"repository: {repository}," in line:
            return line.replace(UNRELEASED, f'tag: "{tag}"')
    return line
