"""Where graphs come from: an environment of this checkout, of another commit, or a file.

In:  `prod`, `main:prod` (a commit or branch and an environment), or the path of a saved graph.
Out: subjects for views. The program of another commit runs in a folder of its own, with this checkout's Python.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

from cluster.environments import ENVIRONMENTS, load
from cluster.graph import Graph
from cluster.local.settings import ROOT
from cluster.reports import views
from cluster.reports.views import Subject
from cluster.stacks import STACKS, stack

LONGEST_S = 300
WRITE = (
    "import sys; from cluster.graph.capture import capture; from cluster.environments import load; "
    "sys.stdout.write(capture(load(sys.argv[1])).to_json())"
)
"""What writes a graph wherever the program is."""


class NoGraphError(ValueError):
    """What was named is no environment, commit or saved graph; the message says what there is."""


def subject(name: str, today: date, root: Path = ROOT) -> Subject:
    """Return what a name stands for; NoGraphError when it stands for nothing."""
    if name in STACKS:
        return views.subject(name, today)
    revision, _, environment = name.rpartition(":")
    if revision and environment in ENVIRONMENTS:
        return Subject(load(environment), _of_commit(root, revision, environment), today)
    path = Path(name)
    if not path.is_file():
        raise NoGraphError(
            f"{name!r} is no environment ({', '.join(ENVIRONMENTS)}), no <commit>:<environment>, and no saved graph"
        )
    try:
        graph = _saved(path.read_text())
        return Subject(stack(graph.environment).environment, graph, today)
    except (ValueError, KeyError, TypeError) as error:
        raise NoGraphError(f"{name} is no graph as `amx plan --view graph --output json` writes it: {error}") from error


def _saved(text: str) -> Graph:
    """Return the graph in what `amx plan --view graph` or `Graph.to_json` wrote; of several environments the first."""
    content = json.loads(text)
    for shown in content.get("environments", {}).values():
        content = shown["graph"]
        break
    return Graph.from_json(json.dumps(content))


def _of_commit(root: Path, revision: str, environment: str) -> Graph:
    with tempfile.TemporaryDirectory(prefix="amx-plan-") as folder:
        archive = subprocess.run(
            ["git", "-C", str(root), "archive", "--format=tar", f"{revision}^{{commit}}", "cluster"],
            capture_output=True,
            check=False,
        )
        if archive.returncode:
            raise NoGraphError(f"no program at {revision!r}: {archive.stderr.decode(errors='replace').strip()}")
        subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", WRITE, environment],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise NoGraphError(f"the program at {revision!r} does not run: {last}")
    return Graph.from_json(done.stdout)
