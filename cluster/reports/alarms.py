"""Which alarms there are, when each rings, and which page says what to do.

In:  graphs. Out: `Rings` rows, one for each alarm and condition; the page docs/runbooks/README.md.

An alarm names its runbook in its description, as an address that a pager can show. What has no runbook has an empty one
here, which a test refuses; so does a page of docs/runbooks that no alarm names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cluster.graph.model import Graph, Resource
from cluster.reports.table import Table, markdown_table

FOLDER = "docs/runbooks"
METRIC = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
RULE = "aws:cloudwatch/eventRule:EventRule"
TOPIC = "aws:sns/topic:Topic"
_RUNBOOK = re.compile(rf"Runbook: \S+/{FOLDER}/(?P<name>[\w-]+)\.md")
_SIDES = {"GreaterThanThreshold": "above", "LessThanThreshold": "below"}


@dataclass(frozen=True, slots=True)
class Rings:
    """One alarm, and when somebody is told."""

    alarm: str
    runbook: str
    """Name of its page; empty where it names none."""
    when: str
    environments: tuple[str, ...]


def alarms(graph: Graph) -> Iterator[Rings]:
    """Yield every alarm of an environment that tells somebody by itself."""
    for one in graph.of_type(METRIC):
        if one.get("alarmActions"):
            yield _rings(graph, one, "alarmDescription", _condition(one))
    for one in graph.of_type(COMPOSITE):
        yield _rings(graph, one, "alarmDescription", _both(graph, one))
    for target in graph.of_type("aws:cloudwatch/eventTarget:EventTarget"):
        rule = graph.target(target.get("rule"))
        if rule is not None and any(place.type == TOPIC for place in graph.targets(target.get("arn"))):
            yield _rings(graph, rule, "description", _events(rule))


def together(graphs: Sequence[Graph]) -> tuple[Rings, ...]:
    """Return the alarms of several environments; those that are the same in some are one row."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for graph in graphs:
        for one in alarms(graph):
            rows.setdefault((one.alarm, one.runbook, one.when), []).append(graph.environment)
    return tuple(Rings(*row, environments=tuple(names)) for row, names in sorted(rows.items()))


def document(graphs: Sequence[Graph], written: str) -> str:
    """Return the page that leads from an alarm to its runbook."""
    rows = tuple(
        (f"[{one.alarm}]({one.runbook}.md)", one.when, ", ".join(one.environments)) for one in together(graphs)
    )
    table = markdown_table(Table("Alarms", ("alarm", "rings when", "where"), rows))
    return f"""\
# Runbooks

One page for each alarm; the alarm's description holds the page's address. In prod they reach the pager, elsewhere a
mailbox. {written}

How to get in, for every page: `aws sso login`, then `aws eks update-kubeconfig --name automatrix-<env>` on a machine
inside the VPC (the API server is private), then `kubectl`. `psql` stands for a pod in the hub's namespace with the
hub's service account, whose password is `aws rds generate-db-auth-token`: nobody has another one. All of it needs an
account. When it is worse than one alarm: [incident response](../incident-response.md).

{table}
"""


def _rings(graph: Graph, one: Resource, field: str, when: str) -> Rings:
    found = _RUNBOOK.search(str(one.get(field) or ""))
    return Rings(one.name, found["name"] if found else "", when, (graph.environment,))


def _condition(one: Resource) -> str:
    statistic = one.get("statistic") or one.get("extendedStatistic")
    side = _SIDES[one.get("comparisonOperator")]
    return (
        f"{one.get('namespace')} {one.get('metricName')}, {statistic} {side} {one.get('threshold'):,.12g}, {_for(one)}"
    )


def _for(one: Resource) -> str:
    periods, minutes = int(one.get("evaluationPeriods")), float(one.get("period")) / 60
    points = int(one.get("datapointsToAlarm") or periods)
    if periods == 1:
        return f"in {minutes:g} minute{'' if minutes == 1 else 's'}"
    return f"in {points} of {periods} times {minutes:g} minute{'' if minutes == 1 else 's'}"


def _both(graph: Graph, one: Resource) -> str:
    windows = [graph[key] for key in sorted({place.key for place in graph.targets(one.get("alarmRule"))})]
    parts = sorted(
        (_period(each), f"{each.get('threshold'):.2%} of requests in {_period(each)} minutes") for each in windows
    )
    return "errors are above " + " and ".join(part for _, part in reversed(parts))


def _period(one: Resource) -> int:
    return int(next(query["metric"]["period"] for query in one.get("metricQueries") if "metric" in query)) // 60


def _events(rule: Resource) -> str:
    pattern = json.loads(str(rule.get("eventPattern")))
    return f"{', '.join(pattern['source'])} say: {', '.join(pattern['detail-type'])}"
