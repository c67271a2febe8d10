"""The operator is killed at every turn that releases take, under load, and no request fails.

Its kill points by action are those of the API-server tests; here the turns are what the Canary's phases say, and a
phase that no story enters fails. Meanwhile a service goes over to Canaries and back by `git push` alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import pytest

from cluster.local.errors import MachineError
from cluster.local.kubectl import Kubectl
from operators.canary.models.status import Phase
from operators.kit.kube import KubeApi, Ref
from operators.kit.kubernetes_api import KubernetesApi
from tests.e2e.conftest import Cluster
from tests.support.site import Site, Users

from .conftest import NewSite, Totals, together
from .switch import Amx, Tenant, switched, tenant
from .test_releases import Tale, told

NAMESPACE = "automatrix-system"
OPERATOR = "canary-operator"
SELECTOR = f"app.kubernetes.io/name={OPERATOR}"
OUTSIDE: Mapping[Phase, str] = {
    "Adopting": "before the first release: tests/apiserver/canary/test_killed.py kills at each of its actions",
    "GivingBack": "after the last one: the same",
}
"""Phases that no release enters, and who kills in them."""
PHASES = frozenset(get_args(Phase)) - OUTSIDE.keys()
"""Each is entered by some story, with a kill as it is: a new phase without one fails."""


@dataclass
class Killer:
    """Kills the operator at every turn it sees for the first time."""

    api: KubeApi
    kubectl: Kubectl
    turns: set[tuple[str, str]] = field(default_factory=set)
    kills: int = 0

    async def follow(self, site: Site) -> None:
        """Look at the Canary's phase until cancelled; a turn is told by its two phases."""
        before = "Adopting"
        while True:
            found = await self.api.get(site.ref("Canary"))
            phase = str(((found or {}).get("status") or {}).get("phase") or before)
            turn, before = (before, phase), phase
            if turn[0] != turn[1] and turn not in self.turns:
                self.turns.add(turn)
                await self._kill()
            await asyncio.sleep(0.1)

    async def _kill(self) -> None:
        """Take the process away without a word, as a node failure does, and let the next one begin at once."""
        before = await self._pods()
        selector = f"--selector={SELECTOR}"
        command = ("delete", "pods", f"--namespace={NAMESPACE}", selector, "--grace-period=0", "--force")
        with suppress(MachineError):  # it is gone already: then it is not counted
            await asyncio.to_thread(self.kubectl.run, *command, timeout_s=60)
        # It would run out by itself, 15 s later.
        await self.api.delete(Ref("coordination.k8s.io", "Lease", NAMESPACE, OPERATOR))
        with suppress(TimeoutError):
            async with asyncio.timeout(60):
                while not (now := await self._pods()) or now & before:
                    await asyncio.sleep(0.1)
                self.kills += bool(before)

    async def _pods(self) -> set[str]:
        """The operator's pods, by what no two of them have in common."""
        found = await self.api.list("", "v1", "Pod", namespace=NAMESPACE, label_selector=SELECTOR)
        return {str(pod["metadata"]["uid"]) for pod in found.items}


async def story(site: Site, users: Users) -> None:
    """A good version, a bad one, and a good one after it."""
    for message, error_rate, outcome in (
        ("good", "0", "Promoted"),
        ("errors", "0.5", "Failed"),
        ("mended", "0", "Promoted"),
        ("again", "0", "Promoted"),
    ):
        ended = await site.released(message, HUB_ERROR_RATE=error_rate)
        assert ended.status.history[0].outcome == outcome, ended.status.history[0].reason
    assert await asyncio.to_thread(users.wait_until_settled, "again", 60)
    await decided(site)


async def decided(site: Site) -> None:
    """A version that waits for somebody, and a bad one that stays where it is until somebody sends it back."""
    gate = {"name": "somebody", "at": "promote", "manual": True}
    for change, message, error_rate, phase, verb, outcome in (
        ({"gates": [gate]}, "asked", "0", "Held", "Promote", "Promoted"),
        ({"gates": [], "failure": {"action": "Freeze"}}, "frozen", "0.5", "Frozen", "Abort", "Aborted"),
    ):
        attempt = (await site.canary()).status.attempt
        await site.api.patch(site.ref("Canary"), {"spec": change})
        await site.push(message, HUB_ERROR_RATE=error_rate)
        await site.phase(phase)
        await asyncio.sleep(3)  # for the kill that this turn brings
        await site.act(verb, verb)
        assert (await site.ended(attempt + 1)).status.history[0].outcome == outcome
    await too_late(site)


async def too_late(site: Site) -> None:
    """Somebody changes their mind while the last requests move: nothing is too late before the old pods are gone."""
    attempt = (await site.canary()).status.attempt
    await site.api.patch(site.ref("Canary"), {"spec": {"failure": {"action": "Rollback"}}})
    await site.push("too late")
    await site.phase("Promoting", "Draining")
    await site.act("Abort", "too-late")
    assert (await site.ended(attempt + 1)).status.history[0].outcome == "Aborted"


@dataclass(frozen=True)
class Scene:
    """What the stories of this module need."""

    api: KubernetesApi
    kubectl: Kubectl
    staging: Tenant


@pytest.fixture
def scene(cluster: Cluster, api: KubernetesApi, kubectl: Kubectl, amx: Amx, tmp_path: Path) -> Scene:
    return Scene(api, kubectl, tenant(cluster.settings, api, amx, tmp_path))


async def test_an_operator_killed_at_every_turn_fails_no_request_nor_keeps_git_from_coming_and_going(
    new_site: NewSite, scene: Scene, totals: Totals
) -> None:
    killer = Killer(scene.api, scene.kubectl)

    async def killed(site: Site, users: Users) -> None:
        following = asyncio.create_task(killer.follow(site))
        try:
            await story(site, users)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    await together(told(new_site, totals, Tale("killed", killed)), switched(scene.staging, scene.kubectl, totals))
    entered = {after for _, after in killer.turns}
    assert entered >= PHASES, f"no story enters {PHASES - entered}"
    assert killer.kills == len(killer.turns), "somebody was not there to be killed, or nobody came after"
