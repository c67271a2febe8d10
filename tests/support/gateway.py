"""A Gateway that Traefik processes serve, its pods standing in a namespace for the operator to find."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from operators.kit.kube import KubeApi, Manifest
from tests.support.data_plane import Replica, free_port, make_gateway, make_gateway_pod, start_traefik

REPLICAS = 2


@dataclass(frozen=True)
class Gateway:
    """Replicas that serve what hangs on `parent`."""

    namespace: str
    parent: Manifest
    replicas: tuple[Replica, ...]

    @property
    def urls(self) -> list[str]:
        """Where to send requests to."""
        return [one.url for one in self.replicas]


@asynccontextmanager
async def serving(
    api: KubeApi, namespace: str, program: Path, kubeconfig: Path, folder: Path
) -> AsyncIterator[Gateway]:
    """Run the replicas; the Gateway API's kinds must be served."""
    async with AsyncExitStack() as stack:
        port = free_port()
        parent = await make_gateway(api, namespace, port)
        replicas = []
        for number in range(1, REPLICAS + 1):
            replica = await start_traefik(program, kubeconfig, folder, number=number, port=port)
            stack.callback(replica.stop)
            await make_gateway_pod(api, namespace, replica)
            replicas.append(replica)
        yield Gateway(namespace, parent, tuple(replicas))
