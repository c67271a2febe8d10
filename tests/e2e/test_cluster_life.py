"""A second cluster's whole life beside the session's: killed while it is made, made, rebooted, removed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.local import down, engine, invocation, kind, preflight, up
from cluster.local.commands import locked
from cluster.local.doctor import doctor
from cluster.local.progress import Progress
from cluster.local.settings import Settings

from .conftest import Cluster, assert_nothing_left

Eventually = Callable[..., None]


@pytest.fixture
def other(cluster: Cluster, tmp_path: Path) -> Iterator[Settings]:
    http = preflight.free_port()
    settings = replace(
        cluster.settings,
        cluster_name=f"{cluster.settings.cluster_name}-b",
        state_dir=tmp_path / ".amx",
        http_port=http,
        git_port=preflight.free_port({http}),
    )
    yield settings
    down.down(settings, Progress())
    assert_nothing_left(settings)


def test_a_cluster_killed_while_it_is_made_is_made_and_outlives_a_reboot(
    cluster: Cluster, other: Settings, eventually: Eventually
) -> None:
    def started() -> str:
        return cluster.docker("inspect", "--format={{.Id}} {{.State.StartedAt}}", *cluster.nodes)

    neighbour = started()
    kill_while_made(other, eventually)
    half_made = kind.nodes(cluster.engine, other.cluster_name)
    assert half_made
    assert not kind.is_made(cluster.engine, half_made)

    assert made_now(other)
    nodes = kind.nodes(cluster.engine, other.cluster_name)
    assert not made_now(other)

    cluster.docker("stop", "--time=5", *[node.name for node in nodes], timeout_s=120)
    (stopped,) = [check for check in doctor(other) if not check.ok]
    assert stopped.name == "cluster"
    assert stopped.command == invocation.amx(other, "up")
    assert f"{other.cluster_name}-control-plane" in stopped.problem

    assert not made_now(other)
    again = kind.nodes(cluster.engine, other.cluster_name)
    assert [(node.name, node.address) for node in again] == [(node.name, node.address) for node in nodes]
    eventually(
        lambda: {check.name for check in doctor(other) if "node" in check.name and not check.ok} == set(), "nodes", 90
    )

    down.down(other, Progress())
    assert started() == neighbour


def kill_while_made(settings: Settings, eventually: Eventually) -> None:
    """Start `amx up` in a process of its own, and kill it with all it started once a node is there."""
    environment = os.environ | {
        "AMX_CLUSTER_NAME": settings.cluster_name,
        "AMX_STATE_DIR": str(settings.state_dir),
        "AMX_HTTP_PORT": str(settings.http_port),
        "AMX_GIT_PORT": str(settings.git_port),
    }
    present = engine.find()
    assert present is not None
    with subprocess.Popen(
        [sys.executable, "-m", "amx", "up"],
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            eventually(lambda: kind.nodes(present, settings.cluster_name), "a node is made", 120)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def made_now(settings: Settings) -> bool:
    """Do the part of `up` that makes the cluster; the rest is what the session's cluster has shown."""
    with locked(kind.lock_file(settings)) as lock:
        return up.ensure_cluster(up.prepare(settings, Progress(), lock), None)
