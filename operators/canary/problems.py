"""What keeps a Canary from starting anything, each with its remedy. Pure.

What runs already goes on: a problem stops adoption and new releases, never a way back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from operators.kit.kube import Manifest

from . import foreign, shifting
from .builders import ports_of
from .inherited import lost
from .measured import unreadable
from .names import is_ours, preview_ref, slot_name
from .routers import Feature, refusal
from .routers.gatewayapi import is_backend, refused
from .routes import asked
from .seen import replicas_of
from .situation import Situation
from .terms import SLOTS


@dataclass(frozen=True)
class Problem:
    """Something that somebody has to mend."""

    reason: str
    message: str
    blocks: bool = True
    """Whether nothing new is begun meanwhile."""


def problems(at: Situation) -> tuple[Problem, ...]:
    """Return all problems, the gravest first."""
    return (*_target(at), *_traffic(at), *_routes(at), *_names(at), *_healed(at))


def _target(at: Situation) -> Iterator[Problem]:
    name, own = at.spec.target_ref.name, at.canary.name
    if at.seen.around.older_rivals:
        yield Problem(
            "TargetShared",
            f"Canary {at.seen.around.older_rivals[0]} is older and has Deployment {name}: delete this one, or that one",
        )
    if at.seen.template is None:
        yield Problem("TargetNotFound", f"Deployment {name} does not exist: create it, or delete this Canary")
    if at.seen.around.autoscalers:
        yield Problem(
            "TargetScaled",
            f"HorizontalPodAutoscaler {at.seen.around.autoscalers[0]} scales Deployment {name}, "
            "whose pods this Canary divides: point its scaleTargetRef at "
            f"apiVersion automatrix.dev/v1alpha1, kind Canary, name {own}",
        )
    if at.seen.missing:
        yield Problem(
            "ConfigNotFound",
            f"the pods refer to what does not exist: {', '.join(at.seen.missing)}; "
            "create it, or mark the reference optional",
        )


def _traffic(at: Situation) -> Iterator[Problem]:
    refused = refusal(at.spec.traffic.router, at.seen.features, asked(at.canary))
    if refused:
        yield Problem("RouterCannot", refused)
    if at.spec.traffic.routes and asked(at.canary) - {Feature.WEIGHTS}:
        yield Problem(
            "RouteNotOwn",
            "previews, A/B, mirroring and affinity need rules of their own: name traffic.parentRefs in place of routes",
        )
    if why := unreadable(at.spec):
        yield Problem("MetricUnreadable", why)
    if not ports_of(at.canary, at.seen.apex):
        yield Problem("NoPorts", f"there is no Service {at.canary.name} to take the ports from: set spec.service.ports")


def _routes(at: Situation) -> Iterator[Problem]:
    for route in at.spec.traffic.routes:
        live = at.seen.routes.get(route.name)
        if live is None:
            yield Problem(
                "RouteNotFound", f"HTTPRoute {route.name} does not exist: create it, or take it out of routes"
            )
        elif not _leads_here(at, live):
            name = at.canary.name
            yield Problem("RouteElsewhere", f"HTTPRoute {route.name} has no backend {name}: name Service {name} in it")
        elif why := foreign.shared(at.canary, live):
            yield Problem("RouteElsewhere", f"HTTPRoute {route.name}, {why}")
    yield from _inherited(at)
    if at.status.phase != "Adopting" or at.apex_serves(at.stable_slot):
        for live in at.seen.routes.values():
            if live is not None and at.status.stable is not None and (why := refused(live)):
                yield Problem("RouteNotAccepted", why, blocks=False)
    since = at.status.phase_since
    if since is not None and at.now - since >= at.spec.traffic.confirm_timeout and (why := at.unconfirmed):
        yield Problem("TrafficNotConfirmed", f"{at.status.doing}; unconfirmed: {why}", blocks=False)


def _inherited(at: Situation) -> Iterator[Problem]:
    """A route of the Canary's name that is taken over must lose nothing by it."""
    live = at.seen.routes.get(at.canary.name)
    if at.spec.traffic.routes or live is None or is_ours(at.canary, live) or at.status.phase != "Adopting":
        return
    if what := lost(at.canary, live):
        yield Problem(
            "RouteDiffers",
            f"HTTPRoute {at.canary.name} would lose what this Canary does not ask for: {what}; "
            "add it, or keep the route and name it in traffic.routes in place of parentRefs",
        )


def _leads_here(at: Situation, route: Manifest) -> bool:
    wanted = (at.canary.name, slot_name(at.canary, "a"))
    rules = (route.get("spec") or {}).get("rules") or ()
    refs = [ref for rule in rules for ref in rule.get("backendRefs") or ()]
    return any(is_backend(route, ref, name) for ref in refs for name in wanted)


def _names(at: Situation) -> Iterator[Problem]:
    for slot in SLOTS:
        seen = at.seen.slot(slot)
        for kind, live in (("Deployment", seen.deployment), ("Service", seen.service)):
            if live is not None and not is_ours(at.canary, live):
                name = slot_name(at.canary, slot)
                yield Problem("NameTaken", f"{kind} {name} is somebody else's: rename it, or this Canary")

    preview, ref = at.seen.preview, preview_ref(at.canary)
    if at.preview_hostnames and preview is not None and not is_ours(at.canary, preview):
        yield Problem("NameTaken", f"HTTPRoute {ref.name} is somebody else's: rename it, or this Canary")


def _healed(at: Situation) -> Iterator[Problem]:
    """Somebody writes back what the operator has changed: GitOps with the field in its manifests."""
    emptied = at.status.template.scaled_down_at
    if at.status.phase not in ("Adopting", "GivingBack") and emptied is not None and replicas_of(at.seen.template) > 0:
        name = at.spec.target_ref.name
        yield Problem(
            "ReplicasInGit",
            f"Deployment {name} was given pods again: leave spec.replicas out of its manifest, or add to the "
            f"Application's ignoreDifferences: {{group: apps, kind: Deployment, name: {name}, "
            "jsonPointers: [/spec/replicas]} with the sync option RespectIgnoreDifferences=true",
            blocks=False,
        )
    if at.spec.traffic.routes and (shifting.is_healed_back(at) or shifting.is_resting(at)):
        names = ", ".join(route.name for route in at.spec.traffic.routes)
        yield Problem(
            "RouteHealedBack",
            f"somebody wrote the weights of {names} back: add to the Application's ignoreDifferences: "
            "{group: gateway.networking.k8s.io, kind: HTTPRoute, jqPathExpressions: ['.spec.rules[].backendRefs']} "
            "with the sync option RespectIgnoreDifferences=true",
            blocks=False,
        )
