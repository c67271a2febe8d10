"""`amx plan` as a program and a person meet it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner, Result

from amx.__main__ import app
from cluster.environments import PROD
from cluster.graph import capture
from cluster.specification import Environment
from tests.support import aws_graphs

DAY = ["--today", "2026-11-23"]


@pytest.fixture(autouse=True)
def _captured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in aws_graphs.NAMES:
        aws_graphs.graph(name)  # by the real thing, before it is replaced
    aws_graphs.captured(PROD.recovered())

    def known(environment: Environment) -> object:
        return aws_graphs.captured(environment)

    monkeypatch.setattr(capture, "capture", known)


def amx(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["plan", *arguments])


def test_a_line_of_each_view_for_each_environment_and_what_was_not_checked() -> None:
    done = amx(*DAY)
    assert done.exit_code == 0, done.output
    assert "to mend" not in done.output
    for name in ("dev", "staging", "prod", "isolated"):
        assert f"{name} as of 2026-11-23" in done.output
    assert "US dollars a month" in done.output
    assert "0 failed" in done.output
    assert "not checked here: `pulumi preview`" in done.output


def test_one_environment_alone() -> None:
    done = amx("dev", *DAY)
    assert done.exit_code == 0, done.output
    assert "dev as of" in done.output
    assert "prod as of" not in done.output
    assert "to mend" not in done.output


@pytest.mark.parametrize("arguments", [["prod", "--recovered"], ["isolated"]])
def test_what_stands_in_and_the_account_of_copies_are_looked_at_as_any_other(arguments: list[str]) -> None:
    done = amx(*arguments, *DAY)
    assert done.exit_code == 0, done.output
    assert f"{'-'.join(arguments).replace('---', '-')} as of" in done.output
    for view in ("cost", "controls", "sound"):
        assert f"  {view} " in done.output
    assert amx("dev", "--recovered").exit_code == 2, "nothing stands elsewhere for it"


@pytest.mark.parametrize("view", ["graph", "sound", "cost", "controls", "reach", "recovery", "expiry", "diagram"])
@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_each_view_in_each_form(view: str, form: str) -> None:
    done = amx("dev", *DAY, "--view", view, "--output", form)
    assert done.exit_code == 0, done.output
    assert done.output.endswith("\n")
    if form == "json":
        assert list(json.loads(done.output)["environments"]["dev"]) == [view]


def test_all_views_in_one_document() -> None:
    done = amx("dev", *DAY, "--view", "all", "-o", "json")
    found = json.loads(done.output)["environments"]["dev"]
    assert found["cost"]["environment"] == "dev"
    assert {"graph", "sound", "cost", "controls", "reach", "recovery", "expiry", "diagram"} == set(found)


def test_what_is_wrong_makes_an_exit_code() -> None:
    done = amx("dev", "--today", "2027-04-02")
    assert done.exit_code == 3, "Kubernetes 1.35 and a waiver have ended by then"
    assert "to mend)" in done.output


def test_an_unknown_environment_is_wrong_usage() -> None:
    assert amx("nope").exit_code == 2
    assert amx("dev", "--view", "nope").exit_code == 2
