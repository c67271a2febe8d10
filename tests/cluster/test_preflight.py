"""What the machine lacks is said in one line with the remedy, before anything is created."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.local import preflight
from cluster.local.errors import MachineError
from cluster.local.settings import Settings


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
        preflight.check(settings(tmp_path, **ports), 0, running=False, cached=True)
    said = str(failure.value)
    assert said.startswith(f"port {taken} is taken by ")
    assert f"(pid {os.getpid()})" in said
    assert "AMX_HTTP_PORT=" in said
    assert "\n" not in said
    assert not list(tmp_path.iterdir())


def test_ports_of_the_running_cluster_are_its_own(tmp_path: Path, taken: int) -> None:
    preflight.check(settings(tmp_path, AMX_HTTP_PORT=str(taken)), 0, running=True, cached=True)


def test_one_port_for_two_things_is_refused(tmp_path: Path) -> None:
    port = str(preflight.free_port())
    with pytest.raises(MachineError, match="AMX_GIT_PORT and AMX_HTTP_PORT are both"):
        preflight.check(settings(tmp_path, AMX_HTTP_PORT=port, AMX_GIT_PORT=port), 0, running=False, cached=True)


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


def test_a_full_disk_is_named_with_what_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=preflight.GIB))
    with pytest.raises(MachineError, match=r"has 1\.0 GiB free, .* are needed \(free some, or move the cache"):
        preflight.check_disk(settings(tmp_path), cached=False)


def test_an_empty_cache_needs_more_room(tmp_path: Path) -> None:
    def total(*, cached: bool) -> int:
        return sum(preflight.disk_wanted(settings(tmp_path), cached=cached).values())

    assert total(cached=False) - total(cached=True) == preflight.DISK_BUILD


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
