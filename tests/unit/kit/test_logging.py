"""Logs never carry what is in a Secret."""

import json
import logging as standard_logging
import subprocess
import sys

import pytest
import structlog

from operators.kit.logging import configure, get_logger, hide_values, redact

SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"p": "hunter2"}}


@pytest.mark.parametrize(
    "event",
    [
        {"manifest": SECRET},
        {"manifests": [{"kind": "List", "items": [SECRET]}]},
        {"password": "hunter2"},
        {"repository": {"url": "u", "sshPrivateKey": "hunter2"}},
        {"headers": {"Authorization": "hunter2"}},
        {"event": "cannot fetch https://amx:hunter2@git.example.org/x.git"},
        {"reason": "fatal: https://hunter2@git.example.org: 403"},
        {"data": {"key": "hunter2"}},
    ],
)
def test_no_secret_survives(event: dict[str, object]) -> None:
    assert "hunter2" not in json.dumps(redact(None, "info", event))


def test_the_rest_is_left_as_it_is() -> None:
    event = {
        "event": "done",
        "object": "Secret hub-dev/s",
        "action": "Apply",
        "generation": 3,
        "items": ["a", {"b": 1}],
    }
    assert redact(None, "info", dict(event)) == event


def test_the_api_servers_complaint_about_a_secret_loses_the_value_and_keeps_the_field() -> None:
    message = "failed to create typed patch object: .data.p: expected string, got &value.valueUnstructured{Value:42}"
    assert hide_values(message).endswith(".data.p: expected string, got (hidden)")


def test_lines_are_json_and_redacted_for_structlog_and_for_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    early = get_logger("early")
    root = standard_logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        configure()
        get_logger("gitops").info("done", object="Application argocd/hub", token="hunter2", reason="drift")
        early.info("done", password="hunter2")
        standard_logging.getLogger("kopf").warning("pull %s", "https://a:hunter2@h/x")
        written = capsys.readouterr().err
    finally:
        root.handlers[:], root.level = handlers, level
        structlog.reset_defaults()
    own, _, library = (json.loads(line) for line in written.splitlines())
    assert (own["operator"], own["reason"], own["level"]) == ("gitops", "drift", "info")
    assert library["event"].startswith("pull https://")
    assert "hunter2" not in written


@pytest.mark.parametrize("setup", ["", "configure()", "sys.stderr.isatty = lambda: True; configure()"])
def test_an_exception_is_told_without_the_local_variables_of_its_frames(setup: str) -> None:
    # In a process of its own, because what is configured is global and the first case is before it is.
    program = f"""
import logging, sys
from operators.kit.logging import configure, get_logger
{setup}
def fail():
    manifest = {{"kind": "Secret", "data": {{"p": "hunt" + "er2"}}}}
    raise KeyError("boom")
try:
    fail()
except KeyError:
    get_logger("gitops").exception("look failed")
    logging.getLogger("kopf").exception("handler failed")
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "KeyError: 'boom'" in told.stdout + told.stderr
    assert "hunter2" not in told.stdout + told.stderr
