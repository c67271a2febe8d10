"""Commands to paste mean the cluster they were printed for, in a shell that knows nothing of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from amx.commands.demo import _summary
from amx.demo.story import STORY, Result, Told
from cluster.local import invocation, state
from cluster.local.settings import ROOT, Settings

SECOND = {"AMX_CLUSTER_NAME": "second", "AMX_HTTP_PORT": "9080", "AMX_GIT_PORT": "9081"}


def pasted(line: str) -> Settings:
    """What amx makes of the line's variables, asked of a real shell without any of ours."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AMX_")}
    variables = line[: line.index(str(invocation.program()))]
    shown = subprocess.run(
        ["sh", "-c", f"{variables} env -0"], env=clean, capture_output=True, text=True, timeout=10, check=True
    ).stdout
    return Settings.from_environment(dict(entry.split("=", 1) for entry in shown.rstrip("\0").split("\0")))


@pytest.mark.parametrize("recorded", [True, False], ids=["by its record", "of a version without the record"])
@pytest.mark.parametrize("name", ["state", "My State; touch x"])
def test_a_pasted_command_finds_the_cluster(tmp_path: Path, name: str, *, recorded: bool) -> None:
    settings = Settings.from_environment(SECOND | {"AMX_STATE_DIR": str(tmp_path / name)})
    if recorded:
        state.claim(settings)
        state.record_ports(settings)
    line = invocation.amx(settings, "clone", "a folder")
    assert line.endswith(" clone 'a folder'")
    assert pasted(line) == settings
    assert ("AMX_HTTP_PORT" in line) is not recorded


def test_for_the_first_cluster_nothing_need_be_said(tmp_path: Path) -> None:
    assert invocation.amx(Settings.from_environment({}), "up") == f"{invocation.program()} up"


def test_what_the_demo_says_to_try_next_means_the_demos_cluster(tmp_path: Path) -> None:
    settings = Settings.from_environment(SECOND | {"AMX_STATE_DIR": str(tmp_path)})
    result = Result(tuple(Told(step.name, ok=True, seconds=1, says="") for step in STORY))
    lines = [line for line in _summary(result, settings).splitlines() if str(invocation.program()) in line]
    assert len(lines) == 4
    for line in lines:
        assert pasted(line[line.index("AMX_") :]) == settings


def test_the_program_is_short_in_its_checkout_and_whole_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    short = invocation.program()
    monkeypatch.chdir(tmp_path)
    assert invocation.program().is_absolute()
    assert short.name == invocation.program().name == "amx"
