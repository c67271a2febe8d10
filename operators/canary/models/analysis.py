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
_NAMES_DIFFER = cel(("self.all(m, self.exists_one(n, n.name == m.name))", "two metrics have the same name"))


class GatewaySource(Model):
    """The router's own counters, per slot."""

    signal: Literal["errors", "latency"] = "errors"
    """errors: answers of 500 and above. latency: requests that took longer than `above`."""
    above: Duration | None = None
    """The limit of latency; rounded to the next bucket of the router's histogram."""


class PrometheusSource(Model):
    """A pair of queries, each with one counter per slot; `{{slot}}`, `{{service}}`, `{{namespace}}` are filled in."""

    address: str = ""
    """Its URL; the platform's own where empty."""
    events: str = Field(min_length=1, max_length=4096)
    """The bad ones; for a gauge, its value."""
    total: str = Field(default="", max_length=4096)
    """All of them; none for a gauge."""


class CloudWatchSource(Model):
    """A pair of CloudWatch metrics, per target group."""

    namespace: str = Field(min_length=1, max_length=255)
    events: str = Field(min_length=1, max_length=255)
    total: str = Field(default="", max_length=255)
    dimensions: dict[str, str] = Field(default={})
    region: str = ""


class WebSource(Model):
    """A JSON answer `{"a": {"events": n, "total": n}, "b": {...}}` of counters."""

    url: str = Field(min_length=1, max_length=2048, pattern="^https?://")
    secret: str = ""
    """A Secret of the namespace whose key `key` signs the request (HMAC-SHA256 in X-Signature-256)."""
    timeout: Duration = timedelta(seconds=5)


class PodsSource(Model):
    """The slots' pods, from the Kubernetes API."""

    signal: Literal["restarts", "notReady"] = "restarts"


class Metric(Model):
    """One thing that is compared between the slots."""

    model_config = ConfigDict(json_schema_extra=_ONE_SOURCE)

    name: str = Field(min_length=1, max_length=63, pattern="^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
    kind: Literal["count", "gauge"] = "count"
    """count: bad events among all, judged at every look. gauge: compared once, at a step's end."""
    gateway: GatewaySource | None = None
    prometheus: PrometheusSource | None = None
    cloud_watch: CloudWatchSource | None = None
    web: WebSource | None = None
    pods: PodsSource | None = None
    direction: Literal["increase", "decrease"] = "increase"
    """What is harm: more of it or less."""
    tolerance: float = Field(default=1.5, ge=1, le=100)
    """The candidate's rate may be so many times stable's."""
    slo: float | None = Field(default=None, ge=0, le=1)
    """The largest share of bad events that is allowed whatever stable does."""
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
    metrics: tuple[Metric, ...] = Field(default=(), max_length=16, json_schema_extra=_NAMES_DIFFER)
