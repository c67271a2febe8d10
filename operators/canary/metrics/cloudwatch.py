"""CloudWatch: pairs of metrics, and what the target groups of an Application Load Balancer count by themselves.

In: metrics with their dimensions, where `{{slot}}` and the like are filled in. Out: per slot the sums of all whole
periods since the candidate was exposed: a counter. CloudWatch is late by a minute or more, and
periods may still grow: the last `settle_s` seconds are left out, so that no period is counted before it is whole.
A sum of nothing is an outage, except for events whose total has data: CloudWatch keeps no zeros.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from operators.canary.aws import Aws
from operators.canary.terms import SLOTS, Counts, Reading, Sample, Slot

from . import Outage, Target, look
from .prometheus import fill

PERIOD_S = 60
SETTLE_S = 120
# A query reaches back so far at most: releases are shorter, and minutes are kept for 15 days.
REACH = timedelta(days=14)

Groups = Callable[[Target], Awaitable[Mapping[Slot, "TargetGroup"]]]
"""Says which target groups serve the slots."""


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """A target group behind a load balancer, by their ARNs."""

    arn: str
    load_balancer: str

    @property
    def dimensions(self) -> Mapping[str, str]:
        """As CloudWatch names them: `targetgroup/<name>/<id>` and `app/<name>/<id>`."""
        return {
            "TargetGroup": self.arn.rpartition(":")[2],
            "LoadBalancer": self.load_balancer.rpartition(":loadbalancer/")[2],
        }


@dataclass(frozen=True, slots=True)
class Pair:
    """Two metrics; `total` is '' for a gauge, whose newest period counts."""

    namespace: str
    events: str
    total: str = ""
    dimensions: Mapping[str, str] = field(default_factory=dict)
    statistic: Literal["Sum", "Average", "Maximum", "SampleCount"] = "Sum"
    region: str = ""
    settle_s: int = SETTLE_S


ALB_ERRORS = Pair("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "RequestCount")
ALB_LATENCY = Pair("AWS/ApplicationELB", "TargetResponseTime", statistic="Average")
"""A gauge: no bucket of it is to be had."""


class CloudWatchPair:
    """One metric of one Canary; `groups` where its dimensions are those of target groups."""

    def __init__(self, metric: str, pair: Pair, aws: Aws, groups: Groups | None = None) -> None:
        self._metric = metric
        self._pair = pair
        self._aws = aws
        self._groups = groups

    async def read(self, target: Target) -> Sample:
        """As in Provider."""
        return await look(self._metric, target, self._read)

    async def _read(self, target: Target) -> tuple[Reading, ...]:
        start, end = window(target, self._pair.settle_s)
        groups = await self._groups(target) if self._groups else {}
        dimensions = {slot: self._dimensions(target, slot, groups.get(slot)) for slot in SLOTS}
        slots = [slot for slot in SLOTS if dimensions[slot]]
        asked = [
            _query(f"{what}_{slot}", self._pair, metric, dimensions[slot])
            for slot in slots
            for what, metric in (("events", self._pair.events), ("total", self._pair.total))
            if metric
        ]
        found = await self._aws.call("cloudwatch", self._pair.region, lambda client: ask(client, asked, start, end))
        return tuple(Reading("cloudwatch", slot, self._counts(found, slot)) for slot in slots)

    def _dimensions(self, target: Target, slot: Slot, group: TargetGroup | None) -> Mapping[str, str]:
        if self._groups is not None:
            if group is None:
                raise Outage(f"no target group serves slot {slot}")
            return {**group.dimensions, **self._pair.dimensions}
        return {name: fill(value, target, slot) for name, value in self._pair.dimensions.items()}

    def _counts(self, found: Mapping[str, list[float]], slot: Slot) -> Counts:
        events = found[f"events_{slot}"]
        if not self._pair.total:
            if not events:
                raise Outage(f"no data of {self._pair.events} for slot {slot}")
            return Counts(events[-1], 1.0)
        totals = found[f"total_{slot}"]
        if not totals:
            raise Outage(f"no data of {self._pair.total} for slot {slot}")
        return Counts(sum(events), sum(totals))


def window(target: Target, settle_s: int) -> tuple[datetime, datetime]:
    """Return the whole minutes from the exposure to `settle_s` ago; raises Outage while there is none."""
    since = target.since or target.at - timedelta(seconds=settle_s + 5 * PERIOD_S)
    start = _minute(max(since, target.at - REACH))
    end = _minute(target.at - timedelta(seconds=settle_s))
    if end <= start:
        raise Outage(f"CloudWatch has no whole minute since the exposure yet (it is {settle_s} s late)")
    return start, end


def ask(client: Any, queries: list[dict[str, Any]], start: datetime, end: datetime) -> Mapping[str, list[float]]:
    """Return the values of each query, oldest first. Blocking; raises Outage for an answer in part."""
    values: dict[str, list[float]] = {query["Id"]: [] for query in queries}
    pages = client.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries, StartTime=start, EndTime=end, ScanBy="TimestampAscending"
    )
    for page in pages:
        for result in page["MetricDataResults"]:
            if result.get("StatusCode") in ("InternalError", "Forbidden"):
                raise Outage(f"CloudWatch: {result['StatusCode']} for {result.get('Label') or result['Id']}")
            values[result["Id"]] += (float(value) for value in result["Values"])
    return values


def _query(identity: str, pair: Pair, metric: str, dimensions: Mapping[str, str]) -> dict[str, Any]:
    named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    stat = {
        "Metric": {"Namespace": pair.namespace, "MetricName": metric, "Dimensions": named},
        "Period": PERIOD_S,
        "Stat": pair.statistic,
    }
    return {"Id": identity, "MetricStat": stat, "ReturnData": True}


def _minute(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(second=0, microsecond=0)
