"""What a release is judged by: the metrics of its spec, or those that come with the router. Pure.

In: the spec. Out: its metrics. Whoever reads counts and whoever judges them ask here, so that both speak of the same.
"""

from __future__ import annotations

from datetime import timedelta

from .models import CanarySpec, GatewaySource, Metric

SLOW = timedelta(milliseconds=500)
"""From when a request is slow, where nobody says."""
ERRORS_SLO = 0.05
"""The share of errors that no service should have: being known to be below it moves a release on."""
ERRORS_TOLERANCE = 1.5
"""Errors are counted exactly from the first request on: nearer than the usual twice, harm is found in three quarters of
the time. Of slow requests a process that has just started may have twice as many."""
SLOW_FLOOR = 0.02
"""Fewer slow requests than these are no harm: a process that has just started is slow at first."""


def metrics_of(spec: CanarySpec) -> tuple[Metric, ...]:
    """Return the metrics of a release; the router's errors and latency where the spec names none."""
    if spec.analysis.metrics is not None:
        return spec.analysis.metrics
    # Before a blue-green switch only previews reach the candidate: they may show harm, and no release waits for them.
    required = spec.strategy != "blueGreen"
    latency = GatewaySource(signal="latency", above=SLOW)
    if spec.traffic.router == "alb":
        slow = Metric(name="latency", kind="gauge", gateway=GatewaySource(signal="latency"), required=False)
    else:
        slow = Metric(name="latency", gateway=latency, floor=SLOW_FLOOR, required=required)
    errors = Metric(
        name="errors", gateway=GatewaySource(), slo=ERRORS_SLO, tolerance=ERRORS_TOLERANCE, required=required
    )
    return (errors, slow)


def unreadable(spec: CanarySpec) -> str:
    """Say which metric the router cannot give, and what to do; '' where it can give all."""
    for metric in metrics_of(spec):
        if metric.gateway is None:
            continue
        is_slow, is_gauge = metric.gateway.signal == "latency", metric.kind == "gauge"
        wants_gauge = is_slow and spec.traffic.router == "alb"
        if is_gauge != wants_gauge:
            kind = "gauge, without above" if wants_gauge else "count"
            return (
                f"metric {metric.name}: router {spec.traffic.router} gives {metric.gateway.signal} as a {kind}: "
                f"set its kind, or name another source"
            )
    counts = any(metric.kind == "count" and metric.pods is None for metric in metrics_of(spec))
    if not counts and any(step.min_requests for step in spec.steps):
        return "minRequests: no metric counts requests: add one of a gateway, or leave minRequests out"
    return ""
