"""A fresh clone can be committed in, on a machine where nobody has told git a name."""

import subprocess
from pathlib import Path

import pytest

from amx import clone


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone on a machine without any configuration of git, where none can be guessed either."""
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    config = tmp_path / "gitconfig"
    config.write_text("[user]\n\tuseConfigOnly = true\n")  # as where the host has no full name
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("LOGNAME", "sam")
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "platform")], check=True, timeout=10)
    return tmp_path / "platform"


def author_of_a_commit(folder: Path) -> str:
    commit = ["git", "commit", "--quiet", "--allow-empty", "--message=Say hello"]
    subprocess.run(commit, cwd=folder, check=True, timeout=10)
    log = ["git", "log", "-1", "--format=%an <%ae>"]
    return subprocess.run(log, cwd=folder, capture_output=True, text=True, check=True, timeout=10).stdout.strip()


def test_where_git_knows_nobody_the_login_name_counts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        author_of_a_commit(folder)
    monkeypatch.setenv("GIT_DIR", str(folder.parent))  # a hook that amx was started by
    assert clone.introduce(folder) == "sam <sam@localhost>"
    monkeypatch.delenv("GIT_DIR")
    assert author_of_a_commit(folder) == "sam <sam@localhost>"
    assert clone.introduce(folder) == "", "once is enough"


def test_an_author_the_user_has_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder.parent / "gitconfig").write_text("[user]\n\tname = Kim\n\temail = kim@example.invalid\n")
    assert clone.introduce(folder) == ""
    assert author_of_a_commit(folder) == "Kim <kim@example.invalid>"


def test_an_author_in_the_environment_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Kim")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "kim@example.invalid")
    assert clone.introduce(folder) == ""
    assert author_of_a_commit(folder) == "Kim <kim@example.invalid>"
