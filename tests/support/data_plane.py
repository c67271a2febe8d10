"""A real data plane without nodes: Traefik and Prometheus as processes, backends on this machine, bounded traffic.

In: the programs' paths and a kubeconfig. Out: addresses to send requests to. Services get their EndpointSlices by hand,
with this machine's own address: the API server refuses loopback ones. Everything ends with the test.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from operators.kit.kube import KubeApi, Manifest, Ref
from operators.kit.testing.controlplane import die_with_parent
from tests.support.helm import ROOT, Helm

PROGRAMS = ("traefik", "prometheus")
"""What of the cache's programs a data plane is made of."""
START_S = 60.0
_HELM = Helm()
HOST = "hub.localhost"


def own_address() -> str:
    """Return the machine's address in its network; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))
        except OSError as error:  # pragma: no cover - a machine without any network
            raise AssertionError("the data plane's tests need a network address beside loopback") from error
        return str(probe.getsockname()[0])


def free_port(address: str = "127.0.0.1") -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


@dataclass
class Backend:
    """One version of an app: answers `status` after `delay_s`, and keeps what it was asked."""

    name: str
    port: int = 0
    status: int = 200
    delay_s: float = 0.0
    served: int = 0
    _runner: web.AppRunner | None = None

    async def start(self, address: str) -> None:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, address, self.port).start()
        self.port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, _request: web.Request) -> web.Response:
        self.served += 1
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        return web.Response(status=self.status, text=self.name)


@dataclass(frozen=True)
class Replica:
    """A running pod of the gateway: Traefik with charts/gateway's own arguments, but for the addresses."""

    name: str
    address: str
    port: int
    admin: int
    log: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}/"

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def start_program(argv: Sequence[str], log: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        return subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={"PATH": "/usr/bin:/bin", **environment},
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl and nothing else
        )


async def start_traefik(program: Path, kubeconfig: Path, folder: Path, *, number: int, port: int) -> Replica:
    """Start a replica; all of one Gateway listen on the listener's port, each on a loopback address of its own."""
    name, address, admin = f"traefik-{number}", f"127.0.0.{number}", free_port()
    arguments = [
        one.replace("=:8000", f"={address}:{port}").replace("=:8080", f"=127.0.0.1:{admin}")
        for one in gateway_arguments(folder)
    ]
    log = folder / f"{name}.log"
    process = start_program([str(program), *arguments], log, {"KUBECONFIG": str(kubeconfig), "HOME": str(folder)})
    await until_answers(f"http://127.0.0.1:{admin}/ping", process, log)
    return Replica(name, address, port, admin, log, process)


def gateway_arguments(folder: Path) -> list[str]:
    """Traefik's arguments out of the chart, its file of dynamic configuration written into `folder`."""
    objects = _HELM.template_once(ROOT / "charts/gateway", {})
    deployment = next(one for one in objects if one["kind"] == "Deployment")
    for config in (one for one in objects if one["kind"] == "ConfigMap"):
        for name, text in config["data"].items():
            (folder / name).write_text(text)
    arguments: list[str] = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    return [one.replace("/etc/traefik", str(folder)) for one in arguments]


