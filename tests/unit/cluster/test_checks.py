"""What `amx doctor` tells to do can be pasted into any shell, and a refused password is told."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cluster.local import credentials, engine, probes, repository
from cluster.local.checks import Patient, host, nodes
from cluster.local.checks.platform import check_credential
from cluster.local.doctor import doctor
from cluster.local.engine import Engine
from cluster.local.kubectl import Kubectl
from cluster.local.settings import ROOT, Settings

BARE = {name: value for name, value in os.environ.items() if not name.startswith(("AMX_", "KUBE"))}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    places = {"AMX_STATE_DIR": str(tmp_path / "My State"), "AMX_CACHE_DIR": str(tmp_path / "cache")}
    return Settings.from_environment({"AMX_CLUSTER_NAME": "second"} | places)


@pytest.fixture
def patient(settings: Settings, tmp_path: Path) -> Patient:
    """A cluster whose kubectl, in a folder with a space, writes down what it is asked and finds nothing."""
    program = tmp_path / "the cache" / "kubectl"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" > '{tmp_path}/asked'\n")
    program.chmod(0o755)
    return Patient(settings, Engine("1", owned=True), Kubectl.of(settings, program), [])


def test_a_kubectl_command_can_be_pasted(patient: Patient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "resolve", lambda *_: "no answer")
    check = nodes.check_dns(patient, "second-control-plane")
    subprocess.run(["sh", "-c", check.command], env=BARE, cwd="/", check=True, timeout=10)
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked[0] == f"--kubeconfig={patient.settings.kubeconfig}"
    assert asked[1:] == ["--namespace=kube-system", "rollout", "restart", "deployment", "coredns"]


def test_a_kubeconfig_that_others_can_read_is_closed_by_the_command(settings: Settings) -> None:
    settings.cluster_dir.mkdir(parents=True)
    settings.kubeconfig.touch()
    settings.kubeconfig.chmod(0o644)
    subprocess.run(["sh", "-c", host.check_kubeconfig(settings).command], env=BARE, cwd="/", check=True, timeout=10)
    assert host.check_kubeconfig(settings).ok


def test_without_an_engine_the_command_brings_up_this_cluster_and_no_other(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "find", lambda: None)
    monkeypatch.chdir(ROOT)
    command = doctor(settings)[0].command
    assert command.startswith("AMX_CLUSTER_NAME=second AMX_STATE_DIR='")
    assert command.endswith("/bin/amx up")


@pytest.fixture
def git_server() -> Iterator[Callable[[int], int]]:
    """Start a server that answers every question with one status; returns its port."""
    running: list[ThreadingHTTPServer] = []

    def start(status: int) -> int:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("WWW-Authenticate", "Basic realm=git")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                pass

        running.append(ThreadingHTTPServer(("127.0.0.1", 0), Answer))
        threading.Thread(target=running[-1].serve_forever, daemon=True).start()
        return int(running[-1].server_address[1])

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "password", "said"),
    [
        pytest.param(401, "old", "the Git server refuses the password in ", id="refused"),
        pytest.param(401, "", "the Git server refuses the password in ", id="none"),
        pytest.param(503, "old", "", id="the server is another check's matter"),
    ],
)
def test_a_refused_password_is_told_with_what_mends_it(
    patient: Patient, git_server: Callable[[int], int], status: int, password: str, said: str
) -> None:
    settings = Settings.from_environment(
        {"AMX_STATE_DIR": str(patient.settings.state_dir), "AMX_GIT_PORT": str(git_server(status))}
    )
    if password:
        credentials.write_private(repository.credential_file(settings), repository.credential(settings, password))
    check = check_credential(Patient(settings, patient.engine, patient.kubectl, []))
    assert check.problem.startswith(said)
    assert check.ok is not bool(said)
    assert check.command.endswith("amx up") is bool(said)
