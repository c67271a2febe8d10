"""The real instruments: routers say what the data plane does, providers count, hooks are asked.

In: settings and the API. Out: `Instruments`. Nothing here raises, and nothing waits longer than `PATIENCE_S`: a slow
source is read on beside the loop and its answer taken at a later look, so that it delays neither harm that another one
sees nor an abort. Trade-off: what is learned of a slow source is a look older.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Self

from operators.kit.errors import PlatformError
from operators.kit.kube import KubeApi, Manifest

from .asking import Asking
from .aws import Aws
from .measured import metrics_of
from .metrics import Outage, Provider, Target
from .metrics.bounded import Http
from .metrics.fields import provider_of
from .metrics.gateways import GatewayPods, Gateways
from .metrics.prometheus import Prometheus
from .metrics.registry import Sources, make
from .models import Canary, Gate, Metric
from .planes import Planes, leading_port
from .routers import Feature, Router
from .routers.alb import AlbRouter
from .routers.traefik import TraefikRouter
from .routes import services
from .seen import DataPlane, GateAnswer
from .settings import Settings
from .signing import key_of
from .terms import Sample

PATIENCE_S = 2.5
Readers = dict[str, tuple[Metric, Provider]]


class Apparatus:
    """Instruments for all Canaries; close it in the end."""

    def __init__(self, api: KubeApi, settings: Settings) -> None:
        # The platform's own addresses may be anywhere; those that users name may not.
        self._own, self._users = Http(trusted=True), Http()
        self._aws = Aws()
        gateways = Gateways(api, self._own, GatewayPods(settings.gateway_namespace, settings.gateway_selector))
        alb = AlbRouter(api, self._aws, settings.aws_region)
        self._routers: Mapping[str, Router] = {"traefik": TraefikRouter(gateways), "alb": alb}
        prometheus = Prometheus(settings.prometheus, self._own) if settings.prometheus else None
        self._sources = Sources(api, self._users, gateways, self._aws, prometheus, alb.groups)
        self._asking = Asking(self._users)
        self._planes = Planes(self._routers, gateways, PATIENCE_S)
        self._readers: dict[str, Readers] = {}
        self._reading: dict[tuple[str, str], asyncio.Task[Sample]] = {}

    async def __aenter__(self) -> Self:
        """Nothing is opened before it is needed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all reading and close all connections."""
        tasks = list(self._reading.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._planes.close()
        await self._asking.close()
        await self._own.close()
        await self._users.close()
        self._aws.close()

    def features(self, router: str) -> frozenset[Feature]:
        """As in Instruments."""
        return self._routers[router].features

    async def data_plane(self, api: KubeApi, canary: Canary, routes: Mapping[str, Manifest | None]) -> DataPlane:
        """As in Instruments."""
        del api
        return await self._planes.look(canary, routes)

    async def samples(
        self, api: KubeApi, canary: Canary, routes: Mapping[str, Manifest | None], at: datetime
    ) -> tuple[Sample, ...]:
        """As in Instruments; a metric without an answer yet has no sample."""
        port = leading_port(canary, *filter(None, routes.values()))
        target = Target(canary.namespace, canary.name, services(canary), port, at, canary.status.exposed_at)
        tasks = []
        for metric in metrics_of(canary.spec):
            key = (canary.uid, metric.name)
            if key not in self._reading:
                self._reading[key] = asyncio.create_task(self._read(api, canary, metric, target))
            tasks.append(self._reading[key])
        if tasks:
            await asyncio.wait(tasks, timeout=PATIENCE_S)
        done = {key: task for key, task in self._reading.items() if key[0] == canary.uid and task.done()}
        for key in done:
            del self._reading[key]
        return tuple(task.result() for task in done.values())

    async def ask(self, api: KubeApi, canary: Canary, gate: Gate) -> GateAnswer:
        """As in Instruments."""
        return await self._asking.ask(api, canary, gate)

    def forget(self, uid: str) -> None:
        """As in Instruments."""
        self._readers.pop(uid, None)
        self._planes.forget(uid)

    async def _read(self, api: KubeApi, canary: Canary, metric: Metric, target: Target) -> Sample:
        try:
            reader = await self._reader(api, canary, metric)
        except (Outage, PlatformError) as error:
            return Sample(metric.name, target.at, outage=str(error))
        return await reader.read(target)

    async def _reader(self, api: KubeApi, canary: Canary, metric: Metric) -> Provider:
        """Return the metric's provider: the same from look to look, as some remember what they have seen."""
        router = canary.spec.traffic.router
        if metric.web is not None:  # its key may have been rotated
            key = await key_of(api, canary.namespace, metric.web.secret)
            return make(*_named(metric, *provider_of(metric, router, key)), self._sources)
        readers = self._readers.setdefault(canary.uid, {})
        known = readers.get(metric.name)
        if known is None or known[0] != metric:
            known = readers[metric.name] = (
                metric,
                make(*_named(metric, *provider_of(metric, router)), self._sources),
            )
        return known[1]


def _named(metric: Metric, kind: str, settings: object) -> tuple[str, str, object]:
    return kind, metric.name, settings