async def until_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until `url` answers 200; fails with the end of the log."""
    async with asyncio.timeout(START_S), aiohttp.ClientSession() as session:
        while process.poll() is None:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.05)
    raise AssertionError(f"{url} does not answer:\n{log.read_text()[-2000:]}")


async def until(condition: Any, what: str, timeout_s: float = 60.0) -> Any:
    """Wait until `await condition()` is true and return it: a bound for what hangs, no measurement."""
    try:
        async with asyncio.timeout(timeout_s):
            while not (found := await condition()):
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"not within {timeout_s:g} s: {what}") from None
    return found


async def make_gateway(api: KubeApi, namespace: str, port: int) -> Manifest:
    """Make a Gateway for Traefik; returns the parentRef of a route to it."""
    group = "gateway.networking.k8s.io"
    if await api.get(Ref(group, "GatewayClass", "", "traefik")) is None:
        spec: Manifest = {"controllerName": "traefik.io/gateway-controller"}
        await api.create(
            {"apiVersion": f"{group}/v1", "kind": "GatewayClass", "metadata": {"name": "traefik"}, "spec": spec}
        )
    listener = {"name": "web", "port": port, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}}
    spec = {"gatewayClassName": "traefik", "listeners": [listener]}
    metadata = {"name": "web", "namespace": namespace}
    await api.create({"apiVersion": f"{group}/v1", "kind": "Gateway", "metadata": metadata, "spec": spec})
    return {"group": group, "kind": "Gateway", "name": "web", "namespace": namespace}


async def make_service(api: KubeApi, namespace: str, name: str, backend: Backend) -> None:
    """Make a Service whose only endpoint is `backend`."""
    ports = [{"name": "http", "port": 80}]
    metadata: Manifest = {"name": name, "namespace": namespace}
    await api.create({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": ports}})
    metadata = {**metadata, "labels": {"kubernetes.io/service-name": name}}
    await api.create(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": metadata,
            "addressType": "IPv4",
            "endpoints": [{"addresses": [own_address()], "conditions": {"ready": True}}],
            "ports": [{"name": "http", "port": backend.port, "protocol": "TCP"}],
        }
    )


async def make_gateway_pod(api: KubeApi, namespace: str, replica: Replica) -> None:
    """Stand a Pod for a replica, with the status that a kubelet would write."""

    async def account() -> bool:
        return await api.get(Ref("", "ServiceAccount", namespace, "default")) is not None

    await until(account, "the namespace's ServiceAccount")
    ports = [{"name": "web", "containerPort": replica.port}, {"name": "admin", "containerPort": replica.admin}]
    labels = {"app.kubernetes.io/name": "traefik"}
    pod: Manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": replica.name, "namespace": namespace, "labels": labels},
        "spec": {"containers": [{"name": "traefik", "image": "example.invalid/traefik:1", "ports": ports}]},
    }
    await api.create(pod)
    ready = [{"type": "Ready", "status": "True"}]
    status = {"phase": "Running", "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}], "conditions": ready}
    await api.patch(Ref.of(pod), {"status": status}, subresource="status")


@dataclass
class Load:
    """Open-loop traffic: so many requests a second whether or not they are answered, and how each ended."""

    urls: Sequence[str]
    per_s: float
    answers: Counter[tuple[int, str]] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    @property
    def sent(self) -> int:
        return sum(self.answers.values()) + len(self.errors)

    @property
    def failed(self) -> list[str]:
        """Everything that was no 200."""
        return [
            *self.errors,
            *(f"{status}" for (status, _), n in self.answers.items() if status != 200 for _ in range(n)),
        ]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Load]:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
            tasks: set[asyncio.Task[None]] = set()
            sending = asyncio.create_task(self._send(session, tasks))
            try:
                yield self
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
                await asyncio.gather(*tasks)

    async def _send(self, session: aiohttp.ClientSession, tasks: set[asyncio.Task[None]]) -> None:
        loop = asyncio.get_running_loop()
        start, number = loop.time(), 0
        while True:
            while number < (loop.time() - start) * self.per_s:
                task = asyncio.create_task(self._one(session, self.urls[number % len(self.urls)]))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                number += 1
            await asyncio.sleep(0.5 / self.per_s)

    async def _one(self, session: aiohttp.ClientSession, url: str) -> None:
        try:
            async with session.get(url, headers={"Host": HOST}) as answer:
                self.answers[answer.status, await answer.text()] += 1
        except (aiohttp.ClientError, TimeoutError) as error:
            self.errors.append(f"{type(error).__name__}: {error}")


def prometheus_config(replicas: Sequence[Replica]) -> str:
    """Scrape the replicas every second, each named as its pod."""
    targets = [
        {"targets": [f"127.0.0.1:{one.admin}"], "labels": {"pod": one.name, "namespace": "gateway"}} for one in replicas
    ]
    return json.dumps(
        {"global": {"scrape_interval": "1s"}, "scrape_configs": [{"job_name": "pods", "static_configs": targets}]}
    )
