"""What the machine must have for the tests: asked for before any test, and never left out in silence."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support import git_server
from tools import host, verify

ROOT = Path(__file__).parents[3]


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any program, and with an empty cache."""
    monkeypatch.setattr(host, "SEARCH", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("AMX_CACHE_DIR", str(tmp_path / "cache"))


@pytest.mark.usefixtures("bare")
def test_without_apt_get_lighttpd_is_asked_for_too() -> None:
    assert host.missing() == {**host.PROGRAMS, "lighttpd": "lighttpd"}


@pytest.mark.usefixtures("bare")
def test_a_git_server_that_cannot_be_had_fails_its_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    git_server.lighttpd.cache_clear()
    with pytest.raises(pytest.fail.Exception, match="install lighttpd"):
        git_server.lighttpd()
    git_server.lighttpd.cache_clear()


def test_no_test_leaves_itself_out_for_want_of_a_program() -> None:
    assert verify.FIRST[0].command == ("python", "-m", "tools.host")
    tests = [path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)]
    assert [str(path) for path in tests if "skipif" in (text := path.read_text()) and "which" in text] == []
