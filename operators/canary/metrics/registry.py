"""Which provider reads which kind of metric: a new one is one more file and one line here.

In: the kind, the metric's name and its settings (`traefik.Signal`, `prometheus.Queries`, `cloudwatch.Pair`, `web.Hook`,
`pods.Question`). Out: a Provider.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from operators.canary.aws import Aws
from operators.kit.errors import Invalid
from operators.kit.kube import KubeApi

from . import Provider
from .bounded import Http
from .cloudwatch import CloudWatchPair, Groups
from .gateways import Gateways
from .pods import Pods
from .prometheus import Prometheus, PrometheusPair, Queries
from .traefik import TraefikCounters
from .web import WebHook


@dataclass(frozen=True)
class Sources:
    """What providers read from; one for the whole operator."""

    api: KubeApi
    http: Http
    """For addresses that users name."""
    gateways: Gateways
    aws: Aws
    prometheus: Prometheus | None = None
    """The platform's own."""
    groups: Groups | None = None
    """The target groups of an ALB (`routers.alb`)."""


def _prometheus(name: str, queries: Queries, sources: Sources) -> Provider:
    source = Prometheus(queries.address, sources.http) if queries.address else sources.prometheus
    if source is None:
        raise Invalid("spec.analysis.metrics", f"{name}: name the Prometheus by its address; the platform has none")
    return PrometheusPair(name, queries, source)


PROVIDERS: Mapping[str, Callable[[str, Any, Sources], Provider]] = {
    "traefik": lambda name, of, sources: TraefikCounters(name, of, sources.gateways, sources.prometheus),
    "prometheus": _prometheus,
    "cloudWatch": lambda name, of, sources: CloudWatchPair(name, of, sources.aws),
    "targetGroups": lambda name, of, sources: CloudWatchPair(name, of, sources.aws, sources.groups),
    "web": lambda name, of, sources: WebHook(name, of, sources.http),
    "pods": lambda name, of, sources: Pods(name, of, sources.api),
}


def make(kind: str, name: str, settings: Any, sources: Sources) -> Provider:
    """Make a provider; raises Invalid for a kind that there is not."""
    if kind not in PROVIDERS:
        raise Invalid("spec.analysis.metrics", f"{name}: there is no {kind} (there are {', '.join(PROVIDERS)})")
    return PROVIDERS[kind](name, settings, sources)
