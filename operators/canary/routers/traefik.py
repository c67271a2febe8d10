"""Traefik 3.6: what it does with HTTPRoutes (tried on the real program), and the weights each of its pods works with.

In: the pods' configuration (`/api/http/services`). Out: percent by slot and pod. Traefik takes a route with
RequestMirror, timeouts or filters of a backend, says Accepted, and then answers 500 (the first) or leaves them out:
hence `FEATURES`.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from operators.canary.metrics import Outage
from operators.canary.metrics.gateways import Gateways, Replica
from operators.canary.terms import SLOTS, Slot
from operators.kit.errors import PlatformError
from operators.kit.kube import Manifest

from . import Feature, Observed, Target, Weights, divided, percent
from .gatewayapi import not_accepted, pairs, weights

FEATURES = frozenset({Feature.WEIGHTS, Feature.HEADERS, Feature.HEADER_PATTERNS, Feature.COOKIES, Feature.HOSTS})
PAGE = "100"
MAX_PAGES = 50


class TraefikRouter:
    """Traefik behind a Gateway."""

    name = "traefik"
    features = FEATURES

    def __init__(self, gateways: Gateways) -> None:
        self._gateways = gateways

    async def observed(self, target: Target) -> Observed:
        """As in Router; the route's own status comes first: what Traefik refuses, it goes on serving as before."""
        for route in target.routes:
            problem = not_accepted(route)
            if problem:
                return Observed(problem=problem)
        try:
            replicas = await self._gateways.replicas()
            answers = await asyncio.gather(*(self._of(one, target) for one in replicas), return_exceptions=True)
        except (Outage, PlatformError) as error:
            return Observed(problem=str(error))
        found: dict[str, tuple[Weights, ...]] = {}
        problems: list[str] = []
        for replica, answer in zip(replicas, answers, strict=True):
            if not isinstance(answer, BaseException):
                found[replica.name] = answer
            elif not isinstance(answer, Outage):
                raise answer
            elif replica.serving:  # one that goes or comes need not answer; it is not asked to serve either
                problems.append(f"{replica.name}: {answer}")
        if not found and not problems:
            problems.append("no pod of the gateway is ready")
        return Observed(found, "; ".join(problems))

    async def _of(self, replica: Replica, target: Target) -> tuple[Weights, ...]:
        """Return what one pod does in each rule that divides; raises Outage where it lacks a rule."""
        found: list[Weights] = []
        for route in target.routes:
            services = await self._services(replica, _prefix(target.namespace, route))
            known = dict(_rules(services, target, route))
            wanted = [index for index, _ in pairs(route, target.services)]
            if not wanted:
                found.append(_nothing(services, target, route))
                continue
            if set(wanted) - known.keys():
                raise Outage(f"it has not taken up HTTPRoute {route['metadata']['name']}")
            working = [known[index] for index in wanted]
            written = [percent(one) for one in weights(route, target.services)]
            if _matched(working, target.matches) != _matched(written, target.matches):
                raise Outage(f"it works with older matches of HTTPRoute {route['metadata']['name']}")
            found += divided(working, target.matches)
        return tuple(found)

    async def _services(self, replica: Replica, search: str) -> list[Manifest]:
        found: list[Manifest] = []
        for page in range(1, MAX_PAGES + 1):
            query = {"search": search, "per_page": PAGE, "page": str(page)}
            try:
                answer = json.loads(await self._gateways.get(replica, "/api/http/services", query))
            except ValueError:
                raise Outage("its answer is no JSON") from None
            found += answer
            if len(answer) < int(PAGE):
                break
        return found


def _nothing(services: list[Manifest], target: Target, route: Manifest) -> Weights:
    """Nothing for both slots, where a route has left them; raises Outage while the pod does not know that yet."""
    slots = {f"{target.namespace}-{service}-http-{target.port}" for service in target.services.values()}
    own = (one for one in services if str(one.get("name")).startswith(_prefix(target.namespace, route)))
    if any(str(child.get("name")).partition("@")[0] in slots for one in own for child in _children(one)):
        raise Outage(f"it still works with an older HTTPRoute {route['metadata']['name']}")
    return dict.fromkeys(SLOTS, 0)


def _matched(rules: Sequence[Weights], matches: int) -> list[Weights]:
    return [one for index, one in enumerate(rules) if index % (matches + 1) != matches]


def _prefix(namespace: str, route: Manifest) -> str:
    return f"httproute-{namespace}-{route['metadata']['name']}-gw-"


def _rules(services: list[Manifest], target: Target, route: Manifest) -> Iterator[tuple[int, Weights]]:
    """Yield (rule of the route, percent by slot); Traefik numbers the rules in its services' names.

    A route on several listeners has several services a rule: raises Outage while they differ.
    """
    name = re.compile(rf"^{re.escape(_prefix(target.namespace, route))}.+-(\d+)-[0-9a-f]{{8,}}-wrr(@|$)")
    children = {f"{target.namespace}-{target.services[slot]}-http-{target.port}": slot for slot in SLOTS}
    seen: dict[int, Weights] = {}
    for service in services:
        found = name.match(str(service.get("name")))
        if not found:
            continue
        found_weights: dict[Slot, int] = {}
        for child in _children(service):
            slot = children.get(str(child.get("name")).partition("@")[0])
            if slot is not None:
                found_weights[slot] = int(child.get("weight", 1))
        if found_weights.keys() != set(SLOTS):
            continue
        index, shares = int(found[1]), percent(found_weights)
        if seen.setdefault(index, shares) != shares:
            raise Outage(f"its listeners differ about rule {index}")
    yield from seen.items()


def _children(service: Manifest) -> list[dict[str, Any]]:
    return list((service.get("weighted") or {}).get("services") or ())
