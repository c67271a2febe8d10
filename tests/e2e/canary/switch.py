"""A service of the platform goes over to Canary releases and back by `git push` alone, with users all the while."""

from __future__ import annotations

import asyncio
import json
import subprocess
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amx.demo.traffic import Target
from cluster.local.kubectl import Kubectl
from cluster.local.settings import Settings
from operators.kit.kube import Ref
from operators.kit.kubernetes_api import KubernetesApi
from tests.support.git_server import Checkout
from tests.support.site import HANGS_S, Site, Users

from .conftest import Totals

NAMESPACE = "hub-staging"
VALUES = "gitops/environments/staging/hub/values.yaml"
IN_STEPS = """  canary:
    enabled: true
    steps:
      - {weight: 50, hold: 5s}
    spec: {drain: 5s, rollbackWindow: 5s}
"""
PLAIN = "  replicas: 1\n"
Amx = Callable[..., subprocess.CompletedProcess[str]]


@dataclass(frozen=True)
class Tenant:
    """The staging environment, as its developers have it: a clone, receipts and a Canary."""

    checkout: Checkout
    amx: Amx
    site: Site

    async def push(self, *changes: tuple[str, str]) -> str:
        """Push a change of the values; return the commit."""
        path = self.checkout.path / VALUES
        text = path.read_text()
        for old, new in changes:
            assert old in text, f"{old!r} is not in {text}"
            text = text.replace(old, new)
        path.write_text(text)
        return await self._pushed("commit", "--quiet", "--all", "--message", "change the environment")

    async def revert(self) -> str:
        """Push the opposite of the last change."""
        return await self._pushed("revert", "--no-edit", "HEAD")

    async def _pushed(self, *commit: str) -> str:
        self.checkout.git(*commit)
        await asyncio.to_thread(self.checkout.git, "push", "--quiet", "origin", "HEAD:main")
        return self.checkout.git("rev-parse", "HEAD")

    async def told(self, revision: str, *states: str) -> dict[str, Any]:
        """Wait until the commit's receipt says one of `states` of this environment; a failure ends it, too."""
        said: dict[str, Any] = {}
        async with asyncio.timeout(HANGS_S):
            while said.get("state") not in {*states, "Failed"}:
                await asyncio.sleep(1)
                done = await asyncio.to_thread(self.amx, "receipt", revision, "--output", "json")
                applications: Sequence[dict[str, Any]] = json.loads(done.stdout or "{}").get("applications", [])
                said = next((one for one in applications if one["name"] == NAMESPACE), {})
        assert said["state"] in states, said
        return said

    async def health(self, wanted: str) -> None:
        """Wait for the Application's health."""
        ref = Ref("argoproj.io", "Application", "argocd", NAMESPACE, "v1alpha1")
        async with asyncio.timeout(HANGS_S):
            while True:
                found = await self.site.api.get(ref)
                health: dict[str, Any] = ((found or {}).get("status") or {}).get("health") or {}
                if health.get("status") == wanted:
                    return
                await asyncio.sleep(0.5)


async def story(tenant: Tenant, users: Users) -> Sequence[str]:
    """Over to a Canary, a good release, a bad one, back by revert, and back to a plain Deployment."""
    site = tenant.site
    before, good = users.current(), f"in steps {uuid.uuid4().hex[:4]}"
    await tenant.told(await tenant.push((PLAIN, IN_STEPS + PLAIN)), "Healthy")
    await site.phase("Idle")
    attempt = (await site.canary()).status.attempt

    revision = await tenant.push((f"HUB_MESSAGE: {before}", f"HUB_MESSAGE: {good}"))
    assert await asyncio.to_thread(users.wait_until_settled, good, HANGS_S)
    await site.ended(attempt + 1)
    await tenant.told(revision, "Healthy")

    bad = await tenant.push((f"HUB_MESSAGE: {good}", "HUB_MESSAGE: bad"), ("HUB_ERROR_RATE: 0", "HUB_ERROR_RATE: 0.5"))
    await site.ended(attempt + 2)
    said = await tenant.told(bad, "Failed")
    assert "rolled back: errors" in said["failed"]["message"], said
    await tenant.health("Degraded")
    assert await asyncio.to_thread(users.wait_until_settled, good, 60)

    await tenant.revert()
    await tenant.health("Healthy")
    outcomes = [past.outcome for past in (await site.canary()).status.history]
    await tenant.push((IN_STEPS + PLAIN, PLAIN))
    async with asyncio.timeout(HANGS_S):
        while await site.api.get(site.ref("Canary")) is not None:
            await asyncio.sleep(0.5)
    await tenant.health("Healthy")
    await asyncio.sleep(5)  # the plain service serves alone now
    return outcomes


def tenant(settings: Settings, api: KubernetesApi, amx: Amx, folder: Path) -> Tenant:
    """Clone the platform's repository."""
    credential = (settings.cluster_dir / "git-credential").read_text().split()[0]
    checkout = Checkout.of(f"{credential.rstrip('/').replace('%3a', ':')}/platform.git", folder / "checkout")
    return Tenant(checkout, amx, Site(api, NAMESPACE, "", settings.http_port, name="hub-api"))


async def switched(tenant: Tenant, kubectl: Kubectl, totals: Totals) -> None:
    """Have users there all the while, and look at what is left in the end."""
    target = Target(f"http://127.0.0.1:{tenant.site.port}/", f"{NAMESPACE}.localhost")
    with Users(target, 50) as users:
        assert await asyncio.to_thread(users.wait_until_answered, 90), users.tally().reasons
        outcomes = await story(tenant, users)
    totals.add(users, outcomes)
    assert outcomes[:2] == ["Failed", "Promoted"]
    assert users.tally().failed == 0, users.tally().reasons
    assert users.on_purpose > 0
    deployments = {one["metadata"]["name"]: one for one in kubectl.items("deployments", f"--namespace={NAMESPACE}")}
    assert set(deployments) == {"hub-api", "hub-worker"}
    assert deployments["hub-api"]["status"]["availableReplicas"] == 1
