"""Any pair of Prometheus queries: bad events and all of them, or one query for a gauge.

In: queries with `{{namespace}}`, `{{name}}`, `{{slot}}`, `{{service}}` in them. Out: counters by slot. A query answers
with one series for each slot, or with several that differ in `by` (a pod's name), each a replica of its own: the sum
over pods falls when one goes, a pod's own counter only when it restarts.
Nothing, NaN, several series, a warning and whatever was not scraped for a minute are outages.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from operators.canary.terms import SLOTS, Counts, Reading, Sample, Slot

from . import Outage, Target, look
from .bounded import Ask, Http

STALE_S = 60
MOST_SERIES = 100
"""Of one slot: each is kept in the Canary's status, which must fit into one object."""
_FIELD = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Series:
    """One series at one moment."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Queries:
    """What is asked; `total` is '' for a gauge. `by`: the label that tells replicas apart."""

    events: str
    total: str = ""
    by: str = ""
    address: str = ""
    """Whose API; the platform's own where empty."""


class Prometheus:
    """One Prometheus (or what speaks its API)."""

    def __init__(self, address: str, http: Http) -> None:
        self._address = address.rstrip("/")
        self._http = http

    async def query(self, query: str, at: datetime) -> list[Series]:
        """Return an instant vector (a scalar as one series without labels); raises Outage."""
        asked = {
            "query": query,
            "time": f"{at.timestamp():.3f}",
            "timeout": "4s",
            # By itself it repeats the last value for 5 minutes.
            "lookback_delta": f"{STALE_S}s",
        }
        return parse(await self._http.json(Ask(f"{self._address}/api/v1/query", asked)))


class PrometheusPair:
    """One metric of one Canary."""

    def __init__(self, metric: str, queries: Queries, prometheus: Prometheus) -> None:
        self._metric = metric
        self._queries = queries
        self._prometheus = prometheus

    async def read(self, target: Target) -> Sample:
        """As in Provider."""
        return await look(self._metric, target, self._read)

    async def _read(self, target: Target) -> tuple[Reading, ...]:
        answers = await asyncio.gather(*(self._slot(target, slot) for slot in SLOTS), return_exceptions=True)
        readings: list[Reading] = []
        for slot, answer in zip(SLOTS, answers, strict=True):
            if isinstance(answer, BaseException):
                # One slot without the other would compare nothing.
                raise Outage(f"slot {slot}: {answer}") from answer
            readings += answer
        return tuple(readings)

    async def _slot(self, target: Target, slot: Slot) -> list[Reading]:
        if not self._queries.total:
            values = await self._ask(self._queries.events, target, slot)
            return [Reading(replica, slot, Counts(value, 1.0)) for replica, value in values.items()]
        totals = await self._ask(self._queries.total, target, slot)
        # A counter of errors appears with the first error: a replica that has a total and none of them has had none.
        events = await self._ask(self._queries.events, target, slot, may_be_empty=bool(self._queries.by))
        unknown = events.keys() - totals.keys()
        if unknown:
            raise Outage(f"{', '.join(sorted(unknown))} has events and no total")
        if self._queries.by:
            return [Reading(name, slot, Counts(events.get(name, 0.0), total)) for name, total in totals.items()]
        return [Reading(name, slot, Counts(events[name], total)) for name, total in totals.items()]

    async def _ask(self, query: str, target: Target, slot: Slot, *, may_be_empty: bool = False) -> dict[str, float]:
        filled = fill(query, target, slot)
        series = await self._prometheus.query(filled, target.at)
        if not series and not may_be_empty:
            raise Outage(f"no series for {filled}")
        if not self._queries.by and len(series) > 1:
            raise Outage(f"{len(series)} series for {filled}: sum them, or say by which label replicas differ")
        if len(series) > MOST_SERIES:
            raise Outage(
                f"{len(series)} series for {filled}, at most {MOST_SERIES}: sum them, or take a label with fewer values"
            )
        found: dict[str, float] = {}
        for one in series:
            replica = one.labels.get(self._queries.by, "") if self._queries.by else "prometheus"
            if not replica or replica in found:
                raise Outage(f"the series of {filled} do not differ by {self._queries.by}")
            if not math.isfinite(one.value) or (one.value < 0 and self._queries.total):
                raise Outage(f"{one.value:g} for {filled}")
            found[replica] = one.value
        return found


def fill(text: str, target: Target, slot: Slot) -> str:
    """Put the slot's names in; raises Outage for a field that there is not."""
    fields = {
        "namespace": target.namespace,
        "name": target.name,
        "slot": slot,
        "service": target.services[slot],
        "deployment": f"{target.name}-{slot}",
    }

    def of(found: re.Match[str]) -> str:
        if found[1] not in fields:
            raise Outage(f"there is no {found[0]} (there are {', '.join(fields)})")
        return fields[found[1]]

    return _FIELD.sub(of, text)


def parse(answer: Any) -> list[Series]:
    """Read an answer of /api/v1/query; raises Outage for an error, a warning (an answer in part) or another shape."""
    try:
        if answer["status"] != "success":
            raise Outage(f"Prometheus: {answer.get('error') or answer['status']}")
        if answer.get("warnings"):
            raise Outage(f"Prometheus warns: {answer['warnings'][0]}")
        kind, result = answer["data"]["resultType"], answer["data"]["result"]
        if kind == "scalar":
            return [Series({}, float(result[1]))]
        if kind == "vector":
            return [Series(one["metric"], float(one["value"][1])) for one in result]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        raise Outage("the answer is none of Prometheus'") from None
    raise Outage(f"the query gives a {kind}, not one value for each series")
