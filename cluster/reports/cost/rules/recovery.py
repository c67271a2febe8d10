"""What backups cost: each plan's recovery points at home and away, and what is handed on to the isolated account."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cluster.graph.model import Resource
from cluster.reports.cost.model import Line, Unpriced
from cluster.reports.cost.pricing import DAYS_PER_MONTH, Factor, Pricing, Rule
from cluster.reports.cost.rules.data import CLUSTER
from cluster.usage import ONE, Quantity

AWAY = Factor(ONE, "the price of us-east-1 stands in for the recovery Region's", is_assumption=True)
FOREVER_DAYS = 35


def plan(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """Snapshots of what is tagged for it.

    A snapshot of Aurora is as large as the database; one within the cluster's own retention is free, a copy is not.
    """
    chosen = [one for one in of.graph.cloud() if of.graph.tags(one).get("backup") == "true"]
    for protected in chosen:
        if protected.type == CLUSTER:
            yield from _aurora(resource, protected, of)
        else:
            yield of.unpriced(
                resource, f"backup of {protected.key}", f"the data has no backup price of {protected.type}"
            )


def _aurora(resource: Resource, cluster: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    free = cluster.get("backupRetentionPeriod", 0)
    size = of.usage.database_gb
    for rule in resource.get("rules", []):
        days = rule.get("lifecycle", {}).get("deleteAfter", FOREVER_DAYS)
        beyond = max(0, days - free)
        kept = Quantity(
            size.range * beyond, f"{beyond} daily snapshots of its size, after {free} free days: {size.why}"
        )
        yield of.line(resource, f"snapshots of {cluster.key}, {rule['ruleName']}", "aurora.backup.gb_month", kept)
        for copy in rule.get("copyActions", []):
            kept_days = copy.get("lifecycle", {}).get("deleteAfter", FOREVER_DAYS)
            vault = of.graph.targets(copy.get("destinationVaultArn"))
            place = vault[0].key if vault else "another vault"
            copies = Quantity(size.range * kept_days, f"{kept_days} daily copies of its size: {size.why}")
            yield of.line(resource, f"copies in {place}, {rule['ruleName']}", "aurora.backup.gb_month", copies, AWAY)
            sent = Quantity(size.range * DAYS_PER_MONTH, f"a copy of its size every day: {size.why}")
            yield of.line(resource, f"data to {place}, {rule['ruleName']}", "egress.cross_region.gb", sent)


def handover(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """Copies that a state machine starts; they stay in the Region, and the isolated account pays for them.

    The machine's own steps, a handful a day, are within the 4,000 a month that are free.
    """
    kept = _DAYS.search(str(resource.get("definition")))
    if kept is None:
        yield of.unpriced(resource, "steps", "the data has no price of state transitions")
        return
    days = int(kept["days"])
    for protected in (one for one in of.graph.cloud() if of.graph.tags(one).get("backup") == "true"):
        if protected.type == CLUSTER:
            size = of.usage.database_gb
            copies = Quantity(size.range * days, f"{days} daily copies of its size: {size.why}")
            yield of.line(resource, f"copies of {protected.key}, isolated", "aurora.backup.gb_month", copies, AWAY)
        else:
            reason = f"the data has no backup price of {protected.type}"
            yield of.unpriced(resource, f"copies of {protected.key}, isolated", reason)


_DAYS = re.compile(r'"DeleteAfterDays": (?P<days>\d+)')
RULES: dict[str, Rule] = {"aws:backup/plan:Plan": plan, "aws:sfn/stateMachine:StateMachine": handover}
