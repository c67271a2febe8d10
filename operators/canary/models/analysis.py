"""`spec.analysis`: what is counted, and what counts as harm."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from pydantic import ConfigDict, Field

from .base import Duration, Model, cel

_SOURCES = ("gateway", "prometheus", "cloudWatch", "web", "pods")
_ONE_SOURCE = cel(
    (
        f"[{', '.join(f'has(self.{name})' for name in _SOURCES)}].filter(x, x).size() == 1",
        f"name exactly one source: {', '.join(_SOURCES)}",
    )
)
_FITS = cel(
    (
        (
            "(has(self.kind) && self.kind == 'gauge') || ((!has(self.direction) || self.direction == 'increase') && "
            "(!has(self.slo) || self.slo < 1.0))"
        ),
        "a count is of bad events: slo is a share below 1, and direction is for gauges",
    ),
    (
        (
            "(!has(self.prometheus) || has(self.prometheus.total) != (has(self.kind) && self.kind == 'gauge')) && "
            "(!has(self.cloudWatch) || has(self.cloudWatch.total) != (has(self.kind) && self.kind == 'gauge'))"
        ),
        "a count needs a total, and a gauge has none",
    ),
    (
        (
            "!has(self.pods) || (has(self.pods.signal) && self.pods.signal == 'notReady') == "
            "(has(self.kind) && self.kind == 'gauge')"
        ),
        "restarts are a count, notReady is a gauge",
    ),
    (
        (
            "!has(self.gateway) || has(self.gateway.above) == (has(self.gateway.signal) && "
            "self.gateway.signal == 'latency' && !(has(self.kind) && self.kind == 'gauge'))"
        ),
        "a count of latency needs above, from which a request is slow; nothing else has it",
    ),
)
_NAMES_DIFFER = cel(("self.all(m, self.exists_one(n, n.name == m.name))", "two metrics have the same name"))


def _both(*parts: dict[str, Any]) -> dict[str, Any]:
    """Join sets of rules."""
    return {key: [rule for part in parts for rule in part[key]] for key in parts[0]}


class GatewaySource(Model):
    """The router's own counters, per slot."""

    signal: Literal["errors", "latency"] = "errors"
    """errors: answers of 500 and above. latency: requests that took longer than `above`."""
    above: Duration | None = None
    """From when a request is slow; rounded up to the next bucket of the router's histogram. None for a gauge."""


class PrometheusSource(Model):
    """A pair of queries, each with one counter per slot; `{{slot}}`, `{{service}}`, `{{namespace}}` are filled in."""

    address: str = ""
    """Its URL; the platform's own where empty."""
    events: str = Field(min_length=1, max_length=4096)
    """The bad ones; for a gauge, its value."""
    total: str = Field(default="", max_length=4096)
    """All of them; none for a gauge."""
    by: str = Field(default="", max_length=128)
    """The label by which replicas differ (pod), where a query answers with a series for each of them."""


class CloudWatchSource(Model):
    """A pair of CloudWatch metrics, per target group."""

    namespace: str = Field(min_length=1, max_length=255)
    events: str = Field(min_length=1, max_length=255)
    total: str = Field(default="", max_length=255)
    dimensions: dict[str, str] = Field(default={})
    statistic: Literal["Sum", "Average", "Maximum", "SampleCount"] = "Sum"
    region: str = ""


class WebSource(Model):
    """A JSON answer with counters; asked once for each slot where `{{slot}}` stands in the URL."""

    url: str = Field(min_length=1, max_length=2048, pattern="^https?://")
    secret: str = ""
    """A Secret of the namespace whose key `key` signs the request (HMAC-SHA256 in X-Signature-256)."""
    events: str = Field(default="{{slot}}.events", min_length=1, max_length=253)
    """Where the bad ones stand in the answer, as `data.0.errors`; for a gauge, its value."""
    total: str = Field(default="{{slot}}.total", max_length=253)
    """Where all of them stand; not read for a gauge."""
    timeout: Duration = timedelta(seconds=5)


class PodsSource(Model):
    """The slots' pods, from the Kubernetes API."""

    signal: Literal["restarts", "notReady"] = "restarts"
    """restarts: of containers, among the seconds that pods lived; within its slo (0.0002 a second) while none speaks
    against it. notReady: the share of pods that are not ready, a gauge."""


class Metric(Model):
    """One thing that is compared between the slots."""

    model_config = ConfigDict(json_schema_extra=_both(_ONE_SOURCE, _FITS))

    name: str = Field(min_length=1, max_length=63, pattern="^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
    kind: Literal["count", "gauge"] = "count"
    """count: bad events among all, judged at every look. gauge: a level, compared when a step's hold is over, and again
    each time it was read twice as often; replicas with each other, or the readings where a slot has one."""
    gateway: GatewaySource | None = None
    prometheus: PrometheusSource | None = None
    cloud_watch: CloudWatchSource | None = None
    web: WebSource | None = None
    pods: PodsSource | None = None
    direction: Literal["increase", "decrease"] = "increase"
    """What is harm: more of it or less."""
    tolerance: float | None = Field(default=None, ge=1, le=100)
    """The candidate's rate may be so many times stable's; twice where absent. The less, the longer until it is Safe."""
    floor: float | None = Field(default=None, ge=0, lt=1)
    """A share of bad events below which no multiple of stable's is harm; 0.001 where absent. For counts."""
    slo: float | None = Field(default=None, gt=0)
    """The largest share of bad events (or level of a gauge) that is allowed, whatever stable does."""
    required: bool = True
    """Whether a step waits until this one is known to be fine. One that is not required can still do harm."""

    @property
    def source(self) -> tuple[str, Any]:
        """The kind of the source and its settings; ('', None) where none is named."""
        for name, settings in self:
            if name in ("gateway", "prometheus", "cloud_watch", "web", "pods") and settings is not None:
                return name, settings
        return "", None


class Analysis(Model):
    """How a release is judged. The share of false alarms holds for a whole release, over all metrics and looks."""

    alpha: float = Field(default=0.01, gt=0, le=0.2)
    """At most this share of harmless releases is rolled back by mistake."""
    mode: Literal["enforce", "observe"] = "enforce"
    """observe: verdicts are told and nothing follows from them."""
    interval: Duration = timedelta(seconds=2)
    """From one look to the next."""
    metrics: tuple[Metric, ...] | None = Field(default=None, max_length=16, json_schema_extra=_NAMES_DIFFER)
    """What is counted. Absent: errors and latency, by the router. Empty: nothing, and a step ends by its hold."""
