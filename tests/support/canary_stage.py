"""A namespace on a real API server with a canary operator in it: somebody plays kubelet, somebody plays gateway.

The operator runs in this process, all of it but kopf: its fleet, its watches, its loop. A life of it ends where the
kill switch says, as if the process had died there: nothing of it is kept for the next one.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
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
from operators.kit.errors import ApiError, Conflict
from operators.kit.kube import KubeApi, Manifest, Ref
from operators.kit.watches import Watched, Watches

HANGS_S = 60.0
"""Nothing takes nearly as long; a test that waits for more hangs."""
GATEWAY = "gateway.networking.k8s.io"


class Killed(BaseException):
    """The operator's process has ended here."""


@dataclass
class Stage(Trusting):
    """One namespace; `operator()` gives it an operator."""

    api: KubeApi
    namespace: str
    verdict: str = "Safe"
    answers: dict[str, GateAnswer] = field(default_factory=dict)
    migrates: bool = True
    """Whether the pods of Jobs get to their end."""
    phases: list[str] = field(default_factory=list)
    killed: asyncio.Event = field(default_factory=asyncio.Event)
    uids: set[str] = field(default_factory=set)
    address: str = ""
    """The pods' address, where they are something that answers."""
    instruments: Instruments | None = None
    """What the operator reads with, in place of this stage; its own judge goes with them."""

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
        """Wait for something about the Canary."""
        try:
            async with asyncio.timeout(HANGS_S):
                while not holds(canary := await self.canary()):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            status = (await self.canary()).status
            raise AssertionError(f"not {told}: {status.phase}, {status.message}; {self.phases}") from None
        return canary

    async def phase(self, phase: str) -> Canary:
        return await self.until(phase, lambda canary: canary.status.phase == phase)

    async def until_gone(self, kind: str, name: str) -> None:
        async with asyncio.timeout(HANGS_S):
            while await self.api.get(self.ref(kind, name)) is not None:
                await asyncio.sleep(0.05)

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
        return frozenset({Feature.WEIGHTS, Feature.HEADERS, Feature.COOKIES})

    @asynccontextmanager
    async def operator(self, kill_at: str = "") -> AsyncIterator[None]:
        """Run an operator; where it is killed, another one comes after it."""
        living = asyncio.create_task(self._lives(kill_at))
        try:
            yield
        finally:
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)

    async def _lives(self, kill_at: str) -> None:
        while True:
            dead = asyncio.Event()
            fleet = self._fleet(kill_at, dead)
            canaries = Watches(self.api, _passing_on(fleet))
            fleet.start()
            canaries.follow([Watched("automatrix.dev", "v1alpha1", "Canary", self.namespace)])
            try:
                await dead.wait()
                self.killed.set()
                kill_at = ""
            finally:
                await canaries.close()
                await fleet.close()

    def _fleet(self, kill_at: str, dead: asyncio.Event) -> Fleet:
        def die() -> None:
            dead.set()
            raise Killed

        settings = Settings(namespace=self.namespace, watch_namespaces=(self.namespace,))
        switch = KillSwitch(kill_at, die)
        if self.instruments is not None:
            return Fleet(self.api, Parts(self.instruments, kill=switch), settings)
        return Fleet(self.api, Parts(self, self.judge, kill=switch), settings)


def _passing_on(fleet: Fleet) -> Callable[[Ref, Manifest | None], None]:
    return lambda _, manifest: fleet.heard(manifest) if manifest else None


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
async def stage(api: KubeApi, namespace: str) -> AsyncIterator[Stage]:
    """Yield a stage with a Deployment of three pods that serve through a Service."""
    made = Stage(api, namespace)
    players = [asyncio.create_task(kubelet(made)), asyncio.create_task(_gateway(made))]
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
        yield made
    finally:
        for player in players:
            player.cancel()
        await asyncio.gather(*players, return_exceptions=True)


async def kubelet(stage: Stage) -> None:
    """Have pods run, unless their image is bad."""
    while True:
        with suppress(ApiError, Conflict):
            for pod in (await stage.api.list("", "v1", "Pod", namespace=stage.namespace)).items:
                await _start(stage, pod)
        await asyncio.sleep(0.1)


async def _start(stage: Stage, pod: Manifest) -> None:
    is_bad = "bad" in pod["spec"]["containers"][0]["image"]
    is_started = pod["metadata"]["uid"] in stage.uids or (pod.get("status") or {}).get("podIP")
    if is_started or is_bad or "deletionTimestamp" in pod["metadata"]:
        return
    is_job = "batch.kubernetes.io/job-name" in pod["metadata"].get("labels", {})
    if is_job and not stage.migrates:
        return
    since = "2026-01-01T00:00:00Z"
    conditions = [{"type": t, "status": "True", "lastTransitionTime": since} for t in ("Ready", "ContainersReady")]
    body: Manifest = {"status": {"phase": "Running", "conditions": conditions}}
    if stage.address:
        body["status"] |= {"podIP": stage.address, "podIPs": [{"ip": stage.address}]}
    if is_job:
        body = {"status": {"phase": "Succeeded"}}
    with suppress(ApiError, Conflict):
        await stage.api.patch(Ref.of(pod), body, subresource="status")
        stage.uids.add(pod["metadata"]["uid"])


async def _gateway(stage: Stage) -> None:
    """Have routes accepted."""
    while True:
        with suppress(ApiError, Conflict):
            for route in (await stage.api.list(GATEWAY, "v1", "HTTPRoute", namespace=stage.namespace)).items:
                await _accept(stage, route)
        await asyncio.sleep(0.05)


async def _accept(stage: Stage, route: Manifest) -> None:
    generation = route["metadata"]["generation"]
    base = {"status": "True", "reason": "Yes", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    conditions = [{**base, "type": t, "observedGeneration": generation} for t in ("Accepted", "ResolvedRefs")]
    parents = [{"parentRef": {"name": "web"}, "controllerName": "example.org/test", "conditions": conditions}]
    known = ((route.get("status") or {}).get("parents") or [{}])[0].get("conditions") or [{}]
    if known[0].get("observedGeneration") != generation:
        with suppress(ApiError, Conflict):
            await stage.api.patch(Ref.of(route), {"status": {"parents": parents}}, subresource="status")


def weights(route: Manifest) -> dict[str, int]:
    """What the last rule of a route says."""
    return {ref["name"]: ref["weight"] for ref in route["spec"]["rules"][-1]["backendRefs"]}


__all__ = ["Killed", "Stage", "canary", "deployment", "kubelet", "stage", "weights"]
