"""Who divides the requests: what each router can do, the route it reads, and what its data plane says it does.

`features`   what a spec may ask for; `refusal` names what goes beyond, before any route is written.
`gatewayapi` pure builders of HTTPRoutes and guarded patches, the same for all routers.
`observed`   the weights that every replica of the data plane works with. A written weight counts only when it is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from operators.canary.terms import SLOTS, Slot
from operators.kit.kube import Manifest


class Feature(Enum):
    """Something that a Canary may ask for and not every router does."""

    WEIGHTS = "weights"
    HEADERS = "matching a header"
    HEADER_PATTERNS = "matching a header by a pattern"
    COOKIES = "matching a cookie"
    HOSTS = "a preview under a host name of its own"
    MIRROR = "mirroring requests"
    AFFINITY = "session affinity by cookie"
    TIMEOUTS = "timeouts of a rule"
    BACKEND_FILTERS = "filters of a single backend"


@dataclass(frozen=True, slots=True)
class Target:
    """Whose requests are divided."""

    namespace: str
    services: Mapping[Slot, str]
    port: int
    routes: tuple[Manifest, ...]
    """The HTTPRoutes as the API has them."""
    matches: int = 0
    """How many rules for matched requests stand before each divided one (`gatewayapi.build`); 0 in foreign routes."""


Weights = Mapping[Slot, int]


@dataclass(frozen=True, slots=True)
class Observed:
    """What the data plane does, in percent of the requests by slot: for each replica, one entry a rule that divides.

    A rule for matched requests takes no part: it must be as it was written, or the replica counts as a problem.
    """

    replicas: Mapping[str, tuple[Weights, ...]] = field(default_factory=dict)
    problem: str = ""
    """Why that is not known, or not for all; '' where it is."""

    def extremes(self, slot: Slot) -> tuple[int, int]:
        """Return the lowest and the highest percentage of any replica and rule; (0, 0) where none says."""
        shares = [weights[slot] for rules in self.replicas.values() for weights in rules]
        return (min(shares), max(shares)) if shares else (0, 0)

    def has(self, slot: Slot, percent: int) -> bool:
        """Whether every replica gives the slot exactly so much."""
        return not self.problem and bool(self.replicas) and self.extremes(slot) == (percent, percent)


class Router(Protocol):
    """One data plane."""

    name: str
    features: frozenset[Feature]

    async def observed(self, target: Target) -> Observed:
        """Ask the data plane, bounded in time; never raises."""


def divided(rules: Sequence[Weights], matches: int) -> tuple[Weights, ...]:
    """Return those of a route's rules (with both slots, in order) that divide requests by weight."""
    return tuple(rules[matches :: matches + 1])


def refusal(router: str, features: frozenset[Feature], asked: Iterable[Feature]) -> str:
    """Say what the router cannot do of what is asked; '' where it can do all."""
    missing = sorted({feature.value for feature in asked} - {feature.value for feature in features})
    if not missing:
        return ""
    return (
        f"the router {router} does not know {', '.join(missing)}: take what asks for it out of the spec, "
        "or choose a traffic.router that does"
    )


def percent(weights: Weights) -> Weights:
    """Turn weights of any sum into percent of the requests; 0 for both where neither gets any."""
    total = sum(weights.values())
    return {slot: round(100 * weights.get(slot, 0) / total) if total else 0 for slot in SLOTS}
