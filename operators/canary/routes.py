"""HTTPRoutes: how the requests are divided, read off a route and written into one. Pure.

Both slots always stand in a rule with a weight of their own, for what a lone or a weightless backend means differs from
gateway to gateway. `rules` and `backendRefs` are lists that have one owner, so a weight in somebody else's route is
changed by JSON patch, each operation under a `test` of what was seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from operators.kit.kube import Manifest

from .configs import digest
from .models import Canary
from .names import GATEWAY_GROUP, TRACKING, slot_name
from .steps import Stage
from .subset import covers
from .terms import SLOTS, Slot, other

APPLIED = "automatrix.dev/applied"
"""Annotation of an own route: the hash of the spec as it was written, before any default."""
EVERYTHING: tuple[dict[str, Any], ...] = ({"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]},)


@dataclass(frozen=True)
class Division:
    """Who gets what."""

    candidate: Slot
    weight: int
    """The candidate's share; the other slot gets the rest."""
    stage: Stage | None = None
    """Whose matching requests reach the candidate, too; None for nobody's."""
    mirrored: bool = False

    def weight_of(self, slot: Slot) -> int:
        """A slot's share."""
        return self.weight if slot == self.candidate else 100 - self.weight


def own_route(canary: Canary, division: Division, port: int, live: Manifest | None) -> Manifest:
    """Build the Canary's own HTTPRoute; what is there already keeps its other labels and annotations."""
    metadata = dict((live or {}).get("metadata") or {"name": canary.name, "namespace": canary.namespace})
    metadata.pop("managedFields", None)
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != TRACKING}
    metadata["ownerReferences"] = [canary.owner]
    traffic = canary.spec.traffic
    spec: dict[str, Any] = {
        "parentRefs": [_parent(ref.model_dump(by_alias=True)) for ref in traffic.parent_refs],
        "rules": [*_matched(canary, division, port), *_shared(canary, division, port)],
    }
    if traffic.hostnames:
        spec["hostnames"] = list(traffic.hostnames)
    metadata["annotations"] = {**annotations, APPLIED: digest(spec)}
    return {
        "apiVersion": f"{GATEWAY_GROUP}/v1",
        "kind": "HTTPRoute",
        "metadata": metadata,
        "spec": spec,
    }


def is_same(live: Manifest | None, wanted: Manifest) -> bool:
    """Whether a route says what is wanted, and nothing that was wanted once and is not any more."""
    if live is None:
        return False
    applied = (live["metadata"].get("annotations") or {}).get(APPLIED)
    return bool(applied == wanted["metadata"]["annotations"][APPLIED]) and covers(live["spec"], wanted["spec"])


def _parent(ref: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in ref.items() if value}


def _shared(canary: Canary, division: Division, port: int) -> Iterator[dict[str, Any]]:
    traffic = canary.spec.traffic
    for rule in traffic.rules or EVERYTHING:
        built = {**rule, "backendRefs": _backends(canary, division, port)}
        if division.mirrored and traffic.mirror is not None:
            backend = {"group": "", "kind": "Service", "name": slot_name(canary, division.candidate), "port": port}
            mirror = {"backendRef": backend, "percent": traffic.mirror.percent}
            built["filters"] = [*rule.get("filters", ()), {"type": "RequestMirror", "requestMirror": mirror}]
        if traffic.affinity is not None:
            built["sessionPersistence"] = {"type": "Cookie", "sessionName": traffic.affinity.cookie}
        yield built


def _matched(canary: Canary, division: Division, port: int) -> Iterator[dict[str, Any]]:
    """Rules for requests that reach the candidate by a header: before the others, and more specific than they are."""
    if division.stage is None or not division.stage.is_matched:
        return
    whole = Division(division.candidate, 100)
    for rule in canary.spec.traffic.rules or EVERYTHING:
        matches = [
            {**match, "headers": [*match.get("headers", ()), _header(division.stage)]}
            for match in rule.get("matches") or [{}]
        ]
        yield {**rule, "matches": matches, "backendRefs": _backends(canary, whole, port)}


def _header(stage: Stage) -> dict[str, str]:
    if stage.header is not None:
        return {"type": "Exact", "name": stage.header.name, "value": stage.header.value}
    assert stage.cookie is not None  # noqa: S101 - is_matched
    wanted = f"{re.escape(stage.cookie.name)}={re.escape(stage.cookie.value)}"
    return {"type": "RegularExpression", "name": "Cookie", "value": rf"(.*;\s*)?{wanted}(;.*)?"}


def _backends(canary: Canary, division: Division, port: int) -> list[dict[str, Any]]:
    return [_backend(slot_name(canary, slot), port, division.weight_of(slot)) for slot in SLOTS]


def _backend(name: str, port: int, weight: int) -> dict[str, Any]:
    return {"group": "", "kind": "Service", "name": name, "port": port, "weight": weight}


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
    """Read the division off a route; a rule that gives a slot all of it beside a rule that divides is a matched one."""
    shares = list(_shares(canary, candidate, route))
    if not shares:
        return Written(None, uniform=False, matched=False)
    plain = [share for share, is_matched in shares if not is_matched]
    matched = [share for share, is_matched in shares if is_matched]
    weight = max(plain) if plain else max(matched)
    return Written(weight, len(set(plain)) <= 1, bool(matched and plain and max(matched) > 0))


