"""What an HTTPRoute that was there before says beyond its Canary, which would be lost by writing it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from operators.kit.kube import Manifest

from .models import Canary
from .routers.gatewayapi import ALL_PATHS, is_backend
from .routes import EVERYTHING
from .subset import covers

_GATEWAY = {"group": "gateway.networking.k8s.io", "kind": "Gateway"}


def lost(canary: Canary, route: Manifest) -> str:
    """Name what the Canary does not ask for and the route has; '' where nothing would be lost."""
    return "; ".join((*_hosts(canary, route), *_parents(canary, route), *_rules(canary, route)))


def _hosts(canary: Canary, route: Manifest) -> Iterator[str]:
    missing = set(route["spec"].get("hostnames") or ()) - set(canary.spec.traffic.hostnames)
    if missing:
        yield f"traffic.hostnames lacks {', '.join(sorted(missing))}"


def _parents(canary: Canary, route: Manifest) -> Iterator[str]:
    namespace = canary.namespace
    asked = {_parent(one.model_dump(by_alias=True), namespace) for one in canary.spec.traffic.parent_refs}
    for one in route["spec"].get("parentRefs") or ():
        if _parent(one, namespace) not in asked:
            yield f"traffic.parentRefs lacks {one.get('kind', 'Gateway')} {one['name']}"


def _parent(ref: dict[str, Any], namespace: str) -> tuple[object, ...]:
    said = {key: value for key, value in ref.items() if value}
    full = {**_GATEWAY, "namespace": namespace, **said}
    return tuple(full.get(key) for key in ("group", "kind", "namespace", "name", "sectionName", "port"))


def _rules(canary: Canary, route: Manifest) -> Iterator[str]:
    there = route["spec"].get("rules") or ()
    asked = canary.spec.traffic.rules or EVERYTHING
    for number, rule in enumerate(there):
        others = sorted({ref["name"] for ref in _others(canary, route, rule)})
        if others:
            yield f"rule {number} leads to {', '.join(others)}"
        elif not any(_is_same(rule, one) for one in asked):
            yield f"traffic.rules has nothing like rule {number}"


def _others(canary: Canary, route: Manifest, rule: Manifest) -> Iterable[Manifest]:
    return (ref for ref in rule.get("backendRefs") or () if not is_backend(route, ref, canary.name))


def _is_same(rule: Manifest, asked: Manifest) -> bool:
    """Whether both match and do the same; backends are left out, and what a server fills in does not count."""
    plain, wanted = ({key: value for key, value in one.items() if key != "backendRefs"} for one in (rule, asked))
    plain.setdefault("matches", [ALL_PATHS])
    wanted = {"matches": [ALL_PATHS], **wanted}
    return plain.keys() == wanted.keys() and covers(plain, wanted)
