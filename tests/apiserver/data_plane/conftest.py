"""A Gateway with two Traefik replicas before two backends, on the real API server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster.local import binaries
from cluster.local.progress import Progress
from cluster.local.settings import Settings
from operators.canary.metrics import Target as Measured
from operators.canary.metrics.bounded import Http
from operators.canary.metrics.gateways import GatewayPods, Gateways
from operators.canary.routers import Target, gatewayapi
from operators.canary.routers.gatewayapi import Match, RouteWish, Split
from operators.canary.routers.traefik import TraefikRouter
from operators.canary.terms import SLOTS, Slot
from operators.kit.kube import Manifest, Ref
from operators.kit.kubernetes_api import KubernetesApi
from tests.support import definitions
from tests.support.data_plane import (
    HOST,
    PROGRAMS,
    Backend,
    Replica,
    make_service,
    own_address,
    until,
)
from tests.support.gateway import Gateway, serving

SERVICES: Mapping[Slot, str] = {"a": "web-a", "b": "web-b"}


@pytest.fixture(scope="session")
def data_programs(pytestconfig: pytest.Config) -> dict[str, Path]:
    """Return the paths of Traefik and Prometheus; they are built at the first use (minutes)."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        return binaries.ensure(Settings.from_environment(), PROGRAMS, Progress())


@dataclass
class DataPlane:
    """Everything that a test sends requests through."""

    api: KubernetesApi
    namespace: str
    parent: Manifest
    backends: Mapping[Slot, Backend]
    replicas: tuple[Replica, ...]
    gateways: Gateways
    router: TraefikRouter

    @property
    def ref(self) -> Ref:
        return Ref("gateway.networking.k8s.io", "HTTPRoute", self.namespace, "web")

    @property
    def measured(self) -> Measured:
        return Measured(self.namespace, "web", SERVICES, 80, datetime.now(UTC))

    def wish(self, b: int, *matches: Match, rules: tuple[Manifest, ...] = ()) -> Manifest:
        split = Split(SERVICES, 80, {"a": 100 - b, "b": b})
        return gatewayapi.build(RouteWish(self.namespace, "web", [self.parent], [HOST], rules, split, matches))

    async def target(self, matches: int = 0) -> Target:
        route = await self.api.get(self.ref)
        assert route is not None
        return Target(self.namespace, SERVICES, 80, (route,), matches)

    async def write(self, manifest: Manifest) -> None:
        await self.api.apply(manifest, field_manager="test", force=True)

    async def confirmed(self, b: int, matches: int = 0) -> None:
        """Wait until both replicas work with the weight."""

        async def has() -> bool:
            return (await self.router.observed(await self.target(matches))).has("b", b)

        await until(has, f"weight {b} in every replica")


@pytest.fixture
async def canaries(api: KubernetesApi) -> None:
    """Have Canaries be served."""
    await definitions.serve(api, [definitions.canary()])


@pytest.fixture
async def gateway(
    api: KubernetesApi, kubeconfig: Path, namespace: str, data_programs: dict[str, Path], tmp_path: Path
) -> AsyncIterator[Gateway]:
    """Yield a Gateway in the test's namespace, its pods standing there for the operator to find."""
    kinds = ("GatewayClass", "Gateway", "HTTPRoute")
    found = await api.discover(fresh=True)
    if not all(("gateway.networking.k8s.io", "v1", kind) in found.resources for kind in kinds):
        await definitions.serve(api, definitions.gateway_api())
    async with serving(api, namespace, data_programs["traefik"], kubeconfig, tmp_path) as made:
        yield made


@pytest.fixture
async def data_plane(api: KubernetesApi, namespace: str, gateway: Gateway) -> AsyncIterator[DataPlane]:
    """Yield two backends behind it with an HTTPRoute of 100/0, confirmed."""
    async with AsyncExitStack() as stack:
        backends: dict[Slot, Backend] = {}
        for slot in SLOTS:
            backends[slot] = Backend(slot)
            await backends[slot].start(own_address())
            stack.push_async_callback(backends[slot].stop)
            await make_service(api, namespace, SERVICES[slot], backends[slot])
        http = Http(trusted=True)
        stack.push_async_callback(http.close)
        gateways = Gateways(api, http, GatewayPods(namespace=namespace))
        plane = DataPlane(api, namespace, gateway.parent, backends, gateway.replicas, gateways, TraefikRouter(gateways))
        await plane.write(plane.wish(0))
        await plane.confirmed(0)
        yield plane
