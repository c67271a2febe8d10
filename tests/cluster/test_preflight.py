"""What the machine lacks is said in one line with the remedy, before anything is created."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.local import engine as engines
from cluster.local import preflight
from cluster.local.checks import host
from cluster.local.engine import Engine
from cluster.local.errors import MachineError
from cluster.local.images import node
from cluster.local.kind import Node
from cluster.local.preflight import Present
from cluster.local.settings import Settings

FRESH = Present(made=False, running=False, cached=False, data=Path("/var/lib"))
STOPPED = replace(FRESH, cached=True)
RUNNING = replace(STOPPED, made=True, running=True)
NODE = Node("x-control-plane", "control-plane", running=True, address="", ports={}, owner=None)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def settings(tmp_path: Path, **changes: str) -> Settings:
    return Settings.from_environment({"AMX_CACHE_DIR": str(tmp_path), "AMX_STATE_DIR": str(tmp_path)} | changes)


def test_a_taken_port_names_its_holder_and_the_setting_that_moves_it(tmp_path: Path, taken: int) -> None:
    ports = {"AMX_HTTP_PORT": str(taken), "AMX_GIT_PORT": str(preflight.free_port())}
    with pytest.raises(MachineError) as failure:
        preflight.check(settings(tmp_path, **ports), 0, STOPPED)
    said = str(failure.value)
    assert said.startswith(f"port {taken} is taken by ")
    assert f"(pid {os.getpid()})" in said
    assert "AMX_HTTP_PORT=" in said
    assert "\n" not in said
    assert not list(tmp_path.iterdir())


def test_ports_of_the_running_cluster_are_its_own(tmp_path: Path, taken: int) -> None:
    preflight.check(settings(tmp_path, AMX_HTTP_PORT=str(taken)), 0, RUNNING)


def test_one_port_for_two_things_is_refused(tmp_path: Path) -> None:
    port = str(preflight.free_port())
    with pytest.raises(MachineError, match="AMX_GIT_PORT and AMX_HTTP_PORT are both"):
        preflight.check(settings(tmp_path, AMX_HTTP_PORT=port, AMX_GIT_PORT=port), 0, STOPPED)


def test_a_port_just_left_by_a_connection_is_free() -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as every server does
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = listener.accept()
            accepted.close()
            assert client.recv(1) == b""
    assert any(f":{port:04X}" in line and " 06 " in line for line in Path("/proc/net/tcp").read_text().splitlines())
    assert not preflight.is_taken(port)


def has_free(monkeypatch: pytest.MonkeyPatch, gib: float) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=int(gib * preflight.GIB)))


@pytest.mark.parametrize(
    ("present", "gib", "said"),
    [
        pytest.param(FRESH, 1.0, r"1\.0 GiB free, 20\.0 are needed \(free some, or move the cache", id="first build"),
        pytest.param(STOPPED, 1.0, r"1\.0 GiB free, 6\.0 are needed \(free some there\)", id="the cache is filled"),
        pytest.param(RUNNING, 0.5, r"0\.5 GiB free, 1\.0 are needed \(free some there\)", id="it runs"),
    ],
)
def test_a_full_disk_is_named_with_what_is_needed_and_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, present: Present, gib: float, said: str
) -> None:
    has_free(monkeypatch, gib)
    with pytest.raises(MachineError, match=said):
        preflight.check_disk(preflight.disk_needs(settings(tmp_path), replace(present, data=tmp_path)))


def test_a_cluster_that_is_there_is_not_refused_for_room_it_has_taken_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_free(monkeypatch, 5)
    for there in (RUNNING, replace(RUNNING, cached=False)):
        preflight.check(settings(tmp_path), 0, there)
    preflight.check_disk(preflight.disk_needs(settings(tmp_path), replace(RUNNING, running=False)))
    assert host.check_disk(settings(tmp_path), None, [NODE]).ok


def test_an_interrupted_first_build_is_no_filled_cache(tmp_path: Path) -> None:
    here = settings(tmp_path)
    layer = tmp_path / "images" / "layers" / "base.tar"
    layer.parent.mkdir(parents=True)
    layer.write_bytes(bytes(3 << 20))
    assert not preflight.is_filled(here)
    (need,) = preflight.disk_needs(here, replace(FRESH, data=tmp_path))
    assert need.wanted == preflight.DISK_CLUSTER + preflight.DISK_BUILD - preflight.bytes_below(tmp_path)
    assert preflight.bytes_below(tmp_path) >= 3 << 20
    (tmp_path / "images" / f"{node.reference('built').rpartition(':')[2]}.tar").touch()
    assert preflight.is_filled(here)


def test_the_disk_that_counts_is_the_one_of_the_engine(tmp_path: Path) -> None:
    (need,) = preflight.disk_needs(settings(tmp_path), replace(STOPPED, data=tmp_path / "docker"))
    assert need.folder == tmp_path / "docker"


def test_the_engine_says_where_it_keeps_its_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\n[ "$1" = info ] && echo /big/docker\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert engines.data_root(Engine("1")) == Path("/big/docker")
    assert engines.data_root(None) == engines.data_root(Engine("1", owned=True)) == engines.DATA


def test_a_port_that_only_root_may_use_is_not_taken() -> None:
    port = next(port for port in range(1023, 900, -1) if not preflight.is_taken(port))
    if os.geteuid():
        return
    os.seteuid(65534)
    try:
        assert not preflight.is_taken(port)
    finally:
        os.seteuid(0)


def test_too_little_memory_says_how_much_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "memory_available", lambda: preflight.GIB)
    with pytest.raises(MachineError, match=r"1\.0 GiB of memory are available, a cluster with 3 workers needs"):
        preflight.check_memory(3)


@pytest.mark.parametrize(("system", "machine"), [("Darwin", "arm64"), ("Linux", "riscv64")])
def test_an_unsupported_platform_is_named(monkeypatch: pytest.MonkeyPatch, system: str, machine: str) -> None:
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    with pytest.raises(MachineError, match=f"{system} on {machine} is not supported"):
        preflight.check_platform()


@pytest.mark.parametrize("workers", [-1, 10])
def test_an_impossible_number_of_workers_is_refused(workers: int) -> None:
    with pytest.raises(MachineError, match="use --workers 0 to 9"):
        preflight.check_workers(workers)
