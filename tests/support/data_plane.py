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
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web

from operators.kit.kube import KubeApi, Manifest, Ref
from operators.kit.testing.controlplane import die_with_parent
from tests.support.helm import ROOT, Helm

GATEWAY = "web"
DEFINITIONS = ROOT / "charts/gateway-api/files"
START_S = 60.0
METERED = {"traefik.admin": 8080, "traefik.web": 8000}


def own_address() -> str:
    """This machine's address in its network; nothing is sent."""
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
class Traefik:
    """A running gateway replica."""

    name: str
    web: int
    admin: int
    log: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def start_traefik(program: Path, kubeconfig: Path, folder: Path, name: str, web_port: int = 0) -> Traefik:
    """Start Traefik with charts/gateway's own arguments, but for the ports; returns when it answers.

    All replicas of one Gateway must listen on the listener's port, so each has its own loopback address.
    """
    admin = free_port()
    web_port = web_port or free_port()
    log = folder / f"{name}.log"
    arguments = [
        one.replace(":8000", f":{web_port}").replace(":8080", f"127.0.0.1:{admin}") for one in gateway_arguments(folder)
    ]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={"KUBECONFIG": str(kubeconfig), "PATH": "/usr/bin:/bin", "HOME": str(folder)},
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl and nothing else
        )
    return Traefik(name, web_port, admin, log, process)


def gateway_arguments(folder: Path) -> list[str]:
    """Traefik's arguments out of the chart, its file of dynamic configuration written beside."""
    objects = Helm().template_once(ROOT / "charts/gateway", {})
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
