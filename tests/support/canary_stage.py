"""A namespace on a real API server with a canary operator in it: somebody plays kubelet, somebody plays gateway.

The operator runs in this process, all of it but kopf: its fleet, its watches, its loop. A life of it ends where the
kill switch says, as if the process had died there: nothing of it is kept for the next one.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from operators.canary.fleet import Fleet
from operators.canary.instruments import Instruments, Trusting
from operators.canary.kill import KillSwitch
from operators.canary.models import Canary, Gate, parse
from operators.canary.operator import Parts
from operators.canary.routers import Feature
from operators.canary.seen import GateAnswer
from operators.canary.settings import Settings
from operators.canary.verdicts import Case, Judgement
from operators.kit.kube import KubeApi, Manifest, Ref
from operators.kit.watches import Watched, Watches
from tests.support.canary_players import GATEWAY, Kubelet, play_gateway

HANGS_S = 120.0
"""Nothing takes nearly as long; a test that waits for more hangs."""
SOON_S = 15.0
"""What is about to happen happens long before."""


class Killed(BaseException):
    """The operator's process has ended here."""


@dataclass
class Stage(Trusting):
    """One namespace; `operator()` gives it an operator."""

    api: KubeApi
    namespace: str
    verdict: str = "Safe"
    answers: dict[str, GateAnswer] = field(default_factory=dict)
    phases: list[str] = field(default_factory=list)
    kills: int = 0
    """How often the operator has been killed."""
    rights: KubeApi | None = None
    """The API as the operator may use it; None: with all rights."""
    instruments: Instruments | None = None
    """What the operator reads with, in place of this stage; its own judge goes with them."""
    kubelet: Kubelet = field(init=False)

    def __post_init__(self) -> None:
        self.kubelet = Kubelet(self.api, self.namespace)

    def ref(self, kind: str, name: str) -> Ref:
        groups = {"Deployment": "apps", "HTTPRoute": GATEWAY, "Canary": "automatrix.dev", "Job": "batch"}
        version = "v1alpha1" if kind == "Canary" else "v1"
        return Ref(groups.get(kind, ""), kind, self.namespace, name, version)

    async def find(self, kind: str, name: str) -> Manifest:
        found = await self.api.get(self.ref(kind, name))
        assert found is not None, f"no {kind} {name}"
        return found

    async def canary(self) -> Canary:
        return parse(await self.find("Canary", "web"))

    async def until(self, told: str, holds: Callable[[Canary], bool]) -> Canary:
        """Wait for something about the Canary; what it is only for a moment is seen as well."""
        kind = "automatrix.dev", "v1alpha1", "Canary"
        try:
            async with asyncio.timeout(HANGS_S):
                listed = await self.api.list(*kind, namespace=self.namespace)
                for manifest in listed.items:
                    if holds(parse(manifest)):
                        return parse(manifest)
                watch = self.api.watch(*kind, namespace=self.namespace, resource_version=listed.resource_version)
                async for event in watch:
                    if event.type == "MODIFIED" and holds(canary := parse(event.object)):
                        return canary
        except TimeoutError:
            pass
        status = (await self.canary()).status
        raise AssertionError(f"not {told}: {status.phase}, {status.message}; {self.phases}")

    async def phase(self, phase: str) -> Canary:
        return await self.until(phase, lambda canary: canary.status.phase == phase)

    async def until_gone(self, kind: str, name: str) -> None:
        async with asyncio.timeout(HANGS_S):
            while await self.api.get(self.ref(kind, name)) is not None:
                await asyncio.sleep(0.1)

    async def was_killed(self, times: int) -> bool:
        """Whether the operator was killed so often; the last time may be about to come."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SOON_S):
                while self.kills < times:
                    await asyncio.sleep(0.05)
        return self.kills == times

    async def push(self, image: str, **pod: Any) -> None:
        """Have the template ask for another image; the Deployment is written as GitOps does, without replicas."""
        container: dict[str, Any] = {"name": "main", "image": image, **pod}
        manifest = deployment(self.namespace, container)
        await self.api.apply(manifest, field_manager="argocd-controller", force=True)

    async def act(self, verb: str) -> None:
        body = {"spec": {"action": {"id": f"{verb}-{len(self.phases)}", "verb": verb}}}
        await self.api.patch(self.ref("Canary", "web"), body)

    def judge(self, case: Case) -> Judgement:
        verdict: Any = self.verdict
        return Judgement(verdict, "harm" if verdict == "Harm" else "", 1e9, {})

    async def ask(self, api: KubeApi, canary: Canary, gate: Gate) -> GateAnswer:
        return self.answers.get(gate.name, GateAnswer("waiting"))

    def features(self, router: str) -> frozenset[Feature]:
        return frozenset({Feature.WEIGHTS, Feature.HEADERS, Feature.COOKIES, Feature.HOSTS})

    @asynccontextmanager
    async def operator(self, *kill_at: str) -> AsyncIterator[None]:
        """Run an operator; where it is killed, another one comes after it, and is killed at the next."""
        living = asyncio.create_task(self._lives(kill_at))
        try:
            yield
        finally:
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)

    async def _lives(self, kill_at: Sequence[str]) -> None:
        for moment in (*kill_at, ""):
            dead = asyncio.Event()
            fleet = self._fleet(moment, dead)
            canaries = Watches(self.rights or self.api, _passing_on(fleet, dead))
            fleet.start()
            canaries.follow([Watched("automatrix.dev", "v1alpha1", "Canary", self.namespace)])
            try:
                await dead.wait()
                self.kills += 1
            finally:
                await canaries.close()
                await fleet.close()

    def _fleet(self, kill_at: str, dead: asyncio.Event) -> Fleet:
        def die() -> None:
            dead.set()
            raise Killed

        settings = Settings(namespace=self.namespace, watch_namespaces=(self.namespace,))
        switch = KillSwitch(kill_at, die)
        api = self.rights or self.api
        if self.instruments is not None:
            return Fleet(api, Parts(self.instruments, kill=switch), settings)
        return Fleet(api, Parts(self, self.judge, kill=switch), settings)


def _passing_on(fleet: Fleet, dead: asyncio.Event) -> Callable[[Ref, Manifest | None], None]:
    """Tell the fleet of Canaries, as long as it lives: while it is taken apart it must not begin anew."""

    def tell(_: Ref, manifest: Manifest | None) -> None:
        if manifest is not None and not dead.is_set():
            fleet.heard(manifest)

    return tell


def deployment(namespace: str, container: dict[str, Any], **spec: Any) -> Manifest:
    labels = {"app": "web"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "app", "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            **spec,
        },
    }


def canary(namespace: str, **spec: Any) -> Manifest:
    wanted = {
        "targetRef": {"name": "app"},
        "traffic": {"parentRefs": [{"name": "web"}], "hostnames": ["web.localhost"]},
        "steps": [{"weight": 20, "hold": "1s"}, {"weight": 60, "hold": "1s"}],
        "drain": "1s",
        "rollbackWindow": "2s",
        **spec,
    }
    return {
        "apiVersion": "automatrix.dev/v1alpha1",
        "kind": "Canary",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {key: value for key, value in wanted.items() if value is not None},
    }


@asynccontextmanager
async def furnished(stage: Stage) -> AsyncIterator[None]:
    """Have a Deployment of three pods there that serve through a Service, while somebody plays the rest."""
    api, namespace = stage.api, stage.namespace
    players = [asyncio.create_task(stage.kubelet.play()), asyncio.create_task(play_gateway(api, namespace))]
    container: dict[str, Any] = {"name": "main", "image": "app:1", "envFrom": [{"configMapRef": {"name": "settings"}}]}
    container["env"] = [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "key"}}}]
    objects: tuple[Manifest, ...] = (
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"A": "1"}},
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "keys"},
            "data": {"key": base64.b64encode(b"k").decode()},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web", "annotations": {"argocd.argoproj.io/tracking-id": "app:/Service:web"}},
            "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
        },
        deployment(namespace, container, replicas=3),
    )
    for manifest in objects:
        manifest["metadata"]["namespace"] = namespace
        await api.create(manifest, field_manager="kubectl")
    try:
        yield
    finally:
        for player in players:
            player.cancel()
        await asyncio.gather(*players, return_exceptions=True)


def weights(route: Manifest) -> dict[str, int]:
    """What the last rule of a route says."""
    return {ref["name"]: ref["weight"] for ref in route["spec"]["rules"][-1]["backendRefs"]}


__all__ = ["GATEWAY", "Killed", "Stage", "canary", "deployment", "furnished", "weights"]
