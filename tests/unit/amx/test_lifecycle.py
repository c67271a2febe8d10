"""What `amx status`, `amx up` and `amx doctor` print of what the local side found."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from amx.commands.lifecycle import _doctor_text, _status_text, _up_text
from amx.output import Format, show
from cluster.local import invocation, state
from cluster.local.applications import Application
from cluster.local.checks import Check
from cluster.local.settings import Settings
from cluster.local.status import NodeStatus, ReleaseStatus, Status
from cluster.local.up import Up

FINE = Application("hub-dev", "hub-dev", "Synced", "Healthy", "0123456789abcdef")
BROKEN = Application("hub-prod", "hub-prod", "Unknown", "Healthy", "", "values.yaml:3: replicas: not a number")
STATUS = Status(
    "automatrix",
    exists=True,
    answers=True,
    nodes=(NodeStatus("automatrix-control-plane", "control-plane", running=True, ready=True, version="v1.35.4"),),
    releases=(ReleaseStatus("platform", "automatrix-system", 2, "deployed", ready=True),),
    applications=(FINE,),
    urls=("http://hub-dev.localhost:8080/",),
    git_url="http://127.0.0.1:8081/platform.git",
)
UP = Up(
    "automatrix",
    ("automatrix-control-plane",),
    Path("/state/kubeconfig"),
    "http://localhost:8080",
    "http://127.0.0.1:8081/platform.git",
    created=True,
    seeded=True,
    changed=("platform",),
    applications=(FINE,),
    seconds=61.4,
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_environment({"AMX_STATE_DIR": str(tmp_path)})


def test_a_healthy_cluster(settings: Settings) -> None:
    text = _status_text(STATUS, settings)
    assert text.startswith("cluster automatrix is fine\n")
    assert "✓  hub-dev  Synced  Healthy  01234567" in text
    assert "http://hub-dev.localhost:8080/" in text


def test_an_application_that_is_not_well_says_why(settings: Settings) -> None:
    text = _status_text(replace(STATUS, applications=(FINE, BROKEN)), settings)
    first = text.partition("\n")[0]
    assert first == f"cluster automatrix is not fine; what is wrong: {invocation.amx(settings, 'doctor')}"
    assert "✗  hub-prod" in text
    assert "replicas: not a number" in text


@pytest.mark.parametrize(
    ("status", "want"),
    [
        pytest.param(Status("x", exists=False, answers=False), "amx up", id="no cluster"),
        pytest.param(replace(STATUS, answers=False), "does not answer", id="no answer"),
    ],
)
def test_a_cluster_that_is_not_there(status: Status, want: str, settings: Settings) -> None:
    assert want in _status_text(status, settings)


def test_where_there_are_others_they_are_named(settings: Settings) -> None:
    other = replace(settings, cluster_name="second")
    state.claim(other)
    other.kubeconfig.touch()
    text = _status_text(Status("automatrix", exists=False, answers=False), settings)
    assert text == "there is no cluster automatrix; there is second: set AMX_CLUSTER_NAME=second"


def test_up_says_how_to_go_on(settings: Settings) -> None:
    text = _up_text(UP, settings)
    assert text.startswith("cluster automatrix is made and brought up after 61 s: 1 node\n")
    assert f"({invocation.amx(settings, 'clone')})" in text
    assert "amx doctor" not in text
    assert "amx doctor" in _up_text(replace(UP, applications=(BROKEN,)), settings)


def test_the_doctor_names_the_command_that_mends_it() -> None:
    checks = (Check("engine"), Check("DNS", "does not resolve", "kubectl rollout restart deployment/coredns"))
    assert _doctor_text(checks).splitlines() == [
        "✓ engine",
        "✗ DNS: does not resolve",
        "    kubectl rollout restart deployment/coredns",
    ]


def test_json_has_the_fields_and_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    show(UP, "not this", Format.JSON, is_fine=UP.is_fine)
    printed = json.loads(capsys.readouterr().out)
    assert printed["kubeconfig"] == "/state/kubeconfig"
    assert printed["applications"][0]["health"] == "Healthy"
    assert printed["is_fine"] is True
