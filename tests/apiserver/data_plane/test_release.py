"""A whole life of a Canary by the operator's own instruments, before the real Traefik, under load: nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest

from operators.canary.apparatus import Apparatus
from operators.canary.settings import Settings
from operators.kit.kube import Manifest
from operators.kit.kubernetes_api import KubernetesApi
from tests.support import canary_stage
from tests.support.canary_stage import Stage, deployment
from tests.support.data_plane import HOST, Backend, Load, own_address, until
from tests.support.endpoints import play_endpoints
from tests.support.gateway import Gateway

GROUP = "gateway.networking.k8s.io"
METRICS = [
    {"name": "errors", "gateway": {"signal": "errors"}, "floor": 0.05},
    {"name": "latency", "gateway": {"signal": "latency", "above": "1s"}, "floor": 0.05},
]


class Versions:
    """The app's versions: each one is a port of this machine, which its pods name."""

    def __init__(self) -> None:
        self.backends: dict[str, Backend] = {}

    async def start(self, stack: AsyncExitStack) -> None:
        for name in ("v1", "v2", "v3"):
            self.backends[name] = Backend(name, status=503 if name == "v3" else 200)
            await self.backends[name].start(own_address())
            stack.push_async_callback(self.backends[name].stop)

    def container(self, name: str) -> dict[str, Any]:
        ports = [{"name": "http", "containerPort": self.backends[name].port}]
        return {"name": "main", "image": f"app:{name}", "ports": ports}


@pytest.fixture
async def stage(api: KubernetesApi, namespace: str, gateway: Gateway, canaries: None) -> AsyncIterator[Stage]:
    """Yield a stage whose operator reads with the real instruments; its pods answer at this machine's address."""
    async with Apparatus(api, Settings(gateway_namespace=namespace, prometheus="")) as instruments:
        made = Stage(api, namespace, instruments=instruments)
        made.kubelet.address = own_address()
        players = [
            asyncio.create_task(made.kubelet.play()),
            asyncio.create_task(play_endpoints(api, namespace)),
        ]
        yield made
        for player in players:
            player.cancel()
        await asyncio.gather(*players, return_exceptions=True)


def objects(namespace: str, gateway: Gateway, container: dict[str, Any]) -> tuple[Manifest, ...]:
    """What a plain chart makes."""
    backend = {"name": "web", "port": 80, "weight": 1}
    spec = {"parentRefs": [gateway.parent], "hostnames": [HOST], "rules": [{"backendRefs": [backend]}]}
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    metadata = {"name": "web", "namespace": namespace}
    return (
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": {"app": "web"}, "ports": ports},
        },
        {"apiVersion": f"{GROUP}/v1", "kind": "HTTPRoute", "metadata": metadata, "spec": spec},
        deployment(namespace, container, replicas=2),
    )


async def push(stage: Stage, container: dict[str, Any]) -> None:
    await stage.api.apply(deployment(stage.namespace, container), field_manager="argocd-controller", force=True)


async def test_adopted_released_rolled_back_and_given_back_without_a_lost_request(
    stage: Stage, gateway: Gateway
) -> None:
    versions = Versions()
    async with AsyncExitStack() as stack:
        await versions.start(stack)
        for manifest in objects(stage.namespace, gateway, versions.container("v1")):
            await stage.api.apply(manifest, field_manager="argocd-controller")
        urls = [one.url for one in gateway.replicas]
        for url in urls:
            await until(lambda url=url: _answers(url), f"{url} serves the plain app")
        load = await stack.enter_async_context(Load(urls, per_s=100).running())
        spec = canary_stage.canary(
            stage.namespace,
            traffic={"parentRefs": [gateway.parent], "hostnames": [HOST]},
            steps=[{"weight": 20, "hold": "2s"}, {"weight": 60, "hold": "2s"}],
            analysis={"metrics": METRICS},
            drain="2s",
            rollbackWindow="3s",
        )
        await stage.api.create(spec)
        async with stage.operator("WriteRoute:after:3"):
            await stage.phase("Idle")
            await push(stage, versions.container("v2"))
            released = await stage.phase("Succeeded")
            assert stage.kills == 1
            assert released.status.history[0].outcome == "Promoted"
            assert load.failed == []

            await push(stage, versions.container("v3"))
            back = await stage.phase("RolledBack")
            assert back.status.failed is not None
            assert "errors" in back.status.failed.reason
            await stage.api.delete(stage.ref("Canary", "web"))
            await stage.until_gone("Canary", "web")
        before = versions.backends["v2"].served
        await until(lambda: _more(versions.backends["v2"], before), "what is given back serves")
    assert {answer for answer in load.answers if answer[0] != 200} == {(503, "v3")}
    assert load.errors == []


async def _answers(url: str) -> bool:
    async with aiohttp.ClientSession() as session, session.get(url, headers={"Host": HOST}) as answer:
        return answer.status == 200


async def _more(backend: Backend, served: int) -> bool:
    return backend.served > served + 50
