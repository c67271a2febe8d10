"""Bad releases on the local cluster: how long users meet them, from the first request that could to the last.

In: a cluster that is up. Out: one section. Two services side by side, one judged by what comes with the router, one
with an objective of its own; each gets one bad version after another.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from operators.kit.kube import KubeApi, Manifest
from operators.kit.kubernetes_api import KubernetesApi
from tests.benchmarks.figures import Figure, Section
from tests.support.canary_stage import weights
from tests.support.site import Site, Users, site

TRIALS = 9
PER_S = 100.0
STABLE, BAD = "0.005", "0.05"
TARGET_S = 30.0
HANGS_S = 900.0
STEPS = [{"weight": 10, "hold": "60s"}, {"weight": 50, "hold": "60s"}]
OBJECTIVE = {"metrics": [{"name": "errors", "slo": 0.01, "gateway": {"signal": "errors"}}]}
HOW = (
    "On the local cluster, {per_s:.0f} requests/s through its Gateway, first step 10 %, stable fails 0.5 % of its "
    "requests and each of {trials} versions 5 %. From the HTTPRoute with a weight for the candidate to the one without."
)


@dataclass
class Trials:
    """What became of the bad versions of one service."""

    seconds: list[float] = field(default_factory=list)
    errors: list[int] = field(default_factory=list)
    """Requests that met one, stable's own among them."""
    outcomes: list[str] = field(default_factory=list)

    def figures(self, name: str) -> list[Figure]:
        """Return the median, and how many came back."""
        missed = sum(outcome != "Failed" for outcome in self.outcomes)
        return [
            Figure(f"rollback, {name}, median of {len(self.seconds)}", statistics.median(self.seconds), "s", TARGET_S),
            Figure(f"rollback, {name}, slowest", max(self.seconds), "s"),
            Figure(f"requests with an error meanwhile, {name}, median", statistics.median(self.errors), ""),
            Figure(f"not rolled back, {name}", float(missed), "", 0.0),
        ]


async def rollbacks(api: KubernetesApi, image: str, port: int) -> Section:
    """Release bad versions of both services."""
    default, objective = await asyncio.gather(
        _trials(Site(api, "bench-default", image, port, {"HUB_ERROR_RATE": STABLE}), {"analysis": None}),
        _trials(Site(api, "bench-objective", image, port, {"HUB_ERROR_RATE": STABLE}), {"analysis": OBJECTIVE}),
    )
    figures = (*default.figures("metrics as they come"), *objective.figures("objective 99 %"))
    return Section("Bad releases on kind", HOW.format(per_s=PER_S, trials=TRIALS), figures)


async def _trials(place: Site, spec: Mapping[str, Any]) -> Trials:
    found = Trials()
    async with site(place):
        with place.users() as first:
            await asyncio.to_thread(first.wait_until_answered, 90)
        with place.users(PER_S) as users:
            await place.api.apply(place.canary_manifest(steps=STEPS, **spec), field_manager="argocd-controller")
            await place.phase("Idle")
            await asyncio.sleep(30)  # as a service that has been watched for a while
            for number in range(TRIALS):
                await _release(place, f"bad {number}", users, found)
    return found


async def _release(place: Site, message: str, users: Users, found: Trials) -> None:
    attempt = (await place.canary()).status.attempt
    await place.push(message, HUB_ERROR_RATE=BAD)
    await _until_weight(place.api, place, given=True)
    started, errors = time.monotonic(), users.on_purpose
    await _until_weight(place.api, place, given=False)
    found.seconds.append(time.monotonic() - started)
    found.errors.append(users.on_purpose - errors)
    found.outcomes.append((await place.ended(attempt + 1)).status.history[0].outcome)


async def _until_weight(api: KubeApi, place: Site, *, given: bool) -> None:
    """Wait until the candidate has requests, or has none any more (in either slot: after a promotion it is stable)."""
    async with asyncio.timeout(HANGS_S):
        while _is_divided(await api.get(place.ref("HTTPRoute"))) is not given:
            await asyncio.sleep(0.1)


def _is_divided(route: Manifest | None) -> bool:
    shares: Sequence[int] = tuple(weights(route).values()) if route else ()
    return bool(shares) and min(shares) > 0
