"""HTTPRoutes of a Canary: how the requests are divided, read off a route and written into its own one. Pure.

Both slots always stand in a rule with a weight of their own, for what a lone or a weightless backend means differs from
gateway to gateway (`routers.gatewayapi` builds them). What is somebody else's is in `foreign`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from operators.kit.kube import Manifest

from .configs import digest
from .models import Canary
from .names import TRACKING, preview_ref, slot_name
from .routers import Feature, gatewayapi
from .routers.gatewayapi import Match, RouteWish, Split
from .seen import OWNED_BY
from .steps import Stage, stages
from .subset import covers
from .terms import SLOTS, Slot

APPLIED = "automatrix.dev/applied"
"""Annotation of an own route: the hash of the spec as it was written, before any default."""
EVERYTHING: tuple[dict[str, Any], ...] = ({"matches": [gatewayapi.ALL_PATHS]},)


@dataclass(frozen=True)
class Division:
    """Who gets what."""

    candidate: Slot
    weight: int
    """The candidate's share; the other slot gets the rest."""
    stage: Stage | None = None
    """Whose matching requests reach the candidate, too; None for nobody's."""
    mirrored: bool = False

    @property
    def weights(self) -> dict[Slot, int]:
        """Each slot's share."""
        return {slot: self.weight if slot == self.candidate else 100 - self.weight for slot in SLOTS}

    @property
    def matches(self) -> tuple[Match, ...]:
        """The requests that reach the candidate whatever its share."""
        return () if self.stage is None else _matches(self.stage, self.candidate)


def _matches(stage: Stage, slot: Slot) -> tuple[Match, ...]:
    if not stage.is_matched:
        return ()
    header, cookie = ((one.name, one.value) if one else None for one in (stage.header, stage.cookie))
    return (Match(slot, header, cookie),)


def services(canary: Canary) -> Mapping[Slot, str]:
    """The slots' Services."""
    return {slot: slot_name(canary, slot) for slot in SLOTS}


def asked(canary: Canary) -> frozenset[Feature]:
    """What the spec asks of its router."""
    traffic = canary.spec.traffic
    matches = [match for stage in stages(canary.spec) for match in _matches(stage, "a")]
    wanted = set(gatewayapi.asked(traffic.rules, matches))
    if traffic.mirror is not None:
        wanted.add(Feature.MIRROR)
    if traffic.affinity is not None:
        wanted.add(Feature.AFFINITY)
    if canary.spec.blue_green is not None and canary.spec.blue_green.preview_hostnames:
        wanted.add(Feature.HOSTS)
    return frozenset(wanted)


# -- the own route -------------------------------------------------------------------------------------------------


def own_route(canary: Canary, division: Division, port: int, live: Manifest | None) -> Manifest:
    """Build the Canary's own HTTPRoute."""
    traffic = canary.spec.traffic
    wish = RouteWish(
        canary.namespace,
        canary.name,
        _parents(canary),
        traffic.hostnames,
        traffic.rules or EVERYTHING,
        Split(services(canary), port, division.weights),
        division.matches,
    )
    built = gatewayapi.build(wish)
    rules = built["spec"]["rules"]
    for index in range(len(division.matches), len(rules), len(division.matches) + 1):
        rules[index] = {**rules[index], **_beside(canary, division, port, rules[index])}
    return _marked(canary, built, live)


def preview_route(canary: Canary, hostnames: Sequence[str], slot: Slot, port: int, live: Manifest | None) -> Manifest:
    """Build the HTTPRoute that leads a preview's hosts to a slot."""
    ref = preview_ref(canary)
    built = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": ref.kind,
        "metadata": {"name": ref.name, "namespace": ref.namespace},
        "spec": {
            "parentRefs": _parents(canary),
            "hostnames": list(hostnames),
            "rules": rules_to(canary, slot_name(canary, slot), port),
        },
    }
    return _marked(canary, built, live)


def previewed(canary: Canary, preview: Manifest | None) -> Iterator[Slot]:
    """Yield the slots that a preview leads to."""
    rules = ((preview or {}).get("spec") or {}).get("rules") or ()
    names = {ref["name"] for rule in rules for ref in rule.get("backendRefs") or ()}
    yield from (slot for slot, name in services(canary).items() if name in names)


