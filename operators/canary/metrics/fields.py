"""From a metric of a spec to the provider that reads it: the CRD's fields as the providers' settings.

In: a `models.Metric`, the router, and the key that signs a web hook. Out: the kind of provider and its settings, for
`registry.make`.
"""

from __future__ import annotations

from typing import Any, cast

from operators.canary.measured import SLOW
from operators.canary.models import (
    CloudWatchSource,
    GatewaySource,
    Metric,
    PodsSource,
    PrometheusSource,
    WebSource,
)

from .cloudwatch import ALB_ERRORS, ALB_LATENCY, Pair
from .pods import Question
from .prometheus import Queries
from .traefik import Signal
from .web import Hook


def provider_of(metric: Metric, router: str, key: bytes = b"") -> tuple[str, Any]:
    """Return the kind of a metric's provider and its settings; `key` signs what a web hook is asked."""
    name, source = metric.source
    if name == "gateway":
        return _of_gateway(cast("GatewaySource", source), router)
    if name == "prometheus":
        asked = cast("PrometheusSource", source)
        return "prometheus", Queries(asked.events, asked.total, asked.by, asked.address)
    if name == "cloud_watch":
        watched = cast("CloudWatchSource", source)
        pair = Pair(
            watched.namespace,
            watched.events,
            watched.total,
            watched.dimensions,
            watched.statistic,
            watched.region,
        )
        return "cloudWatch", pair
    if name == "web":
        web = cast("WebSource", source)
        total = "" if metric.kind == "gauge" else web.total
        return "web", Hook(web.url, web.events, total, web.timeout.total_seconds(), key)
    return "pods", Question(cast("PodsSource", source).signal)


def _of_gateway(source: GatewaySource, router: str) -> tuple[str, Any]:
    if router == "alb":
        return "targetGroups", ALB_LATENCY if source.signal == "latency" else ALB_ERRORS
    return "traefik", Signal(source.signal, (source.above or SLOW).total_seconds())
