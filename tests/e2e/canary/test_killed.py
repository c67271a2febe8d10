"""The operator is killed at every turn that releases take, under load, and no request fails.

Its kill points by action are those of the API-server tests; here the turns are what the Canary's phases say, and a turn
that no story takes fails.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

from cluster.local.errors import MachineError
from cluster.local.kubectl import Kubectl
from operators.kit.kube import KubeApi, Ref
from operators.kit.kubernetes_api import KubernetesApi
from tests.support.site import Site, Users

from .conftest import NewSite, Totals
from .test_releases import Tale, told

NAMESPACE = "automatrix-system"
OPERATOR = "canary-operator"
TURNS = frozenset(
    {
        ("Idle", "Preparing"),
        ("Succeeded", "Preparing"),
        ("Preparing", "Shifting"),
        ("Shifting", "Analysing"),
        ("Analysing", "Shifting"),
        ("Analysing", "Promoting"),
        ("Promoting", "Draining"),
        ("Draining", "Succeeded"),
        ("Analysing", "RollingBack"),
        ("RollingBack", "RolledBack"),
        ("RolledBack", "Preparing"),
    }
)
"""What happens in a good release, a bad one and a good one after it."""


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
        selector = f"--selector=app.kubernetes.io/name={OPERATOR}"
        command = ("delete", "pods", f"--namespace={NAMESPACE}", selector, "--grace-period=0", "--force")
        with suppress(MachineError):  # it is gone already
            await asyncio.to_thread(self.kubectl.run, *command, timeout_s=60)
        self.kills += 1
        # It would run out by itself, 15 s later.
        await self.api.delete(Ref("coordination.k8s.io", "Lease", NAMESPACE, OPERATOR))


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


async def test_an_operator_killed_at_every_turn_fails_no_request(
    new_site: NewSite, totals: Totals, api: KubernetesApi, kubectl: Kubectl
) -> None:
    killer = Killer(api, kubectl)

    async def killed(site: Site, users: Users) -> None:
        following = asyncio.create_task(killer.follow(site))
        try:
            await story(site, users)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    await told(new_site, totals, Tale("killed", killed))
    assert killer.turns >= TURNS, f"no story takes the turns {TURNS - killer.turns}"
    assert killer.kills == len(killer.turns)
