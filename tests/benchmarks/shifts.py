"""From the patch of a route to the confirmed weight: the operator's process, two Traefiks, requests all the while.

In: a folder. Out: one section. A release goes up in many small steps; of each it is timed how long after the route had
the weight the Canary said that the gateway works with it, both as a watch heard of them.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from cluster.local import binaries
from cluster.local.progress import Progress
from cluster.local.settings import KUBERNETES_VERSION, Settings
from operators.kit.kube import KubeApi, Manifest, Ref
from operators.kit.kubernetes_api import KubernetesApi
from operators.kit.testing import controlplane
from operators.kit.testing.controlplane import control_plane
from operators.kit.watches import Watched, Watches
from tests.benchmarks.figures import Figure, Section, percentile
from tests.support import canary_stage, data_plane, definitions, gateway
from tests.support.canary_players import Kubelet
from tests.support.canary_process import running
from tests.support.canary_stage import GATEWAY, weights
from tests.support.data_plane import HOST, Backend, Load, own_address
from tests.support.endpoints import play_endpoints
from tests.support.gateway import Gateway

NAMESPACE = "bench"
PER_S = 100.0
STEPS = [{"weight": weight, "hold": "3s"} for weight in range(5, 100, 5)]
HANGS_S = 600.0
HOW = (
    "A release in {steps} steps of 5 % with 3 s at each, {per_s:.0f} requests/s through two Traefik processes with the "
    "arguments of charts/gateway, the operator a process of its own. From the watch event of the HTTPRoute with a new "
    "weight to that of the Canary which says that every replica works with it."
)


@dataclass
class Shifts:
    """When a weight was written, and when it was confirmed (seconds of one clock)."""

    written: dict[int, float] = field(default_factory=dict)
    confirmed: dict[int, float] = field(default_factory=dict)
    phase: str = ""

    def heard(self, ref: Ref, manifest: Manifest | None) -> None:
        """Take down an event."""
        if manifest is None or ref.name != "web":
            return
        if ref.kind == "HTTPRoute":
            with suppress(KeyError):  # it has no weights before it is the operator's
                self.written.setdefault(weights(manifest)["web-b"], time.monotonic())
            return
        status = manifest.get("status") or {}
        self.phase = status.get("phase", "")
        if self.phase == "Analysing":
            self.confirmed.setdefault(status["weight"]["desired"], time.monotonic())

    @property
    def seconds(self) -> list[float]:
        """How long each took."""
        return [self.confirmed[weight] - self.written[weight] for weight in sorted(self.confirmed)]

    async def until(self, phase: str) -> None:
        """Wait for a phase."""
        async with asyncio.timeout(HANGS_S):
            while self.phase != phase:
                await asyncio.sleep(0.1)


async def confirmation(folder: Path) -> Section:
    """Take a release up step by step."""
    wanted = (*controlplane.PROGRAMS, *data_plane.PROGRAMS)
    programs = binaries.ensure(Settings.from_environment(), wanted, Progress())
    with control_plane(programs, KUBERNETES_VERSION) as kubernetes:
        async with AsyncExitStack() as stack:
            api = await stack.enter_async_context(await KubernetesApi.connect(kubernetes.kubeconfig))
            await definitions.serve(api, [definitions.canary(), *definitions.gateway_api()])
            await api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
            front = await stack.enter_async_context(
                gateway.serving(api, NAMESPACE, programs["traefik"], kubernetes.kubeconfig, folder)
            )
            for player in (Kubelet(api, NAMESPACE, own_address()).play(), play_endpoints(api, NAMESPACE)):
                stack.callback(asyncio.create_task(player).cancel)
            settings = {"CANARY_GATEWAY_NAMESPACE": NAMESPACE, "CANARY_PROMETHEUS": "none"}
            operator = running(kubernetes.kubeconfig, folder, CANARY_NAMESPACE=NAMESPACE, **settings)
            await stack.enter_async_context(operator)
            return await _release(api, front, stack)


async def _release(api: KubeApi, front: Gateway, stack: AsyncExitStack) -> Section:
    shifts, watches = _watch(api)
    stack.push_async_callback(watches.close)
    versions = [Backend("v1"), Backend("v2")]
    for version in versions:
        await version.start(own_address())
        stack.push_async_callback(version.stop)
    for manifest in _objects(front, versions[0]):
        await api.apply(manifest, field_manager="bench")
    await shifts.until("Idle")
    load = await stack.enter_async_context(Load(front.urls, per_s=PER_S).running())
    await api.apply(_deployment(versions[1]), field_manager="bench", force=True)
    await shifts.until("Succeeded")
    seconds = shifts.seconds
    figures = (
        *_of(seconds),
        Figure(f"failed requests of {load.sent}", float(len(load.failed)), "", 0),
    )
    return Section("Weight of a Canary", HOW.format(steps=len(seconds), per_s=PER_S), figures, "")


def _of(seconds: list[float]) -> tuple[Figure, Figure]:
    name = "patch → confirmed"
    return (
        Figure(f"{name}, median of {len(seconds)}", statistics.median(seconds), "s", 2.0),
        Figure(f"{name}, p95", percentile(seconds, 0.95), "s"),
    )


def _watch(api: KubeApi) -> tuple[Shifts, Watches]:
    shifts = Shifts()
    watches = Watches(api, shifts.heard)
    kinds = ((GATEWAY, "v1", "HTTPRoute"), ("automatrix.dev", "v1alpha1", "Canary"))
    watches.follow([Watched(*kind, namespace=NAMESPACE) for kind in kinds])
    return shifts, watches


def _deployment(version: Backend) -> Manifest:
    ports = [{"name": "http", "containerPort": version.port}]
    container: Manifest = {"name": "main", "image": f"app:{version.name}", "ports": ports}
    return canary_stage.deployment(NAMESPACE, container)


def _objects(front: Gateway, version: Backend) -> list[Manifest]:
    """What a plain chart makes, and the Canary."""
    metadata = {"name": "web", "namespace": NAMESPACE}
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    backend = {"name": "web", "port": 80, "weight": 1}
    route = {"parentRefs": [front.parent], "hostnames": [HOST], "rules": [{"backendRefs": [backend]}]}
    service = {"selector": {"app": "web"}, "ports": ports}
    deployment = _deployment(version)
    deployment["spec"]["replicas"] = 2
    traffic = {"parentRefs": [front.parent], "hostnames": [HOST]}
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service},
        {"apiVersion": f"{GATEWAY}/v1", "kind": "HTTPRoute", "metadata": metadata, "spec": route},
        deployment,
        canary_stage.canary(NAMESPACE, traffic=traffic, steps=STEPS, analysis={"metrics": []}),
    ]
