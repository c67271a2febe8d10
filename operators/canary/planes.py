"""What the data plane does with a Canary's requests: its router asked, and what was sent held against what it says.

In: a Canary and its routes. Out: a `DataPlane`. Nothing raises. Who waits is given what is known after `patience_s`; a
slow router is read on beside the loop and its answer taken at a later look, but only while the routes are the same:
an older answer says nothing of a weight that was written since.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from operators.kit.kube import Manifest
from operators.kit.logging import get_logger

from .builders import ports_of
from .metrics import Target
from .metrics.gateways import Gateways
from .metrics.traefik import Signal, TraefikCounters
from .models import Canary
from .names import slot_name
from .routers import Observed, Router
from .routers import Target as Divided
from .routers.windows import Windows
from .routes import matches_in, services
from .seen import DataPlane
from .terms import SLOTS, Slot

log = get_logger("canary-operator")
Versions = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Reading:
    versions: Versions
    task: asyncio.Task[DataPlane]


class Planes:
    """The data planes of all Canaries; close it in the end."""

    def __init__(self, routers: Mapping[str, Router], gateways: Gateways, patience_s: float) -> None:
        self._routers = routers
        self._sent = TraefikCounters("sent", Signal(), gateways)
        self._patience_s = patience_s
        self._windows = Windows()
        self._reading: dict[str, _Reading] = {}

    async def look(self, canary: Canary, routes: Mapping[str, Manifest | None]) -> DataPlane:
        """Look once; a route that is not there leads nowhere."""
        present = [route for route in routes.values() if route is not None]
        if not present:
            return DataPlane(problem="there is no HTTPRoute")
        versions = tuple((one["metadata"]["name"], str(one["metadata"].get("resourceVersion"))) for one in present)
        reading = self._reading.get(canary.uid)
        if reading is None or reading.versions != versions:
            self.forget_reading(canary.uid)
            task = asyncio.create_task(self._look(canary, present))
            reading = self._reading[canary.uid] = _Reading(versions, task)
        await asyncio.wait([reading.task], timeout=self._patience_s)
        if not reading.task.done():
            name = canary.spec.traffic.router
            return DataPlane(problem=f"the router {name} has not answered for {self._patience_s:g} s")
        self.forget_reading(canary.uid)
        return reading.task.result()

    def forget(self, uid: str) -> None:
        """Keep nothing of a Canary."""
        self._windows.forget(uid)
        self.forget_reading(uid)

    def forget_reading(self, uid: str) -> None:
        """Leave what is read of a Canary, if anything is."""
        reading = self._reading.pop(uid, None)
        if reading is not None:
            reading.task.cancel()

    async def close(self) -> None:
        """Stop all reading."""
        tasks = [reading.task for reading in self._reading.values()]
        for uid in list(self._reading):
            self.forget_reading(uid)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self, canary: Canary, routes: list[Manifest]) -> DataPlane:
        router = self._routers[canary.spec.traffic.router]
        plane = data_plane_of(await asyncio.gather(*(_observed(router, canary, route) for route in routes)))
        weight = plane.lowest["b"]
        if plane.problem or not plane.has("b", weight) or any(matches_in(canary, route) for route in routes):
            return plane
        return replace(plane, problem=await self._unsent(canary, weight, routes))

    async def _unsent(self, canary: Canary, weight: int, routes: list[Manifest]) -> str:
        """Say whether the requests that were sent speak against the weight; nothing where they are not counted."""
        if canary.spec.traffic.router != "traefik":
            return ""
        target = Target(
            canary.namespace, canary.name, services(canary), leading_port(canary, *routes), datetime.now(UTC)
        )
        sample = await self._sent.read(target)
        clock = asyncio.get_running_loop().time()
        return "" if sample.outage else self._windows.look(canary.uid, weight, sample.readings, clock)


def data_plane_of(observed: list[Observed]) -> DataPlane:
    """Join what the routers say of each route: the lowest and the highest share of any."""
    problems = [one.problem for one in observed if one.problem]
    lowest: dict[Slot, int] = {}
    highest: dict[Slot, int] = {}
    for slot in SLOTS:
        extremes = [one.extremes(slot) for one in observed]
        lowest[slot], highest[slot] = min(low for low, _ in extremes), max(high for _, high in extremes)
    return DataPlane(lowest, highest, "; ".join(problems))


async def _observed(router: Router, canary: Canary, route: Manifest) -> Observed:
    target = Divided(
        canary.namespace, services(canary), leading_port(canary, route), (route,), matches_in(canary, route)
    )
    try:
        return await router.observed(target)
    except Exception as error:
        log.exception("router failed", object=f"Canary {canary.namespace}/{canary.name}", router=router.name)
        return Observed(problem=f"router {router.name} failed: {type(error).__name__}: {error}")


def leading_port(canary: Canary, *routes: Manifest) -> int:
    """Return the port of the slots' Services that a route leads to; the first one of them where none does."""
    names = {slot_name(canary, slot) for slot in SLOTS}
    for route in routes:
        for rule in (route.get("spec") or {}).get("rules") or ():
            for ref in rule.get("backendRefs") or ():
                if ref["name"] in names and ref.get("port"):
                    return int(ref["port"])
    ports = ports_of(canary, None)
    return int(ports[0]["port"]) if ports else 80
