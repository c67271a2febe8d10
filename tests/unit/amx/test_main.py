"""The command line as a program meets it: exit codes, streams, one line instead of a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def amx(*arguments: str, state: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AMX_")}
    return subprocess.run(
        [sys.executable, "-m", "amx", *arguments],
        env={**clean, "AMX_STATE_DIR": str(state), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(["--help"], 0, id="help"),
        pytest.param(["version"], 0, id="a command that works"),
        pytest.param(["no-such-command"], 2, id="wrong usage"),
        pytest.param(["version", "--output", "xml"], 2, id="wrong option"),
        pytest.param(["kubeconfig"], 1, id="no cluster"),
        pytest.param(["env"], 1, id="no cluster to point a shell at"),
        pytest.param(["demo"], 1, id="no cluster to tell a story on"),
        pytest.param(["clone", "somewhere"], 1, id="no Git server"),
        pytest.param(["canary", "status"], 1, id="no cluster with Canaries"),
        pytest.param(["canary", "promote"], 2, id="a Canary without a name"),
    ],
)
def test_exit_codes(arguments: list[str], code: int, tmp_path: Path) -> None:
    assert amx(*arguments, state=tmp_path).returncode == code


def test_what_is_wrong_is_one_line_that_names_the_remedy(tmp_path: Path) -> None:
    done = amx("kubeconfig", state=tmp_path)
    assert done.stdout == ""
    assert done.stderr.startswith("amx: there is no cluster automatrix (bring it up with: ")
    assert done.stderr.endswith("amx up)\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "variables", "says"),
    [
        pytest.param(
            ["down"], {"AMX_STATE_DIR": "/proc/nope"}, "No such file or directory: /proc/nope", id="no folder"
        ),
        pytest.param(["down"], {"AMX_STATE_DIR": "/dev/null/x"}, "Not a directory: /dev/null/x", id="a file"),
        pytest.param(["clone", "x"], {"AMX_GIT_PORT": "²"}, "AMX_GIT_PORT is '²'", id="a digit that is no number"),
    ],
)
def test_a_setting_that_leads_nowhere_is_one_line(
    arguments: list[str], variables: dict[str, str], says: str, tmp_path: Path
) -> None:
    done = amx(*arguments, state=tmp_path, **variables)
    assert done.returncode == (2 if "AMX_GIT_PORT" in variables else 1)
    assert done.stderr.startswith(f"amx: {says}")
    assert done.stderr.count("\n") == 1


def test_debug_shows_where_it_went_wrong(tmp_path: Path) -> None:
    assert "Traceback" in amx("--debug", "kubeconfig", state=tmp_path).stderr


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    done = amx("demo", state=tmp_path, AMX_HTTP_PORT="eighty")
    assert done.returncode == 2
    assert "AMX_HTTP_PORT is 'eighty'" in done.stderr


def test_json_is_for_programs(tmp_path: Path) -> None:
    assert set(json.loads(amx("version", "--output", "json", state=tmp_path).stdout)) == {"amx", "kubernetes"}


def test_help_pulls_in_nothing_heavy(tmp_path: Path) -> None:
    code = "import sys, amx.__main__; print(*sorted({'aiohttp', 'kopf', 'kubernetes', 'pydantic'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == ""
