"""Whether requests ever went to pods that were not there: every state of routes and slots, in their order.

In: a namespace, while something happens in it. Out: each moment at which a slot had a larger share of the requests than
its available pods are of the capacity, and the fewest available pods of each Deployment. Resource versions of one
server count up over all kinds (KEP-5504), so that two watches make one history.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from operators.kit.kube import KubeApi, Manifest, Ref
from operators.kit.watches import Watched, Watches
from tests.support.canary_stage import weights

KINDS = (("apps", "v1", "Deployment"), ("gateway.networking.k8s.io", "v1", "HTTPRoute"))


@dataclass
class History:
    """What was seen."""

    moments: dict[int, Manifest] = field(default_factory=dict)
    """By resource version."""

    def take(self, _: Ref, manifest: Manifest | None) -> None:
        """Note a state."""
        if manifest is not None:
            self.moments[int(manifest["metadata"]["resourceVersion"])] = manifest

    def fewest(self, deployment: str) -> int:
        """The fewest available pods of a Deployment."""
        return min(_available(one) for one in self._in_order() if one["metadata"]["name"] == deployment)

    def short(self, capacity: int, lacking: int = 0) -> list[str]:
        """Each moment with too few pods for the share that the route gave, beyond what may lack."""
        available: dict[str, int] = {}
        shares: dict[str, int] = {}
        found: list[str] = []
        for one in self._in_order():
            if one["kind"] == "Deployment":
                available[one["metadata"]["name"]] = _available(one)
                continue
            shares = weights(one)
            for slot, share in shares.items():
                if (available.get(slot, 0) + lacking) * 100 < share * capacity:
                    found.append(f"{slot}: {share} % with {available.get(slot, 0)} of {capacity} pods")
        return found

    def _in_order(self) -> Iterator[Manifest]:
        yield from (self.moments[version] for version in sorted(self.moments))


def _available(deployment: Manifest) -> int:
    return int((deployment.get("status") or {}).get("availableReplicas") or 0)


@asynccontextmanager
async def history(api: KubeApi, namespace: str) -> AsyncIterator[History]:
    """Follow a namespace."""
    seen = History()
    watches = Watches(api, seen.take)
    watches.follow([Watched(*kind, namespace=namespace) for kind in KINDS])
    try:
        yield seen
    finally:
        await watches.close()
