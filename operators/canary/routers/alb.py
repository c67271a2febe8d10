"""An Application Load Balancer behind a Gateway (AWS Load Balancer Controller): what its rules and target groups say.

In: the TargetGroupBindings that the controller makes for the slots' Services, and elbv2. Out: percent by slot for
each listener, and that every slot with a weight has healthy targets. ALB weights are integers from 0 to 999; ours are
percent. An HTTPRoute's Accepted comes before the load balancer's rules: only these are what requests meet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from operators.canary.aws import Aws
from operators.canary.metrics import Outage
from operators.canary.metrics import Target as Measured
from operators.canary.metrics.cloudwatch import TargetGroup
from operators.canary.terms import SLOTS, Slot
from operators.kit.errors import PlatformError
from operators.kit.kube import KubeApi

from . import Feature, Observed, Target, Weights
from .elbv2 import Arns, Hung, hung, working
from .gatewayapi import not_accepted, pairs

# Stickiness of two weighted target groups is a setting of each rule: no affinity until it is tried on AWS.
FEATURES = frozenset({Feature.WEIGHTS, Feature.HEADERS, Feature.HOSTS})
HUNG_FOR_S = 60.0
"""For how long it is believed where target groups hang; one that hangs nowhere yet is asked for each time."""


class AlbRouter:
    """ALBs of the AWS Load Balancer Controller."""

    name = "alb"
    features = FEATURES

    def __init__(self, api: KubeApi, aws: Aws, region: str = "") -> None:
        self._api = api
        self._aws = aws
        self._region = region
        self._hung: dict[tuple[str, ...], tuple[float, Hung]] = {}

    async def observed(self, target: Target) -> Observed:
        """As in Router."""
        for route in target.routes:
            problem = not_accepted(route)
            if problem:
                return Observed(problem=problem)
        divides = not target.routes or any(True for route in target.routes for _ in pairs(route, target.services))
        try:
            arns = await self._arns(target.namespace, target.services, target.port)
            listeners = (await self._where(arns)).listeners
            seen = await self._aws.call("elbv2", self._region, lambda client: working(client, listeners, arns))
        except (Outage, PlatformError) as error:
            return Observed(problem=str(error)) if divides else Observed({"listeners": (dict.fromkeys(SLOTS, 0),)})
        if not divides:
            left = bool(seen.listeners)
            return Observed({"listeners": (dict.fromkeys(SLOTS, 0),)}, "a listener still leads to the slots" * left)
        if not seen.listeners:
            self._hung.pop(tuple(arns.values()), None)  # they may hang somewhere else by now
            return Observed(problem="no listener's rule divides requests between the slots' target groups")
        found = {one.arn: _divided(one.rules, target.matches) for one in seen.listeners}
        served = [slot for slot in SLOTS if any(w[slot] for rules in found.values() for w in rules)]
        problems = [f"slot {slot}: {seen.unhealthy[slot]}" for slot in served if slot in seen.unhealthy]
        return Observed(found, "; ".join(problems))

    async def groups(self, target: Measured) -> Mapping[Slot, TargetGroup]:
        """Return the slots' target groups, for what CloudWatch counts of them; raises Outage."""
        arns = await self._arns(target.namespace, target.services, target.port)
        balancers = (await self._where(arns)).balancers
        return {slot: TargetGroup(arn, balancers[slot]) for slot, arn in arns.items()}

    async def _where(self, arns: Arns) -> Hung:
        key, now = tuple(arns.values()), asyncio.get_running_loop().time()
        self._hung = {kept: one for kept, one in self._hung.items() if now - one[0] < HUNG_FOR_S}
        if key not in self._hung:
            self._hung[key] = now, await self._aws.call("elbv2", self._region, lambda client: hung(client, arns))
        return self._hung[key][1]

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


def _divided(rules: tuple[Weights, ...], matches: int) -> tuple[Weights, ...]:
    """Leave out the rules for matched requests, which give all to one slot; the last rule divides in any case."""
    return (tuple(one for one in rules if 100 not in one.values()) or rules[-1:]) if matches else rules
