"""Somebody plays kubelet and somebody plays gateway in a namespace of a real API server that has neither.

In: a namespace. Out: pods that run, and Jobs that get to their end; HTTPRoutes that are accepted.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

from operators.kit.errors import ApiError, Conflict
from operators.kit.kube import KubeApi, Manifest, Ref
from tests.support.mirror import mirror

GATEWAY = "gateway.networking.k8s.io"
SINCE = "2026-01-01T00:00:00Z"
AGAIN_S = 0.1


@dataclass
class Kubelet:
    """Has pods run, unless their image is bad."""

    api: KubeApi
    namespace: str
    address: str = ""
    """The pods' address, where they are something that answers."""
    migrates: bool = True
    """Whether the pods of Jobs get to their end."""
    rests: bool = False
    """Whether new pods have to wait."""
    started: set[str] = field(default_factory=set)
    """The pods' uids."""

    async def play(self) -> None:
        """Play until cancelled."""
        async with mirror(self.api, self.namespace, ("", "v1", "Pod")) as seen:
            while True:
                for pod in () if self.rests else seen.of("Pod"):
                    await self._start(pod)
                await asyncio.sleep(AGAIN_S)

    async def _start(self, pod: Manifest) -> None:
        is_bad = "bad" in pod["spec"]["containers"][0]["image"]
        is_started = pod["metadata"]["uid"] in self.started or (pod.get("status") or {}).get("podIP")
        if is_started or is_bad or "deletionTimestamp" in pod["metadata"]:
            return
        is_job = "batch.kubernetes.io/job-name" in pod["metadata"].get("labels", {})
        if is_job and not self.migrates:
            return
        conditions = [{"type": t, "status": "True", "lastTransitionTime": SINCE} for t in ("Ready", "ContainersReady")]
        status: Manifest = {"phase": "Running", "conditions": conditions}
        if self.address:
            status |= {"podIP": self.address, "podIPs": [{"ip": self.address}]}
        if is_job:
            status = {"phase": "Succeeded"}
        with suppress(ApiError, Conflict):
            await self.api.patch(Ref.of(pod), {"status": status}, subresource="status")
            self.started.add(pod["metadata"]["uid"])


async def play_gateway(api: KubeApi, namespace: str) -> None:
    """Have routes accepted, until cancelled."""
    async with mirror(api, namespace, (GATEWAY, "v1", "HTTPRoute")) as seen:
        while True:
            for route in seen.of("HTTPRoute"):
                await _accept(api, route)
            await asyncio.sleep(AGAIN_S / 2)


async def _accept(api: KubeApi, route: Manifest) -> None:
    generation = route["metadata"]["generation"]
    base = {"status": "True", "reason": "Yes", "message": "", "lastTransitionTime": SINCE}
    conditions = [{**base, "type": t, "observedGeneration": generation} for t in ("Accepted", "ResolvedRefs")]
    parents = [{"parentRef": {"name": "web"}, "controllerName": "example.org/test", "conditions": conditions}]
    known = ((route.get("status") or {}).get("parents") or [{}])[0].get("conditions") or [{}]
    if known[0].get("observedGeneration") != generation:
        with suppress(ApiError, Conflict):
            await api.patch(Ref.of(route), {"status": {"parents": parents}}, subresource="status")
