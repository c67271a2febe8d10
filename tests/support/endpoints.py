"""Somebody plays the EndpointSlice controller: without nodes, the real one leaves every pod out.

In: the Services of a namespace and the pods that they select. Out: for each Service and each port that its pods have a
slice with their addresses, while they are ready.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from operators.kit.errors import ApiError, Conflict
from operators.kit.kube import KubeApi, Manifest
from tests.support.mirror import mirror


async def play_endpoints(api: KubeApi, namespace: str) -> None:
    """Play until cancelled."""
    written: dict[str, Any] = {}
    async with mirror(api, namespace, ("", "v1", "Pod"), ("", "v1", "Service")) as seen:
        while True:
            with suppress(ApiError, Conflict):
                for service in seen.of("Service"):
                    await _play(api, service, seen.of("Pod"), written)
            await asyncio.sleep(0.1)


async def _play(api: KubeApi, service: Manifest, pods: list[Manifest], written: dict[str, Any]) -> None:
    selector = service["spec"].get("selector") or {}
    if not selector:
        return
    mine = [pod for pod in pods if selector.items() <= (pod["metadata"].get("labels") or {}).items() and _serves(pod)]
    name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
    ports = {port for pod in mine for port in _ports(pod)} | set(written.get(f"{namespace}/{name}", ()))
    written[f"{namespace}/{name}"] = ports
    for port in sorted(ports):
        addresses = sorted({pod["status"]["podIP"] for pod in mine if port in _ports(pod)})
        slice_name = f"{name}-{port}"
        if written.get(f"{namespace}/{slice_name}") == addresses:
            continue
        await api.apply(
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {
                    "name": slice_name,
                    "namespace": namespace,
                    "labels": {"kubernetes.io/service-name": name, "endpointslice.kubernetes.io/managed-by": "test"},
                },
                "addressType": "IPv4",
                "endpoints": [{"addresses": [one], "conditions": {"ready": True}} for one in addresses],
                "ports": [{"name": service["spec"]["ports"][0].get("name", ""), "port": port, "protocol": "TCP"}],
            },
            field_manager="endpoints",
            force=True,
        )
        written[f"{namespace}/{slice_name}"] = addresses


def _serves(pod: Manifest) -> bool:
    status = pod.get("status") or {}
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or ())
    return ready and "deletionTimestamp" not in pod["metadata"] and bool(status.get("podIP"))


def _ports(pod: Manifest) -> list[int]:
    return [port["containerPort"] for one in pod["spec"]["containers"] for port in one.get("ports") or ()]
