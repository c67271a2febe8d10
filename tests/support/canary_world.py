"""A small cluster in memory for the canary operator: its API, its controllers, a gateway and a clock.

The operator's own four steps run unchanged; Deployments become ready, routes are accepted and the gateway follows them
when the world says so. Every pass asserts what must hold whatever happens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from operators.canary.actions import Action
from operators.canary.capacity import needed
from operators.canary.models import FINALIZER, Canary, CanaryStatus, Gate, parse
from operators.canary.operator import Parts, build
from operators.canary.routers import Feature
from operators.canary.seen import DataPlane, GateAnswer, ready_of
from operators.canary.terms import SLOTS, Sample, Slot
from operators.canary.verdicts import Case, Judgement
from operators.kit import loop
from operators.kit.errors import Conflict, Retry
from operators.kit.kube import KubeApi, Manifest, Ref
from operators.kit.testing import FakeKubeApi

NAMESPACE = "default"
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
CANARY = Ref("automatrix.dev", "Canary", NAMESPACE, "web", "v1alpha1")
TEMPLATE = Ref("apps", "Deployment", NAMESPACE, "app")
APEX = Ref("", "Service", NAMESPACE, "web")
ROUTE = Ref("gateway.networking.k8s.io", "HTTPRoute", NAMESPACE, "web")
STEPS = [{"weight": 10, "hold": "10s"}, {"weight": 50, "hold": "10s"}]
METRIC = {"name": "errors", "gateway": {"signal": "errors"}}


def deployment(name: str, image: str, replicas: int = 4) -> Manifest:
    labels = {"app": name}
    container = {"name": "main", "image": image}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def spec(**more: Any) -> dict[str, Any]:
    wanted = {
        "targetRef": {"name": "app"},
        "traffic": {"parentRefs": [{"name": "web"}], "hostnames": ["web.localhost"]},
        "steps": STEPS,
        "drain": "5s",
        "rollbackWindow": "20s",
        "progressDeadline": "60s",
        "analysis": {"metrics": [METRIC]},
        **more,
    }
    return {key: value for key, value in wanted.items() if value is not None}


@dataclass
class World:
    """The cluster; `await world.look()` is one pass of the operator."""

    spec: Mapping[str, Any] = field(default_factory=spec)
    now: datetime = START
    kubelet: bool = True
    """Whether pods become ready; `bad` images never do."""
    gateway: bool = True
    """Whether the gateway follows the routes and says so."""
    controllers: bool = True
    """Whether Deployments' controllers keep up."""
    verdict: Literal["Harm", "Safe", "Inconclusive"] = "Safe"
    requests: float = 1e9
    outage: str = ""
    answers: dict[str, GateAnswer] = field(default_factory=dict)
    api: FakeKubeApi = field(init=False)
    actions: list[Action] = field(default_factory=list)
    phases: list[str] = field(default_factory=list)
    dies_at: str = ""
    config: bool = False
    """Whether what is pushed refers to ConfigMap settings."""

    def __post_init__(self) -> None:
        self.api = FakeKubeApi(now=lambda: self.now)
        self.api.kinds.add("automatrix.dev", "v1alpha1", "Canary", plural="canaries")
        self.weights: dict[Slot, int] = {"a": 0, "b": 0}
        self.actions = []
        parts = Parts(self, judge=self.judge, now=lambda: self.now)
        self.operator = build(parts)

    # -- what is there ---------------------------------------------------------------------------------------------

    def deploy(self, image: str = "app:1", replicas: int = 4) -> None:
        """Put the Deployment, the Service and the route of the plain chart there, serving."""
        self.api.seed(
            deployment("app", image, replicas),
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "web", "namespace": NAMESPACE},
                "spec": {
                    "selector": {"app": "app"},
                    "ports": [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}],
                },
            },
        )
        self.control()

    def create(self) -> None:
        self.api.seed(
            {
                "apiVersion": "automatrix.dev/v1alpha1",
                "kind": "Canary",
                "metadata": {
                    "name": "web",
                    "namespace": NAMESPACE,
                    "uid": "c-1",
                    "generation": 1,
                    "creationTimestamp": "2026-01-01",
                },
                "spec": dict(self.spec),
            }
        )

    async def change(self, **fields: Any) -> None:
        """Patch the Canary's spec."""
        await self.api.patch(CANARY, {"spec": fields})

    def configure(self, value: str) -> None:
        """Have the ConfigMap say something else."""
        metadata = {"name": "settings", "namespace": NAMESPACE}
        self.api.seed({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"A": value}})

    async def act(self, verb: str, id_: str = "") -> None:
        await self.change(action={"id": id_ or f"{verb}-{len(self.phases)}-{self.now.timestamp()}", "verb": verb})

    async def push(self, image: str) -> None:
        """Have the template ask for another image."""
        container: dict[str, Any] = {"name": "main", "image": image}
        if self.config:
            container["envFrom"] = [{"configMapRef": {"name": "settings"}}]
        await self.api.patch(TEMPLATE, {"spec": {"template": {"spec": {"containers": [container]}}}})
        self.control()

    @property
    def canary(self) -> Canary:
        found = self.api.find(CANARY)
        assert found is not None
        return parse(found)

    @property
    def status(self) -> CanaryStatus:
        return self.canary.status

    def condition(self, type_: str) -> tuple[str, str, str]:
        found = (self.api.find(CANARY) or {})["status"]["conditions"]
        return next((c["status"], c["reason"], c.get("message", "")) for c in found if c["type"] == type_)

    def replicas(self, name: str) -> int | None:
        found = self.api.find(Ref("apps", "Deployment", NAMESPACE, name))
        return None if found is None else int(found["spec"]["replicas"])

    def image(self, name: str) -> str:
        found = self.api.find(Ref("apps", "Deployment", NAMESPACE, name)) or {}
        return str(found["spec"]["template"]["spec"]["containers"][0]["image"])

    def apex(self) -> dict[str, str]:
        return dict((self.api.find(APEX) or {})["spec"]["selector"])

    def route_weights(self) -> list[dict[str, int]]:
        rules = (self.api.find(ROUTE) or {}).get("spec", {}).get("rules", [])
        return [{ref["name"]: ref.get("weight", 1) for ref in rule["backendRefs"]} for rule in rules]

    # -- the operator ----------------------------------------------------------------------------------------------

    async def look(self) -> float:
        """One pass; returns the seconds until the operator wants the next."""
        resource = await self.api.get(CANARY)
        if resource is None or ("deletionTimestamp" in resource["metadata"] and not resource["metadata"]["finalizers"]):
            return 600.0
        before = self._snapshot()
        try:
            wait_s = await loop.reconcile(self.operator, self.api, resource)
        except (Conflict, Retry):
            wait_s = 0.0
        self._check(before)
        if self.api.find(CANARY) is not None:
            phase = self.status.phase
            if not self.phases or self.phases[-1] != phase:
                self.phases.append(phase)
        self.control()
        return wait_s

    async def settle(self, passes: int = 60) -> None:
        """Look until the operator wants nothing more at this time."""
        for _ in range(passes):
            version = self.api.store.version
            if await self.look() > 0 and self.api.store.version == version:
                return
        raise AssertionError(f"it does not come to rest: {self.api.writes[-6:]}")

    async def run(self, seconds: float, *, step: float = 2.0) -> None:
        """Let time go on."""
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            await self.settle()
            self.now += timedelta(seconds=step)
        await self.settle()

    async def until(self, phase: str, seconds: float = 300) -> CanaryStatus:
        end = self.now + timedelta(seconds=seconds)
        while self.status.phase != phase:
            assert self.now < end, f"{self.status.phase} and not {phase}: {self.status.message}; {self.phases}"
            if await self.look() > 0:
                self.now += timedelta(seconds=1)
        return self.status

    async def adopted(self) -> None:
        self.deploy()
        self.create()
        await self.until("Idle") if self.phases else await self._first()
        await self.settle()

    async def _first(self) -> None:
        await self.until("Adopting")
        await self.until("Idle")

    # -- the controllers -------------------------------------------------------------------------------------------

    def control(self) -> None:
        """Let the controllers and the gateway catch up."""
        for name in ("app", "web-a", "web-b"):
            self._deployment(Ref("apps", "Deployment", NAMESPACE, name))
        self._gateway()

    def _deployment(self, ref: Ref) -> None:
        found = self.api.find(ref)
        if found is None or not self.controllers:
            return
        asked = int(found["spec"]["replicas"])
        image = found["spec"]["template"]["spec"]["containers"][0]["image"]
        old = found.get("status") or {}
        fine = self.kubelet and "bad" not in image
        same = old.get("image") == image
        ready = asked if fine else (min(asked, int(old.get("availableReplicas") or 0)) if same else 0)
        status = {
            "observedGeneration": found["metadata"]["generation"],
            "replicas": asked,
            "updatedReplicas": asked,
            "availableReplicas": ready,
            "image": image,
        }
        if status != old:
            self.api.seed({**found, "status": status})

    def lose(self, name: str, ready: int) -> None:
        """Have a Deployment's pods fail; the kubelet must be off, or they come back at once."""
        found = self.api.find(Ref("apps", "Deployment", NAMESPACE, name))
        assert found is not None
        self.api.seed({**found, "status": {**found["status"], "availableReplicas": ready}})

    def _gateway(self) -> None:
        route = self.api.find(ROUTE)
        if route is None or not self.gateway:
            self.weights = self.weights if route else {"a": 0, "b": 0}
            return
        condition = {"observedGeneration": route["metadata"]["generation"], "status": "True", "reason": "Yes"}
        parents = [
            {
                "parentRef": {"name": "web"},
                "conditions": [{**condition, "type": type_} for type_ in ("Accepted", "ResolvedRefs")],
            }
        ]
        if (route.get("status") or {}).get("parents") != parents:
            self.api.seed({**route, "status": {"parents": parents}})
        refs = route["spec"]["rules"][-1].get("backendRefs") or []
        self.weights = {
            slot: sum(ref.get("weight", 1) for ref in refs if ref["name"] == f"web-{slot}") for slot in SLOTS
        }

    # -- Instruments -----------------------------------------------------------------------------------------------

    def features(self, router: str) -> frozenset[Feature]:
        return frozenset({Feature.WEIGHTS, Feature.HEADERS, Feature.COOKIES, Feature.HOSTS})

    async def data_plane(self, api: KubeApi, canary: Canary, routes: Mapping[str, Manifest | None]) -> DataPlane:
        if not self.gateway:
            return DataPlane(problem="the gateway does not answer")
        return DataPlane(dict(self.weights), dict(self.weights), "")

    async def samples(
        self, api: KubeApi, canary: Canary, routes: Mapping[str, Manifest | None], at: datetime
    ) -> tuple[Sample, ...]:
        return (Sample("errors", at, outage=self.outage),)

    async def ask(self, api: KubeApi, canary: Canary, gate: Gate) -> GateAnswer:
        return self.answers.get(gate.name, GateAnswer("waiting"))

    def forget(self, uid: str) -> None:
        """Nothing is kept."""

    def judge(self, case: Case) -> Judgement:
        verdict = "Inconclusive" if any(sample.outage for sample in case.samples) else self.verdict
        return Judgement(
            verdict, "5 % errors" if verdict == "Harm" else "", self.requests, {"at": case.now.isoformat()}
        )

    # -- what must hold --------------------------------------------------------------------------------------------

    def _snapshot(self) -> dict[str, Any]:
        found = {slot: self.api.find(Ref("apps", "Deployment", NAMESPACE, f"web-{slot}")) for slot in SLOTS}
        canary = self.api.find(CANARY)
        return {
            "ready": {slot: ready_of(found[slot]) for slot in SLOTS},
            "replicas": {slot: self.replicas(f"web-{slot}") or 0 for slot in SLOTS},
            "weights": self._plain_weights(),
            "gateway": dict(self.weights),
            "capacity": (canary or {"spec": {}})["spec"].get("replicas") or 0,
            "phase": parse(canary).status.phase if canary else "",
        }

    def _plain_weights(self) -> dict[Slot, int]:
        rules = self.route_weights()
        return {slot: rules[-1].get(f"web-{slot}", 0) if rules else 0 for slot in SLOTS}

    def _check(self, before: dict[str, Any]) -> None:
        weights = self._plain_weights()
        resting = before["phase"] in ("Idle", "Succeeded", "RolledBack")
        back = before["phase"] in ("RollingBack", "GivingBack")
        # Somebody has taken the route away: what is there serves better than nothing.
        unrouted = before["phase"] not in ("", "Adopting") and not any(before["weights"].values())
        for slot in SLOTS:
            if weights[slot] > before["weights"][slot]:
                ready, wanted = before["ready"][slot], needed(weights[slot], before["capacity"])
                slack = max(1, before["capacity"] // 4) if back else 0
                assert unrouted or ready >= wanted - slack, (
                    f"slot {slot} got {weights[slot]} % with {ready} of {wanted} pods"
                )
                assert ready > 0 or wanted == 0
            leads = max(before["weights"][slot], before["gateway"][slot]) > 0
            now = self.replicas(f"web-{slot}")
            if leads and before["phase"]:
                floor = before["replicas"][slot] if not resting else min(before["replicas"][slot], before["capacity"])
                if self.spec.get("dynamicStableScale"):
                    floor = min(floor, needed(max(weights[slot], before["gateway"][slot]), before["capacity"]))
                assert (now or 0) >= floor, f"slot {slot} lost pods while it got requests ({before['phase']})"

    @property
    def is_kept(self) -> bool:
        return FINALIZER in ((self.api.find(CANARY) or {"metadata": {}})["metadata"].get("finalizers") or ())
