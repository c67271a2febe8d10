"""The settings: what cannot be used is named, and what a cluster has need not be said again."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.local.errors import MachineError
from cluster.local.settings import PORTS_FILE, Settings


@pytest.mark.parametrize("text", ["eighty", "²", "٨٠٨٠", "8080.5", "-1", "0", "65536", " 80", "1" * 5000])
def test_what_is_no_port_is_named(text: str) -> None:
    with pytest.raises(MachineError, match=r"AMX_HTTP_PORT is .*use a port number from 1 to 65535"):
        Settings.from_environment({"AMX_HTTP_PORT": text})


@pytest.mark.parametrize(
    ("recorded", "variables", "want"),
    [
        pytest.param(None, {}, (8080, 8081), id="no cluster"),
        pytest.param('{"AMX_HTTP_PORT": 9080, "AMX_GIT_PORT": 9081}', {}, (9080, 9081), id="the cluster's"),
        pytest.param('{"AMX_HTTP_PORT": 9080, "AMX_GIT_PORT": 9081}', {"AMX_GIT_PORT": "7"}, (9080, 7), id="said"),
        pytest.param("{", {}, (8080, 8081), id="half a file"),
        pytest.param("[]", {}, (8080, 8081), id="another file"),
    ],
)
def test_the_ports_of_a_cluster_that_is_there_are_the_default(
    tmp_path: Path, recorded: str | None, variables: dict[str, str], want: tuple[int, int]
) -> None:
    folder = tmp_path / "second"
    folder.mkdir()
    if recorded is not None:
        (folder / PORTS_FILE).write_text(recorded)
    env = {"AMX_STATE_DIR": str(tmp_path), "AMX_CLUSTER_NAME": "second"}
    found = Settings.from_environment(env | variables)
    assert (found.http_port, found.git_port) == want
    other = Settings.from_environment(env | {"AMX_CLUSTER_NAME": "third"})
    assert (other.http_port, other.git_port) == (8080, 8081)
