"""An Application Load Balancer behind a Gateway (AWS Load Balancer Controller): what its rules and target groups say.

In: the TargetGroupBindings that the controller makes for the slots' Services, and elbv2. Out: percent by slot for
each listener, and that every slot with a weight has healthy targets. ALB weights are integers from 0 to 999; ours are
percent. An HTTPRoute's Accepted comes before the load balancer's rules: only these are what requests meet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from operators.canary.aws import Aws
from operators.canary.metrics import Outage
from operators.canary.metrics import Target as Measured
from operators.canary.metrics.cloudwatch import TargetGroup
from operators.canary.terms import SLOTS, Slot
from operators.kit.errors import PlatformError
from operators.kit.kube import KubeApi

from . import Feature, Observed, Target, Weights, percent
from .gatewayapi import not_accepted, pairs

# Stickiness of two weighted target groups is a setting of each rule: no affinity until it is tried on AWS.
FEATURES = frozenset({Feature.WEIGHTS, Feature.HEADERS, Feature.HOSTS})
Arns = Mapping[Slot, str]


@dataclass(frozen=True, slots=True)
class Listener:
    """What one listener does with the requests of the slots, rule by rule."""

    arn: str
    rules: tuple[Weights, ...]


@dataclass(frozen=True, slots=True)
class _Seen:
    listeners: tuple[Listener, ...]
    load_balancers: Mapping[Slot, str]
    unhealthy: Mapping[Slot, str]


class AlbRouter:
    """ALBs of the AWS Load Balancer Controller."""

    name = "alb"
    features = FEATURES

    def __init__(self, api: KubeApi, aws: Aws, region: str = "") -> None:
        self._api = api
        self._aws = aws
        self._region = region

    async def observed(self, target: Target) -> Observed:
        """As in Router."""
        for route in target.routes:
            problem = not_accepted(route)
            if problem:
                return Observed(problem=problem)
        divides = not target.routes or any(True for route in target.routes for _ in pairs(route, target.services))
        try:
            arns = await self._arns(target.namespace, target.services, target.port)
            seen = await self._aws.call("elbv2", self._region, lambda client: look(client, arns))
        except (Outage, PlatformError) as error:
            return Observed(problem=str(error)) if divides else Observed({"listeners": (dict.fromkeys(SLOTS, 0),)})
        if not divides:
            left = bool(seen.listeners)
            return Observed({"listeners": (dict.fromkeys(SLOTS, 0),)}, "a listener still leads to the slots" * left)
        if not seen.listeners:
            return Observed(problem="no listener's rule divides requests between the slots' target groups")
        found = {one.arn: _divided(one.rules, target.matches) for one in seen.listeners}
        served = [slot for slot in SLOTS if any(w[slot] for rules in found.values() for w in rules)]
        problems = [f"slot {slot}: {seen.unhealthy[slot]}" for slot in served if slot in seen.unhealthy]
        return Observed(found, "; ".join(problems))

    async def groups(self, target: Measured) -> Mapping[Slot, TargetGroup]:
        """Return the slots' target groups, for what CloudWatch counts of them; raises Outage."""
        arns = await self._arns(target.namespace, target.services, target.port)
        seen = await self._aws.call("elbv2", self._region, lambda client: look(client, arns))
        return {slot: TargetGroup(arn, seen.load_balancers[slot]) for slot, arn in arns.items()}

    async def _arns(self, namespace: str, services: Mapping[Slot, str], port: int) -> Arns:
        bindings = (await self._api.list("elbv2.k8s.aws", "v1beta1", "TargetGroupBinding", namespace=namespace)).items
        found: dict[Slot, str] = {}
        for slot in SLOTS:
            mine = {
                str(one["spec"]["targetGroupARN"])
                for one in bindings
                if one["spec"].get("targetGroupARN")
                and one["spec"]["serviceRef"]["name"] == services[slot]
                and str(one["spec"]["serviceRef"]["port"]) == str(port)
            }
            if len(mine) != 1:
                raise Outage(f"Service {services[slot]} port {port} has {len(mine)} target groups, not one")
            found[slot] = mine.pop()
        return found


def look(client: Any, arns: Arns) -> _Seen:
    """Read rules and health of the slots' target groups. Blocking; raises Outage where they are behind no balancer."""
    described = client.describe_target_groups(TargetGroupArns=list(arns.values()))["TargetGroups"]
    balancers = {one["TargetGroupArn"]: one.get("LoadBalancerArns") or [] for one in described}
    for slot, arn in arns.items():
        if not balancers.get(arn):
            raise Outage(f"the target group of slot {slot} hangs on no load balancer yet")
    listeners = []
    for balancer in sorted({one for arn in arns.values() for one in balancers[arn]}):
        pages = client.get_paginator("describe_listeners").paginate(LoadBalancerArn=balancer)
        for listener in (one["ListenerArn"] for page in pages for one in page["Listeners"]):
            rules = _rules(client, listener, arns)
            if rules:
                listeners.append(Listener(listener, rules))
    return _Seen(
        tuple(listeners),
        {slot: balancers[arn][0] for slot, arn in arns.items()},
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


def _divided(rules: tuple[Weights, ...], matches: int) -> tuple[Weights, ...]:
    """Leave out the rules for matched requests, which give all to one slot; the last rule divides in any case."""
    return (tuple(one for one in rules if 100 not in one.values()) or rules[-1:]) if matches else rules
