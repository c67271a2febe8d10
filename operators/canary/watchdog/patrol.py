"""Looks after the operator, and after its Canaries once it is silent.

In: the operator's Lease every few seconds; the Canaries only while it is silent. Out: patched HTTPRoutes, a condition
and an Event on each Canary. While the operator lives, this costs one GET a look and writes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from operators.canary.terms import SLOTS, Slot
from operators.kit.conditions import Condition
from operators.kit.errors import ApiError, Conflict, PlatformError
from operators.kit.kube import KubeApi, Manifest, Ref
from operators.kit.logging import get_logger

from .decide import CONDITION, LEAST, Pulse, Return, Ward, decide, is_due, ward

MANAGER = "canary-watchdog"
GROUP, VERSION, KIND = "automatrix.dev", "v1alpha1", "Canary"
log = get_logger("canary-watchdog")


@dataclass(frozen=True)
class Watch:
    """Whose pulse is felt, and how often."""

    lease: Ref
    every_s: float = 5.0


class Patrol:
    """One watchdog; `run` until cancelled."""

    def __init__(self, api: KubeApi, watch: Watch, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._api = api
        self._watch = watch
        self._now = now
        self._seen: tuple[str, float] | None = None
        self.looked_at = 0.0
        """When a look last ended, well or not, by the loop's clock; for the probe."""

    async def run(self) -> None:
        """Look again and again; a look that fails says nothing about the operator."""
        while True:
            try:
                await self.look()
            except PlatformError as error:
                # Who cannot reach the API does not know whether the operator can: begin to watch anew.
                self._seen = None
                log.warning("cannot look", action="retry", reason=str(error))
            self.looked_at = asyncio.get_running_loop().time()
            await asyncio.sleep(self._watch.every_s)

    async def look(self) -> None:
        """Feel the pulse; while there is none, look after every Canary that is in mid-shift. Raises PlatformError."""
        silence = (await self._pulse()).silence(self._now())
        if silence < LEAST:
            return
        for canary in (await self._api.list(GROUP, VERSION, KIND)).items:
            found = ward(canary)
            if not is_due(found, silence):
                continue
            # The operator may be back since, and then everything is its own again.
            silence = (await self._pulse()).silence(self._now())
            if not is_due(found, silence):
                return
            try:
                await self._look_after(canary, found, silence)
            except (ApiError, Conflict) as error:
                log.warning("will try again", object=_named(found), reason=str(error))

    async def _pulse(self) -> Pulse:
        lease = await self._api.get(self._watch.lease)
        now = asyncio.get_running_loop().time()
        version = str(lease["metadata"]["resourceVersion"]) if lease else ""
        if self._seen is None or self._seen[0] != version:
            self._seen = (version, now)
        renewed = ((lease or {}).get("spec") or {}).get("renewTime")
        return Pulse(datetime.fromisoformat(renewed) if renewed else None, timedelta(seconds=now - self._seen[1]))

    async def _look_after(self, canary: Manifest, found: Ward, silence: timedelta) -> None:
        routes = {name: await self._api.get(_route(found, name)) for name in found.routes}
        outcome = decide(found, routes, await self._ready(found), silence)
        for name, patch in outcome.patches.items():
            await self._api.patch(_route(found, name), patch, kind="json", field_manager=MANAGER)
            log.info("done", object=_named(found), action="ReturnTraffic", reason=outcome.reason, route=name)
        await self._tell(canary, found, outcome)

    async def _ready(self, found: Ward) -> Mapping[Slot, int]:
        ready: dict[Slot, int] = {}
        for slot in SLOTS:
            deployment = await self._api.get(Ref("apps", "Deployment", found.namespace, f"{found.name}-{slot}"))
            ready[slot] = int(((deployment or {}).get("status") or {}).get("readyReplicas") or 0)
        return ready

    async def _tell(self, canary: Manifest, found: Ward, outcome: Return) -> None:
        """Say it once: in a condition, in the line that kubectl shows, and in an Event."""
        done = not outcome.refused
        message = f"{outcome.reason}; " + (f"all requests go to slot {found.stable}" if done else outcome.refused)
        conditions = (canary.get("status") or {}).get("conditions") or []
        index = next((n for n, one in enumerate(conditions) if one["type"] == CONDITION), len(conditions))
        old = conditions[index] if index < len(conditions) else {}
        status = "True" if done else "False"
        if not outcome.patches and (old.get("status"), old.get("reason")) == (status, _reason(outcome)):
            return
        condition = Condition(
            type=CONDITION,
            status="True" if done else "False",
            reason=_reason(outcome),
            message=message,
            last_transition_time=self._now().replace(microsecond=0),
            observed_generation=canary["metadata"].get("generation"),
        )
        version = {"op": "test", "path": "/metadata/resourceVersion", "value": canary["metadata"]["resourceVersion"]}
        value = condition.model_dump(mode="json", by_alias=True, exclude_none=True)
        write = (
            {"op": "add" if not old else "replace", "path": f"/status/conditions/{index}", "value": value}
            if conditions
            else {"op": "add", "path": "/status/conditions", "value": [value]}
        )
        ref = Ref(GROUP, KIND, found.namespace, found.name, VERSION)
        story = [{"op": "add", "path": "/status/message", "value": message}]
        if outcome.patches and "observed" in ((canary.get("status") or {}).get("weight") or {}):
            # Nobody has asked the gateways since: what they did is no longer what they do.
            story.append({"op": "remove", "path": "/status/weight/observed"})
        patch = [version, write, *story]
        await self._api.patch(ref, patch, kind="json", subresource="status", field_manager=MANAGER)
        await self._event(canary, outcome, message)

    async def _event(self, canary: Manifest, outcome: Return, message: str) -> None:
        metadata = canary["metadata"]
        at = self._now()
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{metadata['name']}.", "namespace": metadata["namespace"]},
            "involvedObject": {
                "apiVersion": canary["apiVersion"],
                "kind": KIND,
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "type": "Warning",
            "reason": _reason(outcome),
            "message": message[:1024],
            "source": {"component": MANAGER},
            "firstTimestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "lastTimestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "count": 1,
        }
        with suppress(ApiError, Conflict):  # the namespace goes, or events are not let in: the condition says it too
            await self._api.create(event, field_manager=MANAGER)


def _reason(outcome: Return) -> str:
    return "CannotReturn" if outcome.refused else "OperatorSilent"


def _route(found: Ward, name: str) -> Ref:
    return Ref("gateway.networking.k8s.io", "HTTPRoute", found.namespace, name)


def _named(found: Ward) -> str:
    return f"Canary {found.namespace}/{found.name}"
