"""A service of one's own on the cluster: the sample tenant's image, released by a Canary, with users all the time.

In:  the API, a namespace, where the Gateway answers. Out: a `Site`: pushes, waits for what the Canary says, and counts
of requests. What the version under test does wrong on purpose is counted apart from what the platform would do wrong.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from amx.demo.traffic import Answer, Target, Traffic
from operators.canary.models import Canary, parse
from operators.kit.kube import KubeApi, Manifest, Ref

HANGS_S = 240.0
"""No release here takes nearly as long."""
GATEWAY = "gateway.networking.k8s.io"
ON_PURPOSE = "failed on purpose"
RATE_PER_S = 50.0
MANAGER = "argocd-controller"
SCRAPED = {"prometheus.io/scrape": "true", "prometheus.io/port": "8000", "prometheus.io/path": "/metrics"}


class Users(Traffic):
    """Open-loop requests; those that a bad version fails on purpose do not count as failed."""

    def __init__(self, target: Target, rate_per_s: float = RATE_PER_S) -> None:
        super().__init__(target, rate_per_s)
        self.on_purpose = 0
        self.messages: Counter[str] = Counter()
        self.failures: list[str] = []
        """When requests failed, to compare with the operator's log."""

    def _note(self, answer: Answer) -> None:
        if answer.status == 500 and ON_PURPOSE in answer.text:
            self.on_purpose += 1
            answer = Answer(200, answer.text)
        self.messages[answer.message] += 1
        if answer.failed:
            self.failures.append(f"{datetime.now(UTC):%H:%M:%S.%f}")
        super()._note(answer)

    @property
    def story(self) -> str:
        """What was counted, and from when to when requests failed."""
        tally = self.tally()
        between = f" between {self.failures[0]} and {self.failures[-1]}" if self.failures else ""
        return f"{tally.failed} of {tally.sent} failed{between}: {tally.reasons}"


