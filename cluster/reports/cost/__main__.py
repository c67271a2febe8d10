"""The view of cost on the command line: `python -m cluster.reports.cost show prod`.

In:  names of environments, or files of graphs that `save` wrote (of another commit, say).
Out: text, JSON or Markdown; exit code 0.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date
from pathlib import Path

from cluster.environments import ENVIRONMENTS, load
from cluster.graph import Graph
from cluster.reports.cost.difference import Difference, difference
from cluster.reports.cost.document import document
from cluster.reports.cost.report import Report, as_json, report
from cluster.reports.cost.text import as_markdown, as_text
from cluster.usage import profile

FORMS = ("text", "markdown", "json")


def main(arguments: list[str] | None = None) -> int:
    """Print what is asked for."""
    asked = _parser().parse_args(arguments)
    if asked.command == "document":
        sys.stdout.write(document([_report(name) for name in ENVIRONMENTS]))
    elif asked.command == "save":
        sys.stdout.write(_graph(asked.graph).to_json())
    elif asked.command == "difference":
        one, other = _report(asked.before, asked.today), _report(asked.after, asked.today)
        sys.stdout.write(_shown(difference(one.cost, other.cost), asked.format))
    else:
        sys.stdout.write(_shown(_report(asked.graph, asked.today), asked.format))
    return 0


def _shown(value: Report | Difference, form: str) -> str:
    if form == "json":
        return json.dumps(as_json(value), indent=2, ensure_ascii=False) + "\n"
    return as_markdown(value) if form == "markdown" else as_text(value)


def _graph(name: str) -> Graph:
    """Return the graph of an environment, or the one in a file."""
    if name not in ENVIRONMENTS:
        return Graph.from_json(Path(name).read_text())
    from cluster.graph.capture import capture  # noqa: PLC0415 — a saved graph needs no Pulumi

    return capture(load(name))


def _report(name: str, today: date | None = None) -> Report:
    graph = _graph(name)
    return report(graph, profile(load(graph.environment)), today=today)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cluster.reports.cost", description="What environments cost.")
    commands = parser.add_subparsers(dest="command", required=True)
    which = f"{', '.join(ENVIRONMENTS)}, or the file of a saved graph"
    show = commands.add_parser("show", help="one environment")
    show.add_argument("graph", help=which)
    compare = commands.add_parser("difference", help="two environments, or one before and after a change")
    compare.add_argument("before", help=which)
    compare.add_argument("after", help=which)
    for one in (show, compare):
        one.add_argument("--format", choices=FORMS, default="text")
        one.add_argument("--today", type=date.fromisoformat, help="the day of which support of versions is judged")
    save = commands.add_parser("save", help="write a graph, to be compared later")
    save.add_argument("graph", help=which)
    commands.add_parser("document", help="write docs/architecture/cost.md")
    return parser


if __name__ == "__main__":
    sys.exit(main())
