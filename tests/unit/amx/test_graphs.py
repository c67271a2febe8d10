"""Where `amx compare` finds graphs: here, at a commit, in a file."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from amx import graphs
from amx.__main__ import app
from cluster.graph import capture
from cluster.local.settings import ROOT
from cluster.reports.documents import AS_OF
from tests.support import aws_graphs


@pytest.fixture(autouse=True)
def _captured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in aws_graphs.NAMES:
        aws_graphs.graph(name)  # by the real thing, before it is replaced
    monkeypatch.setattr(capture, "capture", aws_graphs.captured)


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@t")
    subprocess.run(["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True)


def test_a_commit_is_asked_with_its_own_program(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "cluster", tmp_path / "cluster", ignore=ignored)
    environments = tmp_path / "cluster/environments.py"
    environments.write_text(
        environments.read_text().replace('node_type="cache.t4g.micro"', 'node_type="cache.t4g.small"')
    )
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message=larger cache")
    environments.write_text("raise SystemExit('not this one')")
    found = graphs.subject("HEAD:dev", AS_OF, tmp_path)
    assert found.graph["elasticache.ReplicationGroup/cache"].get("nodeType") == "cache.t4g.small"
    assert len(found.graph) == len(aws_graphs.graph("dev"))
    with pytest.raises(graphs.NoGraphError, match="no program at 'nowhere'"):
        graphs.subject("nowhere:dev", AS_OF, tmp_path)


def test_a_plan_that_was_saved_is_compared_with(tmp_path: Path) -> None:
    runner = CliRunner()
    saved = tmp_path / "before.json"
    saved.write_text(runner.invoke(app, ["plan", "dev", "--view", "graph", "--output", "json"]).output)
    assert graphs.subject(str(saved), AS_OF).graph == aws_graphs.graph("dev")
    done = runner.invoke(app, ["compare", str(saved), "staging", "--output", "json", "--today", "2026-11-23"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["after"] == "staging"


def test_what_is_no_graph_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    for name in (str(tmp_path / "x.json"), "nowhere"):
        done = CliRunner().invoke(app, ["compare", name, "dev"])
        assert done.exit_code == 2
        assert "Invalid value" in done.output
