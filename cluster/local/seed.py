"""Give an empty Git server its first commit: what a fork of this repository would hold for the engine.

In:  the checkout's `charts/` and `gitops/` as they are on disk, and the tags of the images that were built.
Out: one commit on `main`, if the server has none. A history that is there is the user's: it is never touched.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from cluster.local.errors import CommandFailed
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
        git(settings, tree, "init", "--quiet", f"--initial-branch={BRANCH}")
        git(settings, tree, "add", "--all", "--force")
        git(settings, tree, "commit", "--quiet", "--message=Begin with the platform's charts and its sample tenant")
        push(settings, tree)
    return True


def push(settings: Settings, tree: Path) -> None:
    """Push, and stay only until the server has the commit: nothing runs yet that a receipt could tell of."""
    command = ["git", "push", "--quiet", url(settings), BRANCH]
    with subprocess.Popen(
        command,
        env=environment(settings),
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
    return bool(git(settings, None, "ls-remote", "--heads", url(settings), BRANCH).strip())


def url(settings: Settings) -> str:
    """Where the host reaches the repository."""
    return f"http://amx@127.0.0.1:{settings.git_port}/platform.git"


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


def git(settings: Settings, folder: Path | None, *arguments: str) -> str:
    """Run git to its end; raises CommandFailed with its words."""
    title = f"git {arguments[0]}"
    try:
        done = subprocess.run(
            ["git", *arguments],
            env=environment(settings),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PUSH_S,
            check=False,
        )
    except subprocess.TimeoutExpired as hang:
        raise CommandFailed(title, -1, f"no end after {PUSH_S} s") from hang
    if done.returncode:
        raise CommandFailed(title, done.returncode, done.stderr)
    return done.stdout


def environment(settings: Settings) -> dict[str, str]:
    """Return an environment with nothing of the user's Git configuration but this cluster's credential."""
    configured = {
        "credential.helper": f"store --file={settings.cluster_dir / 'git-credential'}",
        "http.proxy": "",
        "user.name": "AutoMatrix",
        "user.email": "amx@localhost",
        "commit.gpgSign": "false",
    }
    env = {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": str(len(configured)),
    }
    for number, (key, value) in enumerate(configured.items()):
        env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    # A hook that started us (a test run of pre-push) would point every git at its own repository.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return clean | env
