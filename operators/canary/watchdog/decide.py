"""Whether the operator is dead, and what that means for one Canary: pure.

In: what the operator's Lease said and since when it has said so, a Canary, its routes and slots. Out: patches, or why
there are none.

Silence counts only where two clocks agree: the Lease is older than `deadMan` by the wall clock, and it has not changed
while this process watched it for as long as an operator that lives could let it stand. So a watchdog that has just
restarted neither starts the count anew nor acts on a clock that goes wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from operators.canary.routers.gatewayapi import pairs, reweigh
from operators.canary.seen import OWNED_BY
from operators.canary.terms import SLOTS, Slot, other
from operators.kit.kube import Manifest

DEAD_MAN = timedelta(minutes=2)
LEAST = timedelta(seconds=20)
"""An operator that lives renews its Lease every 2 s, or ends itself after 10 s; nobody is called dead before."""
CONDITION = "TrafficReturned"
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Pulse:
    """The operator's Lease: what it says, and for how long this process has seen it say so."""

    renewed: datetime | None
    """None: there is no Lease, or it tells no time."""
    unchanged: timedelta

    def silence(self, now: datetime) -> timedelta:
        """For how long the operator has certainly said nothing."""
        if self.unchanged < LEAST:
            return timedelta(0)
        if self.renewed is None or self.renewed > now:
            return self.unchanged
        return max(self.unchanged, now - self.renewed)


@dataclass(frozen=True, slots=True)
class Ward:
    """What is needed of a Canary; read off its manifest alone, whatever version of the operator wrote it."""

    namespace: str
    name: str
    uid: str
    stable: Slot | None
    exposed: bool
    """Whether the route gives, or may give, the candidate requests."""
    dead_man: timedelta
    services: Mapping[Slot, str]
    foreign: tuple[str, ...]
    """Routes of somebody else that the Canary names; its own is called like itself."""
    frozen: bool
    deleting: bool

    @property
    def routes(self) -> tuple[str, ...]:
        """The routes that it may have weights in."""
        return self.foreign or (self.name,)


@dataclass(frozen=True, slots=True)
class Return:
    """Patches by route that give all requests to stable; or why nothing may be done."""

    patches: Mapping[str, Sequence[dict[str, Any]]]
    reason: str
    refused: str = ""


def ward(canary: Manifest) -> Ward:
    """Read a Canary; what it does not say is taken as nothing to act upon."""
    metadata, spec, status = canary["metadata"], canary.get("spec") or {}, canary.get("status") or {}
    weight = status.get("weight") or {}
    stable = (status.get("stable") or {}).get("slot")
    name = metadata["name"]
    return Ward(
        namespace=metadata["namespace"],
        name=name,
        uid=metadata["uid"],
        stable=stable if stable in SLOTS else None,
        exposed=any(int(weight.get(key) or 0) > 0 for key in ("desired", "written", "observed")),
        dead_man=max(LEAST, duration(spec.get("deadMan"), DEAD_MAN)),
        services={slot: f"{name}-{slot}" for slot in SLOTS},
        foreign=tuple(one["name"] for one in (spec.get("traffic") or {}).get("routes") or ()),
        frozen=status.get("phase") == "Frozen" or (spec.get("failure") or {}).get("action") == "Freeze",
        deleting="deletionTimestamp" in metadata,
    )


def is_due(found: Ward, silence: timedelta) -> bool:
    """Whether somebody must look after this Canary in the operator's place.

    Frozen was chosen where going back is not possible, and a deletion gives everything back by other rules.
    """
    return (
        found.exposed
        and found.stable is not None
        and not (found.frozen or found.deleting)
        and silence >= found.dead_man
    )


def decide(found: Ward, routes: Mapping[str, Manifest | None], ready: Mapping[Slot, int], silence: timedelta) -> Return:
    """Say what to patch; nothing where all is at stable already. `ready`: pods by slot that can answer."""
    reason = f"the canary operator has been silent for {silence.total_seconds():.0f} s in mid-shift"
    if found.stable is None or not is_due(found, silence):
        return Return({}, reason)
    if ready.get(found.stable, 0) <= 0:
        return Return({}, reason, f"slot {found.stable} (stable) has no ready pod: requests stay where they are served")
    wanted = {found.stable: 100, other(found.stable): 0}
    patches: dict[str, Sequence[dict[str, Any]]] = {}
    refused: list[str] = []
    for name in found.routes:
        route = routes.get(name)
        why = unknown(found, name, route)
        if route is None or why:
            refused.append(why)
            continue
        patch = reweigh(route, found.services, wanted)
        if patch:
            patches[name] = patch
    return Return(patches, reason, "; ".join(refused))


def unknown(found: Ward, name: str, route: Manifest | None) -> str:
    """Say why a route is none that this Canary may have changed; '' where it is one."""
    if route is None:
        return f"there is no HTTPRoute {name}"
    owner = (route["metadata"].get("annotations") or {}).get(OWNED_BY)
    if name not in found.foreign and owner != found.uid:
        return f"HTTPRoute {name} is not this Canary's"
    if not any(True for _ in pairs(route, found.services)):
        return f"HTTPRoute {name} has no rule with both slots"
    return ""


def duration(text: object, default: timedelta) -> timedelta:
    """Read `90s` or `1m30s`; the default for anything else, because a wrong limit must not disarm the switch."""
    parts = _DURATION.findall(text) if isinstance(text, str) else []
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return default
    return timedelta(seconds=sum(float(number) * _UNIT_S[unit] for number, unit in parts))
