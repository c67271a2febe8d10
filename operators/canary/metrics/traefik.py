"""Error rate and latency by Traefik's own counters, read from every gateway pod.

In: the pods' metrics ports. Out: for each pod and slot how many requests there were, and how many of them were answered
with 5xx, or took longer than a bucket of the histogram. Where the pods stay out of reach, Prometheus' copy of the same
counters, by pod as well. The two count as different replicas: one is behind the other, and that is no restart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from operators.canary.terms import SLOTS, Counts, Reading, Sample, Slot

from . import Outage, Target, look
from .exposition import samples
from .gateways import Gateways
from .prometheus import Prometheus, Series

REQUESTS = "traefik_service_requests_total"
DURATIONS = "traefik_service_request_duration_seconds_bucket"
_ENTRY = "traefik_entrypoint_requests_total"
PATIENCE = 5
"""So many looks in a row may find no pod before Prometheus is asked instead."""


@dataclass(frozen=True, slots=True)
class Signal:
    """What is bad: an answer of 5xx, or one that took longer than `above_s` (rounded up to the next bucket)."""

    kind: Literal["errors", "latency"] = "errors"
    above_s: float = 0.0


class TraefikCounters:
    """One metric of one Canary."""

    def __init__(self, metric: str, signal: Signal, gateways: Gateways, prometheus: Prometheus | None = None) -> None:
        self._metric = metric
        self._signal = signal
        self._gateways = gateways
        self._prometheus = prometheus
        self._misses = 0

    async def read(self, target: Target) -> Sample:
        """As in Provider."""
        return await look(self._metric, target, self._read)

    async def _read(self, target: Target) -> tuple[Reading, ...]:
        try:
            readings = await self._from_pods(target)
        except Outage:
            self._misses += 1
            if self._prometheus is None or self._misses < PATIENCE:
                raise
            return await self._from_prometheus(self._prometheus, target)
        self._misses = 0
        return readings

    async def _from_pods(self, target: Target) -> tuple[Reading, ...]:
        found = await self._gateways.expositions()
        readings: list[Reading] = []
        outages: list[str] = []
        for pod, text in sorted(found.items()):
            # One pod that does not answer leaves the others' word: their share of each slot is as good.
            try:
                if isinstance(text, Outage):
                    raise text
                counts = count(text, target, self._signal)
            except Outage as outage:
                outages.append(f"{pod}: {outage}")
                continue
            readings += (Reading(pod, slot, counts[slot]) for slot in SLOTS)
        if not readings:
            raise Outage("; ".join(outages))
        return tuple(readings)

    async def _from_prometheus(self, prometheus: Prometheus, target: Target) -> tuple[Reading, ...]:
        metric = REQUESTS if self._signal.kind == "errors" else DURATIONS
        names = "|".join(service_label(target, slot) for slot in SLOTS)
        series = await prometheus.query(f'{metric}{{service=~"{names}"}}', target.at)
        pods = sorted({one.labels.get("pod") or one.labels.get("instance") or "" for one in series})
        readings = []
        for pod in pods:
            mine = [one for one in series if pod in (one.labels.get("pod"), one.labels.get("instance"))]
            counts = _count(mine, target, self._signal)
            readings += [Reading(f"prometheus/{pod}", slot, counts[slot]) for slot in SLOTS]
        if not readings:
            raise Outage(f"Prometheus has no {metric} of {names}")
        return tuple(readings)


def service_label(target: Target, slot: Slot) -> str:
    """Return how Traefik's Gateway provider calls a slot's Service."""
    return f"{target.namespace}-{target.services[slot]}-http-{target.port}@kubernetesgateway"


def count(text: str, target: Target, signal: Signal) -> Mapping[Slot, Counts]:
    """Count one pod's exposition; a slot it has never served counts 0. Raises Outage where it counts no Services."""
    metric = REQUESTS if signal.kind == "errors" else DURATIONS
    names = [service_label(target, slot) for slot in SLOTS]
    found = [Series(labels, value) for name in names for labels, value in samples(text, metric, f'service="{name}"')]
    if not found and not any(True for _ in samples(text, metric)) and any(value for _, value in samples(text, _ENTRY)):
        raise Outage(f"no {metric} yet (is --metrics.prometheus.addServicesLabels on?)")
    return _count(found, target, signal)


def _count(found: list[Series], target: Target, signal: Signal) -> Mapping[Slot, Counts]:
    counted: dict[Slot, Counts] = {}
    for slot in SLOTS:
        mine = [one for one in found if one.labels.get("service") == service_label(target, slot)]
        if signal.kind == "errors":
            bad = sum(one.value for one in mine if one.labels.get("code", "").startswith("5"))
            counted[slot] = Counts(bad, sum(one.value for one in mine))
        else:
            counted[slot] = _slower(mine, signal.above_s)
    return counted


def _slower(buckets: list[Series], above_s: float) -> Counts:
    """Requests above the first bucket that is not below `above_s`; raises Outage where there is none."""
    if not buckets:
        return Counts()
    limits = sorted({float(one.labels["le"]) for one in buckets})
    limit = next((one for one in limits if one >= above_s), float("inf"))
    if limit == float("inf"):
        finite = ", ".join(f"{one:g}" for one in limits[:-1])
        raise Outage(f"the histogram ends below {above_s:g} s (its buckets: {finite})")
    total = sum(one.value for one in buckets if float(one.labels["le"]) == float("inf"))
    within = sum(one.value for one in buckets if float(one.labels["le"]) == limit)
    return Counts(max(0.0, total - within), total)
