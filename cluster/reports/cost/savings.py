"""What could be saved, and what is saved already: commitments, Spot, schedules, sizes.

In:  the graph, its forecast, the usage profile and the prices.
Out: one `Saving` for each way. An amount is given only where the data has what it takes; else the reason says what is
     missing. Discounts are published ranges: the expected value is their low end, the high one what nobody should plan
     with. Savings are not additive: a node that is switched off needs no Savings Plan.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from cluster.catalogue import CACHES, INSTANCES
from cluster.graph.model import Graph
from cluster.prices import Prices, load
from cluster.reports.cost.model import Cost, Line
from cluster.reports.cost.pricing import HOURS_PER_WEEK
from cluster.reports.cost.rules.compute import INSTANCE, SYSTEM, VOLUME
from cluster.reports.cost.rules.data import MEMBER, SERVERLESS
from cluster.usage import NOTHING, ONE, Range, Usage

OFFICE_HOURS = 50
"""Hours a week in which people work, with an hour before and after."""
ELIGIBLE_GENERATION = 7
"""From which generation of instances Database Savings Plans apply."""
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
CACHE_HEADROOM = 1.25
_GENERATION = re.compile(r"\.[a-z]+(\d+)")


@dataclass(frozen=True, slots=True)
class Saving:
    """One way to pay less."""

    name: str
    saved: Range | None
    """US dollars a month; None where the data does not say."""
    in_effect: bool
    """Whether the forecast has it already."""
    resources: tuple[str, ...]
    reason: str
    """What it asks for, or why it cannot be computed or does not apply."""


def savings(graph: Graph, forecast: Cost, usage: Usage, prices: Prices | None = None) -> tuple[Saving, ...]:
    """Return every way that has been looked at, also those that save nothing here."""
    prices = prices or load()
    return (
        _compute_plan(graph, forecast, prices),
        _database_plan(graph, forecast, prices),
        _spot_in_effect(forecast),
        _spot_possible(graph, forecast, prices),
        _schedule_in_effect(graph, forecast),
        _schedule_possible(graph, forecast),
        *_smaller_nodes(graph, forecast, prices),
        *_smaller_cache(graph, forecast, usage, prices),
        _graviton(graph, forecast),
        _weekly_copies(forecast),
    )


def _names(lines: Iterable[Line]) -> tuple[str, ...]:
    return tuple(sorted({line.resource for line in lines}))


def _hours(graph: Graph, line: Line) -> float:
    return float(graph[line.resource].get("expected.hoursPerWeek", HOURS_PER_WEEK))


def _nodes(forecast: Cost, *, spot: bool) -> list[Line]:
    lines = [line for line in forecast.lines if line.type == INSTANCE and line.what == "hours"]
    return [line for line in lines if (line.factor != ONE) == spot]


def _compute_plan(graph: Graph, forecast: Cost, prices: Prices) -> Saving:
    """Commit to the nodes that run in the quietest hour of a full week, and to no other."""
    steady = [line for line in _nodes(forecast, spot=False) if _hours(graph, line) == HOURS_PER_WEEK]
    base = sum(line.amount.low for line in steady)
    low, high = prices.value("savings.compute.floor"), prices.value("savings.compute.ceiling")
    reason = (
        f"for the ${base:,.0f} of On-Demand nodes that always run, one year without upfront payment to three years "
        "paid upfront; commit after 30 steady days"
        if steady
        else "no On-Demand node runs all week: a commitment would be paid while they are off"
    )
    return Saving("Compute Savings Plan", Range(base * low, base * low, base * high), False, _names(steady), reason)


def _generation(size: str) -> int:
    found = _GENERATION.search(size)
    return int(found[1]) if found else 0


def _database_plan(graph: Graph, forecast: Cost, prices: Prices) -> Saving:
    """Commit to instances of a new enough generation, and to the ACU that are never given back."""
    saved, chosen, left_out = NOTHING, [], []
    floor = prices.value("savings.database.floor")
    for line in forecast.lines:
        resource = graph[line.resource]
        size = str(resource.get("instanceClass") or resource.get("nodeType") or "")
        if line.type not in (MEMBER, "aws:rds/instance:Instance", CACHE) or line.what in ("storage", "backup"):
            continue
        if line.what in ("snapshots", "the administrator's secret"):
            continue
        if size != SERVERLESS and _generation(size) < ELIGIBLE_GENERATION:
            left_out.append(f"{size} is not eligible")
            continue
        kind = "serverless" if size == SERVERLESS else "provisioned"
        base = _steady_acu(graph, line, prices.hours_per_month) if size == SERVERLESS else line.amount.low
        high = prices.value(f"savings.database.{kind}_ceiling")
        saved += Range(base * floor, base * floor, base * high)
        if base:
            chosen.append(line)
        else:
            left_out.append("a database that pauses has no steady part")
    reason = "one year, no upfront payment" if chosen else "nothing to commit to"
    return Saving("Database Savings Plan", saved, False, _names(chosen), "; ".join([reason, *dict.fromkeys(left_out)]))


def _steady_acu(graph: Graph, line: Line, hours: float) -> float:
    """Return the amount of the capacity that a serverless instance never goes below."""
    cluster = graph.target(graph[line.resource].get("clusterIdentifier"))
    least = cluster.get("serverlessv2ScalingConfiguration.minCapacity", 0) if cluster else 0
    share = least / (line.quantity.low or 1) * hours
    return line.amount.low * min(1.0, share)


def _by_spot(lines: Iterable[Line], ratio: Range) -> Range:
    """Return what Spot saves of the On-Demand price: least where Spot is dearest."""
    full = sum(line.quantity.expected * line.price.value for line in lines)
    return Range(full * (1 - ratio.high), full * (1 - ratio.expected), full * (1 - ratio.low))


def _spot_in_effect(forecast: Cost) -> Saving:
    lines = _nodes(forecast, spot=True)
    saved = _by_spot(lines, lines[0].factor) if lines else NOTHING
    reason = "against On-Demand; the share that Spot costs is an assumption" if lines else "no pool runs on Spot"
    return Saving("Spot", saved, True, _names(lines), reason)


def _spot_possible(graph: Graph, forecast: Cost, prices: Prices) -> Saving:
    lines = [line for line in _nodes(forecast, spot=False) if graph[line.resource].name != SYSTEM]
    ratio = Range(*(prices.value(f"spot.ratio.{name}") for name in ("low", "expected", "high")))
    reason = "a request in flight is lost with its node: only with enough nodes and short requests"
    return Saving("Spot for the other pools", _by_spot(lines, ratio), False, _names(lines), reason)


def _schedule_in_effect(graph: Graph, forecast: Cost) -> Saving:
    lines = [line for line in forecast.lines if _hours(graph, line) < HOURS_PER_WEEK]
    saved = NOTHING
    for line in lines:
        saved += line.amount * (HOURS_PER_WEEK / _hours(graph, line) - 1)
    hours = {_hours(graph, line) for line in lines}
    reason = f"nodes run {min(hours):g} of {HOURS_PER_WEEK} hours a week" if hours else "everything runs all week"
    return Saving("Schedule", saved, True, _names(lines), reason)


def _schedule_possible(graph: Graph, forecast: Cost) -> Saving:
    name = "Schedule of nodes in office hours"
    if forecast.environment == "prod":
        return Saving(name, NOTHING, False, (), "customers come at all hours")
    kinds = (INSTANCE, VOLUME)
    lines = [
        line
        for line in forecast.lines
        if line.type in kinds and graph[line.resource].name.startswith("node-") and _hours(graph, line) > OFFICE_HOURS
    ]
    saved = NOTHING
    for line in lines:
        saved += line.amount * (1 - OFFICE_HOURS / _hours(graph, line))
    reason = f"nodes would run {OFFICE_HOURS} hours a week; rehearsals at night would not" if lines else "in effect"
    return Saving(name, saved, False, _names(lines), reason)


def _smaller_nodes(graph: Graph, forecast: Cost, prices: Prices) -> list[Saving]:
    """Find for each pool the cheapest type with no less processor and memory."""
    found = []
    for line in [*_nodes(forecast, spot=False), *_nodes(forecast, spot=True)]:
        have = str(graph[line.resource].get("instanceType"))
        size = INSTANCES[have]
        fitting = [
            (prices.value(f"ec2.{name}"), name)
            for name, other in INSTANCES.items()
            if other.vcpu >= size.vcpu and other.memory_gib >= size.memory_gib and f"ec2.{name}" in prices
        ]
        value, best = min(fitting, default=(line.price.value, have))
        if value >= line.price.value:
            continue
        saved = line.amount * (1 - value / line.price.value)
        burst = "; its processors are lent by the hour, so that steady load pays extra" if best[0] == "t" else ""
        reason = f"{best} has as much processor and memory as {have}{burst}"
        found.append(Saving("Right-sizing of nodes", saved, False, (line.resource,), reason))
    return found or [Saving("Right-sizing of nodes", NOTHING, False, (), "no cheaper type has as much")]


def _smaller_cache(graph: Graph, forecast: Cost, usage: Usage, prices: Prices) -> list[Saving]:
    """Find the smallest cache that holds what is expected, with room to spare."""
    need = usage.cache_gb.range.high * CACHE_HEADROOM
    found = []
    for line in (one for one in forecast.lines if one.type == CACHE and one.what == "node hours"):
        have = str(graph[line.resource].get("nodeType"))
        fitting = [
            (prices.value(f"elasticache.valkey.{name}"), name)
            for name, size in CACHES.items()
            if size.memory_gib >= need and f"elasticache.valkey.{name}" in prices
        ]
        value, best = min(fitting, default=(line.price.value, have))
        saved = line.amount * max(0.0, 1 - value / line.price.value)
        reason = f"{best} holds the {need:.1f} GB needed at most" if saved.high else f"{have} is the smallest that fits"
        found.append(Saving("Right-sizing of the cache", saved, False, (line.resource,), reason))
    return found


def _graviton(graph: Graph, forecast: Cost) -> Saving:
    lines = [*_nodes(forecast, spot=False), *_nodes(forecast, spot=True)]
    kinds = sorted({str(graph[line.resource].get("instanceType")) for line in lines})
    return Saving(
        "Graviton", None, True, _names(lines), f"all nodes are arm64 ({', '.join(kinds)}); the data has no x86 price"
    )


def _weekly_copies(forecast: Cost) -> Saving:
    lines = [
        line for line in forecast.lines if line.what.startswith(("copies in", "data to ")) and "Plan/" in line.resource
    ]
    saved = NOTHING
    for line in lines:
        saved += line.amount * (6 / 7)
    reason = (
        "each copy is as large as the database; the newest would be up to a week old"
        if lines
        else "no backup is copied to another Region"
    )
    return Saving("Backup copies every week instead of every day", saved, False, _names(lines), reason)
