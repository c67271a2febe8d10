"""Blocking reads of elbv2: where the slots' target groups hang, and what the rules do with them now.

Where they hang hardly ever changes, so that it is kept for a while: elbv2 allows an account few calls a second, and
every Canary in mid-release looks once or twice a second. Weights and health are read anew each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from operators.canary.metrics import Outage
from operators.canary.terms import SLOTS, Slot

from . import Weights, percent

Arns = Mapping[Slot, str]


@dataclass(frozen=True, slots=True)
class Hung:
    """Where the target groups hang."""

    balancers: Mapping[Slot, str]
    listeners: tuple[str, ...]
    """Of all their load balancers."""


@dataclass(frozen=True, slots=True)
class Listener:
    """What one listener does with the requests of the slots, rule by rule."""

    arn: str
    rules: tuple[Weights, ...]


@dataclass(frozen=True, slots=True)
class Working:
    """What requests meet."""

    listeners: tuple[Listener, ...]
    unhealthy: Mapping[Slot, str]


def hung(client: Any, arns: Arns) -> Hung:
    """Find the slots' load balancers and listeners; raises Outage where a target group is behind none."""
    described = client.describe_target_groups(TargetGroupArns=list(arns.values()))["TargetGroups"]
    balancers = {one["TargetGroupArn"]: one.get("LoadBalancerArns") or [] for one in described}
    for slot, arn in arns.items():
        if not balancers.get(arn):
            raise Outage(f"the target group of slot {slot} hangs on no load balancer yet")
    listeners: list[str] = []
    for balancer in sorted({one for arn in arns.values() for one in balancers[arn]}):
        pages = client.get_paginator("describe_listeners").paginate(LoadBalancerArn=balancer)
        listeners += [one["ListenerArn"] for page in pages for one in page["Listeners"]]
    return Hung({slot: balancers[arn][0] for slot, arn in arns.items()}, tuple(listeners))


def working(client: Any, listeners: tuple[str, ...], arns: Arns) -> Working:
    """Read the rules and the health of the slots' target groups."""
    found = (Listener(one, _rules(client, one, arns)) for one in listeners)
    return Working(
        tuple(one for one in found if one.rules),
        {slot: said for slot, arn in arns.items() if (said := _unhealthy(client, arn))},
    )


def _rules(client: Any, listener: str, arns: Arns) -> tuple[Weights, ...]:
    """Return percent by slot of each rule that forwards to both; a group without a weight has 1."""
    slots = {arn: slot for slot, arn in arns.items()}
    found: list[Weights] = []
    for page in client.get_paginator("describe_rules").paginate(ListenerArn=listener):
        for action in (action for rule in page["Rules"] for action in rule["Actions"]):
            groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or ()
            weights = {
                slots[one["TargetGroupArn"]]: int(one.get("Weight", 1))
                for one in groups
                if one["TargetGroupArn"] in slots
            }
            if weights.keys() == set(SLOTS):
                found.append(percent(weights))
    return tuple(found)


def _unhealthy(client: Any, arn: str) -> str:
    """Say why no target of the group takes requests; '' where one does."""
    targets = client.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    states = [str(one["TargetHealth"]["State"]) for one in targets]
    if "healthy" in states:
        return ""
    return f"none of {len(states)} targets is healthy ({', '.join(sorted(set(states)))})" if states else "no targets"
