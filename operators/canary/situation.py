"""What a look means for a release: who has how much, is it confirmed, is it ready. Pure readings of `Seen`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .capacity import needed
from .models import Canary, CanarySpec, CanaryStatus
from .routes import Written, complaint, previewed, written
from .seen import DataPlane, Seen, SlotSeen, replicas_of
from .steps import Stage, stage_of
from .terms import Slot, other

MOVING = frozenset({"Preparing", "Shifting", "Analysing", "Held", "Promoting", "Frozen"})
"""Phases with a release under way that can still go back."""
SETTLED = frozenset({"Idle", "Succeeded", "RolledBack"})
LOOKING = frozenset({"Shifting", "Analysing", "Held", "Promoting"})
"""Phases in which samples are read."""
CONFIRMING = frozenset({"Adopting", "Shifting", "Promoting", "Draining", "RollingBack"})
"""Phases that wait for the data plane."""
MATCHING = frozenset({"Shifting", "Analysing", "Held", "Frozen"})
"""Phases in which matching requests reach the candidate."""


@dataclass(frozen=True)
class Situation:
    """One Canary at one look."""

    canary: Canary
    status: CanaryStatus
    seen: Seen
    now: datetime

    @property
    def spec(self) -> CanarySpec:
        """What the user asks for."""
        return self.canary.spec

    @property
    def replicas(self) -> int:
        """The capacity."""
        if self.spec.replicas is not None:
            return self.spec.replicas
        # Somebody took it out of the spec: the slot that serves knows best, for the template has no pods any more.
        return self.stable.replicas or replicas_of(self.seen.template) or 1

    @property
    def stable_slot(self) -> Slot:
        """The slot that serves; `a` before there is one."""
        return self.status.stable.slot if self.status.stable else "a"

    @property
    def other_slot(self) -> Slot:
        """The candidate's slot, or the idle one."""
        return other(self.stable_slot)

    @property
    def stable(self) -> SlotSeen:
        """The slot that serves."""
        return self.seen.slot(self.stable_slot)

    @property
    def idle(self) -> SlotSeen:
        """The candidate's slot, or the idle one."""
        return self.seen.slot(self.other_slot)

    @property
    def stage(self) -> Stage:
        """The step the release is at."""
        return stage_of(self.spec, self.status)

    @property
    def matching(self) -> Stage | None:
        """The step whose matching requests shall reach the candidate now."""
        return self.stage if self.status.phase in MATCHING and self.stage.is_matched else None

    @property
    def preview_hostnames(self) -> tuple[str, ...]:
        """The host names of the preview."""
        return self.spec.blue_green.preview_hostnames if self.spec.blue_green else ()

    @property
    def routes(self) -> tuple[Written, ...]:
        """What each route says."""
        return tuple(written(self.canary, self.other_slot, route) for route in self.seen.routes.values())

    @property
    def weight(self) -> int:
        """The candidate's (or the idle slot's) share by the routes, the highest of any."""
        return max((route.weight or 0 for route in self.routes), default=0)

    @property
    def data_plane(self) -> DataPlane:
        """What the gateways do."""
        return self.seen.data_plane

    @property
    def complaint(self) -> str:
        """Why a route does not serve as it is written; '' where all do."""
        return next(filter(None, (complaint(route, name) for name, route in self.seen.routes.items())), "")

    def is_exposed(self, slot: Slot) -> bool:
        """Whether a request may reach the slot, by what is written or by what a gateway does."""
        for route in self.routes:
            share = route.weight or 0
            if route.weight is not None and (share if slot == self.other_slot else 100 - share) > 0:
                return True
            if route.matched and slot == self.other_slot:
                return True
        if any(to == slot for to in previewed(self.canary, self.seen.preview)):
            return True
        apex = ((self.seen.apex or {}).get("spec") or {}).get("selector") or {}
        return apex.get("automatrix.dev/slot") == slot or self.data_plane.highest.get(slot, 0) > 0

    def is_written(self, weight: int) -> bool:
        """Whether every route gives the candidate exactly so much, and matching requests as it shall."""
        return bool(self.routes) and all(
            route.weight == weight and route.uniform and route.matched == (self.matching is not None)
            for route in self.routes
        )

    def is_confirmed(self, weight: int) -> bool:
        """Whether it is written, taken by every Gateway, and what every replica of the data plane does."""
        return (
            self.is_written(weight)
            and not self.complaint
            and self.data_plane.has(self.other_slot, weight)
            and self.data_plane.has(self.stable_slot, 100 - weight)
        )

    @property
    def unconfirmed(self) -> str:
        """Why a weight that is written does not count yet; '' where it does, or is not written."""
        weight = self.status.weight.desired
        if self.status.phase not in CONFIRMING or not self.is_written(weight) or self.is_confirmed(weight):
            return ""
        low, high = (of.get(self.other_slot, 0) for of in (self.data_plane.lowest, self.data_plane.highest))
        return self.complaint or self.data_plane.problem or f"the gateway works with {low} to {high} %"

    def pods_for(self, percent: int) -> int:
        """Pods for a share of the capacity."""
        return needed(percent, self.replicas)

    def apex_serves(self, slot: Slot) -> bool:
        """Whether the Service of the Canary's name selects this slot."""
        selector = ((self.seen.apex or {}).get("spec") or {}).get("selector") or {}
        return bool(selector.get("automatrix.dev/slot") == slot)
