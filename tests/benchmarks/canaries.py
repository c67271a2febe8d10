"""Five hundred Canaries at rest: what the operator's process takes for them.

In: a folder. Out: one section. The operator is a process of its own before a real API server; it has adopted every
Deployment itself. Somebody plays the kubelet, and what routes say is taken for what the gateway does.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

from cluster.local import binaries
from cluster.local.progress import Progress
from cluster.local.settings import KUBERNETES_VERSION, Settings
from operators.kit.kube import KubeApi, Manifest
from operators.kit.kubernetes_api import KubernetesApi
from operators.kit.testing.controlplane import PROGRAMS, control_plane
from tests.benchmarks.figures import Figure, Section
from tests.benchmarks.sampling import MIB, cpu, peak, resident
from tests.support import canary_stage, definitions
from tests.support.canary_players import Kubelet, play_gateway
from tests.support.canary_process import running
from tests.support.mirror import Mirror, mirror

CANARIES = 500
TOGETHER = 10
"""Canaries in one namespace."""
IDLE_S = 120.0
SETTLE_S = 15.0
HANGS_S = 1800.0
HOW = (
    "{canaries} Canaries in {namespaces} namespaces, each adopted from a Deployment with a ConfigMap and a Secret. The "
    "operator is a process of its own (`python3 -m operators.canary`); somebody plays the kubelet and the gateway. "
    "Then nothing changes."
)


async def idle(folder: Path, canaries: int = CANARIES) -> Section:
    """Have all of them adopted, then let the operator rest."""
    paths = binaries.ensure(Settings.from_environment(), PROGRAMS, Progress())
    with control_plane(paths, KUBERNETES_VERSION) as kubernetes:
        async with AsyncExitStack() as stack:
            api = await stack.enter_async_context(await KubernetesApi.connect(kubernetes.kubeconfig))
            await definitions.serve(api, [definitions.canary(), *definitions.gateway_api([definitions.ROUTES])])
            for player in (Kubelet(api, "").play(), play_gateway(api, "")):
                stack.callback(asyncio.create_task(player).cancel)
            seen = await stack.enter_async_context(mirror(api, "", ("automatrix.dev", "v1alpha1", "Canary")))
            settings = {"CANARY_NAMESPACE": "default", "CANARY_TRUST_GATEWAYS": "true"}
            operator = await stack.enter_async_context(running(kubernetes.kubeconfig, folder, **settings))
            names = [f"bench-{number}" for number in range(canaries // TOGETHER)]
            await asyncio.gather(*(_fill(api, name) for name in names))
            await _adopted(seen, canaries, operator.pid)
            figures = await _rest(operator.pid)
    return Section(f"{canaries} Canaries, idle", HOW.format(canaries=canaries, namespaces=len(names)), figures, "")


async def _fill(api: KubeApi, namespace: str) -> None:
    """Make a namespace with its share of services, each with a Canary."""
    await api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    for number in range(TOGETHER):
        for manifest in _service(namespace, f"web-{number}"):
            await api.create(manifest, field_manager="bench")


def _service(namespace: str, name: str) -> list[Manifest]:
    metadata = {"name": name, "namespace": namespace}
    container: Manifest = {"name": "main", "image": "app:1", "envFrom": [{"configMapRef": {"name": name}}]}
    container["envFrom"].append({"secretRef": {"name": name}})
    deployment = canary_stage.deployment(namespace, container, replicas=1)
    deployment["metadata"]["name"] = name
    deployment["spec"]["selector"]["matchLabels"]["app"] = name
    spec = {"selector": {"app": name}, "ports": [{"name": "http", "port": 80}]}
    canary = canary_stage.canary(namespace, targetRef={"name": name})
    canary["metadata"]["name"] = name
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"A": "1"}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"B": "2"}},
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec},
        deployment,
        canary,
    ]


async def _adopted(seen: Mirror, canaries: int, pid: int) -> None:
    async with asyncio.timeout(HANGS_S):
        while sum(_is_idle(one) for one in seen.of("Canary")) < canaries:
            if not resident(pid):
                raise RuntimeError("the operator has ended before it had adopted all of them")
            await asyncio.sleep(1)
    await asyncio.sleep(SETTLE_S)


def _is_idle(canary: Manifest) -> bool:
    return bool((canary.get("status") or {}).get("phase") == "Idle")


async def _rest(pid: int) -> tuple[Figure, ...]:
    before, started = cpu(pid), time.monotonic()
    await asyncio.sleep(IDLE_S)
    share = (cpu(pid) - before).total / (time.monotonic() - started) * 100
    return (
        Figure("operator process, idle", resident(pid) / MIB, "MiB", 150),
        Figure("operator process, peak while it adopted them", peak(pid) / MIB, "MiB"),
        Figure(f"CPU over {IDLE_S:.0f} s", share, "% of a core", 3.0),
    )
