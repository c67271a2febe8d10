"""HTTPRoutes between two slots: pure builders, patches with guards, and what a route's status says.

Every rule has both slots as backends with explicit integer weights: routers disagree on a lone backend and on one
without a weight. Lists of an HTTPRoute are atomic, so a weight in somebody else's route is changed by a JSON patch
whose `test` operations name the backend that was seen: a route that has changed meanwhile is left alone (Conflict).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from operators.canary.terms import SLOTS, Slot
from operators.kit.kube import Manifest

from . import Feature

API_VERSION = "gateway.networking.k8s.io/v1"
ALL_PATHS: Manifest = {"path": {"type": "PathPrefix", "value": "/"}}
_SERVICE = ("", "Service")


@dataclass(frozen=True, slots=True)
class Split:
    """Two Services and what each gets."""

    services: Mapping[Slot, str]
    port: int
    weights: Mapping[Slot, int]

    @property
    def backends(self) -> list[Manifest]:
        """The backendRefs, both, always."""
        return [
            {
                "group": "",
                "kind": "Service",
                "name": self.services[slot],
                "port": self.port,
                "weight": int(self.weights.get(slot, 0)),
            }
            for slot in SLOTS
        ]

    def all_to(self, slot: Slot) -> Split:
        """The same Services, and all to one of them."""
        return Split(self.services, self.port, {one: 100 if one == slot else 0 for one in SLOTS})


@dataclass(frozen=True, slots=True)
class Match:
    """Requests that go to one slot whatever the weights: by a header's or a cookie's exact value."""

    slot: Slot
    header: tuple[str, str] | None = None
    cookie: tuple[str, str] | None = None

    @property
    def headers(self) -> list[Manifest]:
        """The header matches; a cookie is matched inside its header."""
        found: list[Manifest] = []
        if self.header:
            found.append({"type": "Exact", "name": self.header[0], "value": self.header[1]})
        if self.cookie:
            name, value = (re.escape(part) for part in self.cookie)
            found.append({"type": "RegularExpression", "name": "Cookie", "value": rf"(^|;\s*){name}={value}\s*(;|$)"})
        return found

    @property
    def features(self) -> frozenset[Feature]:
        """What a router must know for it."""
        wanted = {Feature.HEADERS} if self.header else set()
        return frozenset(wanted | ({Feature.COOKIES} if self.cookie else set()))


@dataclass(frozen=True, slots=True)
class RouteWish:
    """An HTTPRoute of the Canary's own. `rules` are the user's, without backendRefs; all paths where there is none."""

    namespace: str
    name: str
    parents: Sequence[Manifest]
    hostnames: Sequence[str]
    rules: Sequence[Manifest]
    split: Split
    matches: Sequence[Match] = ()
    labels: Mapping[str, str] | None = None


def build(wish: RouteWish) -> Manifest:
    """Return the manifest: for each rule its matched requests first, the divided ones after."""
    rules: list[Manifest] = []
    for rule in wish.rules or ({"matches": [ALL_PATHS]},):
        rules += (
            {**rule, "matches": _narrowed(rule, match), "backendRefs": wish.split.all_to(match.slot).backends}
            for match in wish.matches
        )
        rules.append({**rule, "matches": rule.get("matches") or [ALL_PATHS], "backendRefs": wish.split.backends})
    metadata: Manifest = {"name": wish.name, "namespace": wish.namespace, "labels": dict(wish.labels or {})}
    return {
        "apiVersion": API_VERSION,
        "kind": "HTTPRoute",
        "metadata": metadata,
        "spec": {"parentRefs": list(wish.parents), "hostnames": list(wish.hostnames), "rules": rules},
    }


def asked(rules: Iterable[Manifest], matches: Iterable[Match] = ()) -> frozenset[Feature]:
    """Return what a router must know for these rules and matches; weights always."""
    wanted = {Feature.WEIGHTS}.union(*(match.features for match in matches))
    for rule in rules:
        if rule.get("timeouts"):
            wanted.add(Feature.TIMEOUTS)
        if any(one.get("type") == "RequestMirror" for one in rule.get("filters") or ()):
            wanted.add(Feature.MIRROR)
        if rule.get("sessionPersistence"):
            wanted.add(Feature.AFFINITY)
        if any(backend.get("filters") for backend in rule.get("backendRefs") or ()):
            wanted.add(Feature.BACKEND_FILTERS)
        headers = [header for match in rule.get("matches") or () for header in match.get("headers") or ()]
        wanted |= {
            Feature.HEADER_PATTERNS if one.get("type") == "RegularExpression" else Feature.HEADERS for one in headers
        }
    return frozenset(wanted)


def pairs(route: Manifest, services: Mapping[Slot, str]) -> Iterator[tuple[int, dict[Slot, int]]]:
    """Yield (rule, where each slot's backend stands in it) of the rules that have both slots as backends, each once."""
    for index, rule in enumerate((route.get("spec") or {}).get("rules") or ()):
        places: dict[Slot, list[int]] = {slot: [] for slot in SLOTS}
        for place, backend in enumerate(rule.get("backendRefs") or ()):
            for slot in SLOTS:
                if is_backend(route, backend, services[slot]):
                    places[slot].append(place)
        if all(len(found) == 1 for found in places.values()):
            yield index, {slot: found[0] for slot, found in places.items()}


def weights(route: Manifest, services: Mapping[Slot, str]) -> list[Mapping[Slot, int]]:
    """Return what each rule with both slots says, in order; a backend without a weight has 1."""
    rules = (route.get("spec") or {}).get("rules") or ()
    return [
        {slot: int(rules[index]["backendRefs"][place].get("weight", 1)) for slot, place in places.items()}
        for index, places in pairs(route, services)
    ]


def reweigh(route: Manifest, services: Mapping[Slot, str], wanted: Mapping[Slot, int]) -> list[dict[str, Any]]:
    """Return the JSON patch that writes these weights into every rule with both slots, under tests of what was seen.

    Empty where the route says so already, or has no rule with both slots: `pairs` tells the two apart. Whatever else
    stands in a rule takes no part.
    """
    patch: list[dict[str, Any]] = []
    for index, places in pairs(route, services):
        for slot, place in places.items():
            backend = route["spec"]["rules"][index]["backendRefs"][place]
            if backend.get("weight") == wanted[slot]:
                continue
            path = f"/spec/rules/{index}/backendRefs/{place}"
            patch.append({"op": "test", "path": path, "value": backend})
            patch.append({"op": "add", "path": f"{path}/weight", "value": wanted[slot]})
    if not patch:
        return []
    # The places above are those of this object and no other of the same name.
    return [{"op": "test", "path": "/metadata/uid", "value": route["metadata"]["uid"]}, *patch]


def not_accepted(route: Manifest) -> str:
    """Say why the route does not count yet; '' when every parent has accepted and resolved its newest generation."""
    metadata = route["metadata"]
    name = f"HTTPRoute {metadata.get('namespace')}/{metadata['name']}"
    parents = (route.get("spec") or {}).get("parentRefs") or ()
    told = (route.get("status") or {}).get("parents") or ()
    if not parents:
        return f"{name} hangs on no Gateway"
    for parent in parents:
        mine = [one for one in told if _same_parent(one.get("parentRef") or {}, parent, metadata.get("namespace"))]
        if not mine:
            where = parent.get("namespace") or metadata.get("namespace")
            return (
                f"{name}: no controller has looked at it for Gateway {where}/{parent['name']}: "
                "name one of `kubectl get gateways -A` in traffic.parentRefs"
            )
        for one in mine:
            for wanted in ("Accepted", "ResolvedRefs"):
                problem = _unmet(one.get("conditions") or (), wanted, metadata.get("generation"))
                if problem:
                    return f"{name} at Gateway {parent['name']}: {problem}"
    return ""


def refused(route: Manifest) -> str:
    """Say why a parent has refused the route as it is now; '' where none has, or none has looked at it yet."""
    metadata = route["metadata"]
    for parent in (route.get("status") or {}).get("parents") or ():
        for one in parent.get("conditions") or ():
            is_now = one.get("observedGeneration", 0) >= (metadata.get("generation") or 0)
            if one["type"] in ("Accepted", "ResolvedRefs") and one["status"] == "False" and is_now:
                why = f"{one.get('reason')}: {one.get('message') or ''}".rstrip(": ")
                name = (parent.get("parentRef") or {}).get("name")
                return f"HTTPRoute {metadata['name']} at Gateway {name}: not {one['type']}: {why}"
    return ""


def _unmet(conditions: Iterable[Manifest], wanted: str, generation: int | None) -> str:
    found = next((one for one in conditions if one["type"] == wanted), None)
    if found is None:
        return f"{wanted} is not known"
    if found["status"] != "True":
        return f"not {wanted}: {found.get('reason')}: {found.get('message') or ''}".rstrip(": ")
    if generation is not None and found.get("observedGeneration", 0) < generation:
        return f"{wanted} is of an older generation"
    return ""


def _same_parent(one: Manifest, other: Manifest, namespace: str | None) -> bool:
    def key(ref: Manifest) -> tuple[object, ...]:
        # A controller may name the namespace or the defaults that the route leaves out.
        group, kind = ref.get("group", "gateway.networking.k8s.io"), ref.get("kind", "Gateway")
        return group, kind, ref.get("namespace") or namespace, ref["name"], ref.get("sectionName"), ref.get("port")

    return key(one) == key(other)


def is_backend(route: Manifest, backend: Manifest, service: str) -> bool:
    """Whether a backend is this Service of the route's own namespace."""
    if (backend.get("group", ""), backend.get("kind", "Service")) != _SERVICE or backend.get("name") != service:
        return False
    own = route["metadata"].get("namespace")
    return bool((backend.get("namespace") or own) == own)


def _narrowed(rule: Manifest, match: Match) -> list[Manifest]:
    """Every match of the rule, and the headers beside."""
    return [
        {**one, "headers": [*(one.get("headers") or ()), *match.headers]} for one in rule.get("matches") or [ALL_PATHS]
    ]
