"""The gateway's replicas, and one reading of each that all Canaries share.

In: the API (which pods) and the pods' admin port. Out: by pod name its exposition, or why there is none. Ten Canaries
that look within the same second cost one scrape a pod.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from operators.kit.kube import KubeApi, Manifest

from . import Outage
from .bounded import Ask, Http

FRESH_S = 0.9
PODS_FRESH_S = 5.0
TIMEOUT_S = 3.0
MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class GatewayPods:
    """Which pods are the data plane."""

    namespace: str = "automatrix-gateway"
    selector: str = "app.kubernetes.io/name=traefik"
    port_name: str = "admin"
    """The container port of metrics and configuration."""


@dataclass(frozen=True, slots=True)
class Replica:
    """One pod of the gateway."""

    name: str
    address: str
    """`10.0.0.1:8080`."""
    serving: bool
    """Ready and not going: it certainly gets requests. Others may still end some."""


@dataclass
class _Kept:
    task: asyncio.Task[str]
    began: float


class Gateways:
    """Reads the gateway's pods; one for all Canaries."""

    def __init__(self, api: KubeApi, http: Http, pods: GatewayPods | None = None) -> None:
        self._api = api
        self._http = http
        self._pods = pods or GatewayPods()
        self._listed: tuple[float, tuple[Replica, ...]] = (float("-inf"), ())
        self._listing = asyncio.Lock()
        self._kept: dict[str, _Kept] = {}

    async def replicas(self) -> tuple[Replica, ...]:
        """Return the pods that run; raises Outage where there is none, ApiError where the API does not say."""
        async with self._listing:
            now = asyncio.get_running_loop().time()
            if now - self._listed[0] > PODS_FRESH_S:
                found = await self._api.list(
                    "", "v1", "Pod", namespace=self._pods.namespace, label_selector=self._pods.selector
                )
                replicas = (replica_of(pod, self._pods.port_name) for pod in found.items)
                self._listed = (now, tuple(one for one in replicas if one is not None))
                addresses = {one.address for one in self._listed[1]}
                self._kept = {key: kept for key, kept in self._kept.items() if key in addresses}
        if not self._listed[1]:
            raise Outage(f"no pod of the gateway runs (namespace {self._pods.namespace}, {self._pods.selector})")
        return self._listed[1]

    async def expositions(self) -> Mapping[str, str | Outage]:
        """Return by pod what its metrics port says, at most a second old, or why it says nothing."""
        replicas = await self.replicas()
        answers = await asyncio.gather(*(self._exposition(one) for one in replicas), return_exceptions=True)
        found: dict[str, str | Outage] = {}
        for replica, answer in zip(replicas, answers, strict=True):
            if isinstance(answer, BaseException) and not isinstance(answer, Outage):
                raise answer
            found[replica.name] = answer
        return found

    async def get(self, replica: Replica, path: str, query: Mapping[str, str]) -> bytes:
        """Ask a pod's admin port; raises Outage."""
        return await self._http.fetch(
            Ask(f"http://{replica.address}{path}", query, timeout_s=TIMEOUT_S, max_bytes=MAX_BYTES)
        )

    async def _exposition(self, replica: Replica) -> str:
        now = asyncio.get_running_loop().time()
        kept = self._kept.get(replica.address)
        if kept is None or now - kept.began > FRESH_S:
            task = asyncio.create_task(self._scrape(replica), name=f"scrape {replica.name}")
            # Whoever waits may be cancelled, all of them even: then nobody asks for the outcome.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            kept = self._kept[replica.address] = _Kept(task, now)
        return await asyncio.shield(kept.task)

    async def _scrape(self, replica: Replica) -> str:
        body = await self.get(replica, "/metrics", {})
        return body.decode(errors="replace")


def replica_of(pod: Manifest, port_name: str) -> Replica | None:
    """Read a pod; None where it takes no part: not started, or ended."""
    status = pod.get("status") or {}
    address = status.get("podIP")
    if status.get("phase") != "Running" or not address:
        return None
    containers = (pod.get("spec") or {}).get("containers") or ()
    ports = (port for container in containers for port in container.get("ports") or ())
    port = next((int(one["containerPort"]) for one in ports if one.get("name") == port_name), 8080)
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or ())
    host = f"[{address}]" if ":" in address else address
    return Replica(
        pod["metadata"]["name"], f"{host}:{port}", serving=ready and "deletionTimestamp" not in pod["metadata"]
    )
