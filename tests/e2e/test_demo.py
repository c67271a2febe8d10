"""The demo's story on the real platform, with requests running all the while; told twice, for it may be told again."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from amx.demo.story import STORY

Amx = Callable[..., subprocess.CompletedProcess[str]]


@dataclass(frozen=True)
class Told:
    """What `amx demo` said, as a program reads it."""

    code: int
    result: dict[str, Any]
    errors: str


@pytest.fixture(scope="module", params=["first", "again"])
def told(request: pytest.FixtureRequest, amx: Amx) -> Told:
    done = amx("demo", "--output", "json", timeout_s=900)
    assert done.stdout, done.stderr
    return Told(done.returncode, json.loads(done.stdout), done.stderr)


def test_every_step_does_what_it_says(told: Told) -> None:
    steps = {step["name"]: step for step in told.result["steps"]}
    assert list(steps) == [step.name for step in STORY], told.result
    assert {name: step["says"] for name, step in steps.items() if not step["ok"]} == {}


def test_no_request_failed(told: Told) -> None:
    requests = told.result["requests"]
    assert requests["sent"] > 100
    assert requests["failed"] == 0, requests["reasons"]


def test_the_bad_release_failed_a_few_users_and_came_back(told: Told, amx: Amx) -> None:
    assert 0 < told.result["meant"] < told.result["requests"]["sent"] / 10
    canaries = json.loads(amx("canary", "status", "hub-api", "--namespace", "hub-prod", "--output", "json").stdout)
    assert [one["phase"] for one in canaries["canaries"]] == ["Idle"]


def test_a_program_learns_how_it_ended(told: Told) -> None:
    assert told.result["ok"] is True
    assert told.code == 0, told.errors


def test_the_push_is_remembered(told: Told, amx: Amx) -> None:
    receipt = json.loads(amx("receipt", "--output", "json").stdout)
    # The last push of the story has taken the bad release back.
    hub = next(one for one in receipt["applications"] if one["name"] == "hub-prod")
    assert hub["state"] == "Healthy"


def test_the_cluster_is_as_fine_as_before(told: Told, amx: Amx, eventually: Callable[..., None]) -> None:
    eventually(lambda: amx("status").returncode == 0, "the cluster is fine after the story")