@dataclass
class Site:
    """One service, with one Canary of the same name."""

    api: KubeApi
    namespace: str
    image: str
    port: int
    env: Mapping[str, str] = field(default_factory=dict)
    """What every version gets, unless its push says otherwise."""
    name: str = "web"
    others: list[Users] = field(default_factory=list)
    """Who came under other host names; no request of theirs may fail either."""

    @property
    def host(self) -> str:
        return f"{self.namespace}.localhost"

    @property
    def busy_millicores(self) -> int:
        """What a pod asks for: enough for all the users. One that is promised less starves when the nodes are busy."""
        return 10 + int(float(self.env.get("HUB_CPU_MS", 0)) * RATE_PER_S)

    def ref(self, kind: str, name: str = "") -> Ref:
        groups = {"Deployment": "apps", "HTTPRoute": GATEWAY, "Canary": "automatrix.dev"}
        return Ref(
            groups.get(kind, ""), kind, self.namespace, name or self.name, "v1alpha1" if kind == "Canary" else "v1"
        )

    def users(self, rate_per_s: float = RATE_PER_S, host: str = "") -> Users:
        return Users(Target(f"http://127.0.0.1:{self.port}/", host or self.host), rate_per_s)

    async def push(self, message: str, *, container: Mapping[str, Any] | None = None, **env: str) -> None:
        """Have the Deployment ask for another version, as GitOps does: without replicas."""
        manifest = self.deployment(message, container or {}, env)
        await self.api.apply(manifest, field_manager=MANAGER, force=True)

    async def act(self, verb: str, id_: str) -> None:
        await self.api.patch(self.ref("Canary"), {"spec": {"action": {"id": id_, "verb": verb}}})

    async def canary(self) -> Canary:
        found = await self.api.get(self.ref("Canary"))
        assert found is not None, "the Canary is gone"
        return parse(found)

    async def until(self, told: str, holds: Callable[[Canary], bool], timeout_s: float = HANGS_S) -> Canary:
        """Wait for something about the Canary; what it said meanwhile is told when it does not come."""
        said: list[str] = []
        try:
            async with asyncio.timeout(timeout_s):
                while not holds(canary := await self.canary()):
                    line = f"{canary.status.phase}: {canary.status.message}"
                    if said[-1:] != [line]:
                        said.append(line)
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise AssertionError(f"{self.namespace}: not {told}; it said:\n" + "\n".join(said[-15:])) from None
        return canary

    async def phase(self, *phases: str) -> Canary:
        return await self.until(" or ".join(phases), lambda canary: canary.status.phase in phases)

    async def at_step(self, step: int) -> Canary:
        """Wait until a step's weight is confirmed."""
        looking = ("Analysing", "Held")
        return await self.until(
            f"at step {step}", lambda canary: canary.status.step == step and canary.status.phase in looking
        )

    async def ended(self, attempt: int) -> Canary:
        """Wait for the end of a release (counted from 1), whatever it is."""
        settled = ("Idle", "Succeeded", "RolledBack")
        return await self.until(
            f"at the end of release {attempt}",
            lambda canary: canary.status.attempt >= attempt and canary.status.phase in settled,
        )

    async def released(self, message: str, *, container: Mapping[str, Any] | None = None, **env: str) -> Canary:
        """Push a version and wait for the end of its release."""
        attempt = (await self.canary()).status.attempt
        await self.push(message, container=container, **env)
        return await self.ended(attempt + 1)

    def deployment(self, message: str, container: Mapping[str, Any], env: Mapping[str, str]) -> Manifest:
        labels = {"app": "web"}
        # Ready at once, and on a busy machine not lost again: with a slot's only pod its requests would fail.
        ready = {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 1}
        probe = {**ready, "timeoutSeconds": 5, "failureThreshold": 10}
        variables = {"PORT": "8000", "HUB_MESSAGE": message, **self.env, **env}
        main: dict[str, Any] = {
            "name": "web",
            "image": self.image,
            "command": ["python3", "-m", "hub.api"],
            "ports": [{"name": "http", "containerPort": 8000}],
            "env": [{"name": name, "value": value} for name, value in variables.items()],
            "envFrom": [{"configMapRef": {"name": "settings"}}],
            "readinessProbe": probe,
            "lifecycle": {"preStop": {"exec": {"command": ["sleep", "3"]}}},
            "resources": {"requests": {"cpu": f"{self.busy_millicores}m", "memory": "48Mi"}},
            **container,
        }
        template = {
            "metadata": {"labels": labels, "annotations": SCRAPED},
            "spec": {"containers": [main], "terminationGracePeriodSeconds": 20},
        }
        return self._object("apps/v1", "Deployment", {"selector": {"matchLabels": labels}, "template": template})

    def canary_manifest(self, **spec: Any) -> Manifest:
        """Two steps, judged by the gateway's errors and latency; `spec` replaces whole fields, None leaves one out."""
        wanted: dict[str, Any] = {
            "targetRef": {"name": "web"},
            "traffic": {
                "parentRefs": [{"name": "web", "namespace": "automatrix-gateway"}],
                "hostnames": [self.host],
            },
            "steps": [{"weight": 30, "hold": "2s", "minRequests": 30}, {"weight": 60, "hold": "2s"}],
            "analysis": {
                "metrics": [
                    {"name": "errors", "gateway": {"signal": "errors"}, "slo": 0.05},
                    {"name": "latency", "gateway": {"signal": "latency", "above": "400ms"}, "slo": 0.2},
                ]
            },
            "drain": "5s",
            "rollbackWindow": "5s",
            "progressDeadline": "40s",
            **spec,
        }
        return self._object(
            "automatrix.dev/v1alpha1", "Canary", {key: value for key, value in wanted.items() if value is not None}
        )

    def objects(self) -> tuple[Manifest, ...]:
        """What stood there before anybody thought of canaries: two pods behind a Service and a route."""
        deployment = self.deployment("first", {}, {})
        deployment["spec"]["replicas"] = 2
        ports = [{"name": "http", "port": 80, "targetPort": "http"}]
        route = {
            "parentRefs": [{"name": "web", "namespace": "automatrix-gateway"}],
            "hostnames": [self.host],
            "rules": [{"backendRefs": [{"name": "web", "port": 80}]}],
        }
        return (
            {**self._object("v1", "ConfigMap", {}, name="settings"), "data": {"HUB_ENVIRONMENT": "test"}},
            deployment,
            self._object("v1", "Service", {"selector": {"app": "web"}, "ports": ports}),
            self._object(f"{GATEWAY}/v1", "HTTPRoute", route),
        )

    def _object(self, version: str, kind: str, spec: Mapping[str, Any], name: str = "web") -> Manifest:
        metadata = {"name": name, "namespace": self.namespace}
        body: Manifest = {"apiVersion": version, "kind": kind, "metadata": metadata}
        return {**body, "spec": dict(spec)} if spec else body


@asynccontextmanager
async def site(made: Site) -> AsyncIterator[Site]:
    """Set up a service without a Canary; the namespace goes by itself afterwards, the Canary before it."""
    api, namespace = made.api, made.namespace
    await api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    try:
        for manifest in made.objects():
            await api.create(manifest, field_manager="kubectl-create")
        yield made
    finally:
        await api.delete(made.ref("Canary"))
        async with asyncio.timeout(HANGS_S):
            while await api.get(made.ref("Canary")) is not None:
                await asyncio.sleep(0.5)
        await api.delete(Ref("", "Namespace", "", namespace))