def _marked(canary: Canary, built: Manifest, live: Manifest | None) -> Manifest:
    """A route that is the Canary's; what is there already keeps its other labels and annotations."""
    metadata = dict((live or built)["metadata"])
    metadata.pop("managedFields", None)
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != TRACKING}
    metadata["annotations"] = {**annotations, OWNED_BY: canary.uid, APPLIED: digest(built["spec"])}
    return {**built, "metadata": metadata}


def _parents(canary: Canary) -> list[Manifest]:
    said = (ref.model_dump(by_alias=True) for ref in canary.spec.traffic.parent_refs)
    return [{key: value for key, value in ref.items() if value} for ref in said]


def _beside(canary: Canary, division: Division, port: int, rule: Manifest) -> dict[str, Any]:
    """What a rule that divides has beside its backends: mirroring, affinity."""
    traffic, beside = canary.spec.traffic, dict[str, Any]()
    if division.mirrored and traffic.mirror is not None:
        backend = {"group": "", "kind": "Service", "name": slot_name(canary, division.candidate), "port": port}
        mirror = {"backendRef": backend, "percent": traffic.mirror.percent}
        beside["filters"] = [*rule.get("filters", ()), {"type": "RequestMirror", "requestMirror": mirror}]
    if traffic.affinity is not None:
        beside["sessionPersistence"] = {"type": "Cookie", "sessionName": traffic.affinity.cookie}
    return beside


def is_same(live: Manifest | None, wanted: Manifest) -> bool:
    """Whether a route says what is wanted, and nothing that was wanted once and is not any more."""
    if live is None:
        return False
    applied = (live["metadata"].get("annotations") or {}).get(APPLIED)
    return bool(applied == wanted["metadata"]["annotations"][APPLIED]) and covers(live["spec"], wanted["spec"])


def rules_to(canary: Canary, service: str, port: int) -> list[dict[str, Any]]:
    """The own route's rules, leading to one Service."""
    rules: Iterable[dict[str, Any]] = canary.spec.traffic.rules or EVERYTHING
    backend = {"group": "", "kind": "Service", "name": service, "port": port, "weight": 1}
    return [{**rule, "backendRefs": [backend]} for rule in rules]


# -- reading -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Written:
    """What a route says of the slots; None where they do not stand in it."""

    weight: int | None
    """The candidate's share in percent, the highest of any rule for all requests."""
    uniform: bool
    """Whether every rule for all requests says the same."""
    matched: bool
    """Whether a rule leads matching requests to one slot only, whatever the share."""


def written(canary: Canary, candidate: Slot, route: Manifest | None) -> Written:
    """Read the division off a route."""
    shares = list(_shares(canary, candidate, route))
    if not shares:
        return Written(None, uniform=False, matched=False)
    plain = [share for share, is_matched in shares if not is_matched]
    matched = [share for share, is_matched in shares if is_matched]
    weight = max(plain) if plain else max(matched)
    return Written(weight, len(set(plain)) <= 1, bool(matched and plain and max(matched) > 0))


def matches_in(canary: Canary, route: Manifest | None) -> int:
    """How many rules for matched requests stand before each one that divides; none in somebody else's route."""
    rules = ((route or {}).get("spec") or {}).get("rules") or ()
    own = len(canary.spec.traffic.rules or EVERYTHING)
    return 0 if canary.spec.traffic.routes else max(0, len(rules) // own - 1)


def _shares(canary: Canary, candidate: Slot, route: Manifest | None) -> Iterator[tuple[int, bool]]:
    rules = ((route or {}).get("spec") or {}).get("rules") or ()
    mine = set(services(canary).values())
    matches = matches_in(canary, route)
    for number, rule in enumerate(rules):
        weights = {
            ref["name"]: int(ref.get("weight", 1)) for ref in rule.get("backendRefs") or () if ref["name"] in mine
        }
        total = sum(weights.values())
        if weights and total:
            share = round(100 * weights.get(slot_name(canary, candidate), 0) / total)
            yield share, number % (matches + 1) != matches


def complaint(route: Manifest | None, name: str) -> str:
    """Why a route does not serve as it is written; '' where every parent has accepted this very generation."""
    return f"HTTPRoute {name} does not exist" if route is None else gatewayapi.not_accepted(route)


def is_given_back(canary: Canary, route: Manifest | None) -> bool:
    """Whether no slot stands in the route."""
    return not list(_shares(canary, "a", route))