def _shares(canary: Canary, candidate: Slot, route: Manifest | None) -> Iterator[tuple[int, bool]]:
    rules = ((route or {}).get("spec") or {}).get("rules") or ()
    mine = {slot_name(canary, slot) for slot in SLOTS}
    own = not canary.spec.traffic.routes
    extra = len(rules) - len(canary.spec.traffic.rules or EVERYTHING)
    for number, rule in enumerate(rules):
        weights = {
            ref["name"]: int(ref.get("weight", 1)) for ref in rule.get("backendRefs") or () if ref["name"] in mine
        }
        total = sum(weights.values())
        if weights and total:
            share = round(100 * weights.get(slot_name(canary, candidate), 0) / total)
            yield share, own and number < extra


def complaint(route: Manifest | None, name: str) -> str:
    """Why a route does not serve as it is written; '' where every parent has accepted this very generation."""
    if route is None:
        return f"HTTPRoute {name} does not exist"
    parents = (route.get("status") or {}).get("parents") or ()
    if not parents:
        return f"no Gateway has taken HTTPRoute {name}: see spec.traffic.parentRefs"
    generation = route["metadata"].get("generation")
    for parent in parents:
        by_type = {condition["type"]: condition for condition in parent.get("conditions") or ()}
        for type_ in ("Accepted", "ResolvedRefs"):
            condition = by_type.get(type_)
            if condition is None or condition.get("observedGeneration", generation) != generation:
                return f"the Gateway has not looked at HTTPRoute {name} yet"
            if condition["status"] != "True":
                return f"HTTPRoute {name} is not served: {condition.get('message') or condition.get('reason')}"
    return ""


# -- somebody else's routes ----------------------------------------------------------------------------------------


def foreign_patch(canary: Canary, division: Division, route: Manifest) -> tuple[dict[str, Any], ...]:
    """Build the JSON patch that divides an HTTPRoute of somebody else; empty where it says so already.

    A backend that names the apex Service is replaced by the two slots; nothing else is touched.
    """
    patch: list[dict[str, Any]] = []
    for number, rule in enumerate((route.get("spec") or {}).get("rules") or ()):
        refs = rule.get("backendRefs") or []
        at = f"/spec/rules/{number}/backendRefs"
        names = [ref["name"] for ref in refs]
        if canary.name in names and slot_name(canary, "a") not in names:
            patch += _take_over(canary, division, at, names.index(canary.name), refs)
        else:
            patch += _reweigh(canary, division, at, refs)
    return tuple(patch)


def _take_over(
    canary: Canary, division: Division, at: str, index: int, refs: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    apex = refs[index]
    made = [_backend(slot_name(canary, slot), apex["port"], division.weight_of(slot)) for slot in SLOTS]
    return [
        {"op": "test", "path": f"{at}/{index}", "value": apex},
        {"op": "replace", "path": f"{at}/{index}", "value": made[0]},
        {"op": "add", "path": f"{at}/{index + 1}", "value": made[1]},
    ]


def _reweigh(canary: Canary, division: Division, at: str, refs: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for index, ref in enumerate(refs):
        for slot in SLOTS:
            if ref["name"] != slot_name(canary, slot) or ref.get("weight") == division.weight_of(slot):
                continue
            yield {"op": "test", "path": f"{at}/{index}", "value": ref}
            yield {"op": "replace", "path": f"{at}/{index}", "value": {**ref, "weight": division.weight_of(slot)}}


def give_back_patch(canary: Canary, route: Manifest) -> tuple[dict[str, Any], ...]:
    """Build the JSON patch that leads an HTTPRoute of somebody else to the apex Service again."""
    patch: list[dict[str, Any]] = []
    first, second = (slot_name(canary, slot) for slot in SLOTS)
    for number, rule in enumerate((route.get("spec") or {}).get("rules") or ()):
        refs = rule.get("backendRefs") or []
        names = [ref["name"] for ref in refs]
        at = f"/spec/rules/{number}/backendRefs"
        if first in names and second in names:
            a, b = names.index(first), names.index(second)
            weight = sum(int(refs[index].get("weight", 1)) for index in (a, b))
            patch += [
                {"op": "test", "path": f"{at}/{a}", "value": refs[a]},
                {"op": "test", "path": f"{at}/{b}", "value": refs[b]},
                {"op": "replace", "path": f"{at}/{a}", "value": _backend(canary.name, refs[a]["port"], weight)},
                {"op": "remove", "path": f"{at}/{b}"},
            ]
    return tuple(patch)


def given_back_rules(canary: Canary, port: int) -> list[dict[str, Any]]:
    """The own route's rules, leading to the apex Service."""
    rules: Iterable[dict[str, Any]] = canary.spec.traffic.rules or EVERYTHING
    return [{**rule, "backendRefs": [_backend(canary.name, port, 1)]} for rule in rules]


def is_given_back(canary: Canary, route: Manifest | None) -> bool:
    """Whether no slot stands in the route."""
    return not list(_shares(canary, "a", route))


def split(slot: Slot) -> Division:
    """All of it for a slot."""
    return Division(other(slot), 0)
