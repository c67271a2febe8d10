"""What happens around a release: an autoscaler resizes it, the metrics store is down, and users notice none of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from cluster.local.kubectl import Kubectl
from operators.kit.kube import Manifest, Ref
from tests.support.site import HANGS_S, Site, Users

from .conftest import NewSite, Totals, together
from .test_releases import Tale, told

ALL = 'sum by (pod) (hub_requests_total{namespace="{{namespace}}",pod=~"{{service}}-.*"})'
BAD = ALL.replace("{namespace=", '{code=~"5..",namespace=')
SCRAPED = {
    "metrics": [
        {
            "name": "errors",
            "slo": 0.05,
            "prometheus": {
                "events": f"{BAD} or 0 * {ALL}",
                "total": ALL,
                "by": "pod",
            },
        }
    ]
}


def autoscaler(namespace: str, least: int, cpu: str) -> Manifest:
    """An autoscaler of the Canary, on the CPU time of the pods of both slots."""
    metric = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": cpu}}}
    target = {"apiVersion": "automatrix.dev/v1alpha1", "kind": "Canary", "name": "web"}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"scaleTargetRef": target, "minReplicas": least, "maxReplicas": 6, "metrics": [metric]},
    }


WORK = "4"
"""Milliseconds of a processor for a request: beside 50 of them a second, what a pod uses by itself is little."""
AUTOSCALER = Ref("autoscaling", "HorizontalPodAutoscaler", "", "web", "v2")


async def _spec_replicas(site: Site) -> int:
    return (await site.canary()).spec.replicas or 0


@asynccontextmanager
async def _recorded(site: Site) -> AsyncIterator[set[int]]:
    """Note every number of replicas that the autoscaler asks for meanwhile."""
    seen = set[int]()

    async def follow() -> None:
        while True:
            seen.add(await _spec_replicas(site))
            await asyncio.sleep(0.5)

    following = asyncio.create_task(follow())
    try:
        yield seen
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def resized(site: Site, users: Users) -> None:
    """An autoscaler asks for more in mid-release: both slots grow, and the release goes on."""
    await site.api.create(autoscaler(site.namespace, 2, "2"), field_manager="kubectl-create")
    attempt = (await site.canary()).status.attempt
    await site.push("bigger")
    await site.at_step(1)
    minimum = {"spec": {"minReplicas": 4}}
    await site.api.patch(Ref(AUTOSCALER.group, AUTOSCALER.kind, site.namespace, "web", "v2"), minimum)
    ended = await site.ended(attempt + 1)
    assert ended.status.history[0].outcome == "Promoted"
    assert ended.spec.replicas == 4
    assert await _ready(site, ended.status.stable.slot if ended.status.stable else "") == 4
    assert await asyncio.to_thread(users.wait_until_settled, "bigger", 60)


async def steady(site: Site, users: Users) -> None:
    """Under constant load an autoscaler asks for the same before, in and after a release."""
    await site.api.create(autoscaler(site.namespace, 2, "1"), field_manager="kubectl-create")
    # In the middle between what two and three pods carry: a fifth more or less changes nothing.
    share = f"{int(await _used_by_all(site) / 2.5)}m"
    await site.api.apply(autoscaler(site.namespace, 1, share), field_manager="kubectl-create", force=True)
    await _held(site, 3)
    async with _recorded(site) as seen:
        ended = await site.released("same load")
    assert ended.status.history[0].outcome == "Promoted"
    assert seen == {3}, f"the autoscaler asked for {sorted(seen)} replicas during the release"


async def _used_by_all(site: Site) -> float:
    """What two pods use together under this load once it is level, in thousandths of a processor.

    As the autoscaler measures it. A start costs much, and a measurement comes every 15 s: three that agree are level.
    """
    ref = Ref(AUTOSCALER.group, AUTOSCALER.kind, site.namespace, "web", "v2")
    last = list[float]()
    async with asyncio.timeout(HANGS_S):
        while len(last) < 3 or max(last[-3:]) > 1.1 * min(last[-3:]):
            await asyncio.sleep(15)
            found = await site.api.get(ref)
            measured: list[dict[str, Any]] = ((found or {}).get("status") or {}).get("currentMetrics") or []
            # Before the first measurement there is an entry without anything in it.
            if measured and (value := measured[0].get("resource", {}).get("current", {}).get("averageValue")):
                last.append(float(str(value).removesuffix("m")) * 2)
    return sum(last[-3:]) / 3


async def _held(site: Site, replicas: int) -> None:
    async with asyncio.timeout(HANGS_S):
        while await _spec_replicas(site) != replicas:
            await asyncio.sleep(1)


async def _ready(site: Site, slot: str) -> int:
    found = await site.api.get(site.ref("Deployment", f"web-{slot}"))
    return int(((found or {}).get("status") or {}).get("readyReplicas") or 0)


@asynccontextmanager
async def _no_prometheus(kubectl: Kubectl) -> AsyncIterator[None]:
    """The metrics store is away."""
    store = ("deployment", "prometheus", "--namespace=automatrix-observability")
    await asyncio.to_thread(kubectl.run, "scale", *store, "--replicas=0")
    try:
        yield
    finally:
        await asyncio.to_thread(kubectl.run, "scale", *store, "--replicas=1")
        await asyncio.to_thread(kubectl.run, "rollout", "status", *store, "--timeout=120s", timeout_s=130)


async def unmeasured(site: Site, users: Users, kubectl: Kubectl) -> None:
    """Without its metrics store a release waits, and can be aborted."""
    assert (await site.released("measured")).status.history[0].outcome == "Promoted"
    attempt = (await site.canary()).status.attempt
    await site.push("waits")
    await site.at_step(1)
    async with _no_prometheus(kubectl):
        waiting = await site.until("at a loss", lambda canary: bool(canary.status.metrics[0].outage))
        await asyncio.sleep(10)
        still = await site.canary()
        assert (still.status.phase, still.status.step) == (waiting.status.phase, 1)
        await site.act("Abort", "enough")
        assert (await site.ended(attempt + 1)).status.history[0].outcome == "Aborted"
        assert await asyncio.to_thread(users.wait_until_settled, "measured", 60)
    assert (await site.released("again")).status.history[0].outcome == "Promoted"


async def test_an_autoscaler_and_a_missing_metrics_store_leave_a_release_in_peace(
    new_site: NewSite, totals: Totals, kubectl: Kubectl
) -> None:
    async def without(site: Site, users: Users) -> None:
        await unmeasured(site, users, kubectl)

    one, two = [{"weight": 50, "hold": "5s"}], [{"weight": 30, "hold": "20s"}, {"weight": 60, "hold": "20s"}]
    grows = [{"weight": 30, "hold": "30s"}, {"weight": 60, "hold": "5s"}]
    tales = (
        Tale("resized", resized, spec={"steps": grows}, left=4),
        Tale("steady", steady, {"HUB_CPU_MS": WORK}, {"steps": two}, left=3),
        Tale("unmeasured", without, spec={"analysis": SCRAPED, "steps": one}),
    )
    await together(*(told(new_site, totals, tale) for tale in tales))
