"""Git and this machine's credential: found wherever the state folder is, lost by nothing that a server answers."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from amx import clone
from cluster.local import credentials, repository, seed
from cluster.local.errors import MachineError
from cluster.local.progress import Progress
from cluster.local.settings import Settings

QUIET = Progress(quiet=True)


def settings(state: Path, port: int = 8081) -> Settings:
    made = Settings.from_environment({"AMX_STATE_DIR": str(state), "AMX_GIT_PORT": str(port)})
    credentials.write_private(repository.credential_file(made), repository.credential(made, "s3cret"))
    return made


def credential(of: Settings, word: str, env: dict[str, str] | None = None) -> str:
    """Ask or tell the real git, in the environment that `amx up` and the tests use."""
    about = f"protocol=http\nhost=127.0.0.1:{of.git_port}\nusername=amx\n" + ("password=s3cret\n" * (word != "fill"))
    env = env or repository.environment(of)
    done = subprocess.run(
        ["git", "credential", word], input=about, env=env, capture_output=True, text=True, timeout=30, check=False
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", ["plain", "My Projects", "it's", "a;touch b", "$HOME", 'say "hi"', "(a) & b"])
def test_the_credential_is_found_whatever_the_checkout_is_called(tmp_path: Path, name: str) -> None:
    of = settings(tmp_path / name / ".amx")
    assert "password=s3cret\n" in credential(of, "fill")
    in_clone = repository.outside(repository.configuration(of))
    assert "password=s3cret\n" in credential(of, "fill", in_clone)


def test_a_refused_login_does_not_lose_the_password(tmp_path: Path) -> None:
    of = settings(tmp_path)
    credential(of, "reject")
    credential(of, "approve")
    assert repository.credential_file(of).read_text() == "http://amx:s3cret@127.0.0.1:8081\n"
    assert "password=s3cret\n" in credential(of, "fill")


def test_a_hook_that_started_us_does_not_lead_git_astray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    assert "GIT_DIR" not in repository.outside()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    yield listener.getsockname()[1]
    listener.close()


def test_a_server_that_says_nothing_is_told_in_one_line(
    tmp_path: Path, silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = settings(tmp_path, silent_port)
    monkeypatch.setitem(repository.IMPATIENT, "http.lowSpeedTime", "1")
    with pytest.raises(MachineError, match=r"git clone failed: .*too slow.* \(look with: .*amx doctor\)"):
        clone.clone(of, tmp_path / "clone", QUIET)
    with pytest.raises(MachineError, match="git ls-remote failed"):
        seed.has_commit(of)


def test_a_git_that_never_ends_is_ended(tmp_path: Path, silent_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clone, "CLONE_TIMEOUT_S", 1.0)
    monkeypatch.setitem(repository.IMPATIENT, "http.lowSpeedTime", "3")
    with pytest.raises(MachineError, match="git clone failed: no end after 1 s"):
        clone.clone(settings(tmp_path, silent_port), tmp_path / "clone", QUIET)


def test_a_machine_without_git_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineError, match="git is not on this machine"):
        clone.clone(settings(tmp_path), tmp_path / "clone", QUIET)
