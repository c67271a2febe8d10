"""Whether requests find their way in, and are let do what they are for."""

from __future__ import annotations

from cluster.controls.facts import Facts
from cluster.controls.network_facts import WORLD_4
from cluster.controls.policies import statements
from cluster.graph.model import Resource
from cluster.reports.sound.model import Fault, Faults

GATEWAYS = "kubernetes:gateway.networking.k8s.io/v1"
COMMON, BODIES = "AWSManagedRulesCommonRuleSet", "SizeRestrictions_BODY"
CONTROLLER = "load-balancer-controller"
HTTPS = 443
BALANCING = "elasticloadbalancing.amazonaws.com"
CALLS = (
    "elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:DescribeListenerAttributes",
    "elasticloadbalancing:ModifyListenerAttributes", "elasticloadbalancing:DescribeCapacityReservation",
    "elasticloadbalancing:SetRulePriorities", "elasticloadbalancing:CreateRule", "ec2:DescribeRouteTables",
    "ec2:GetSecurityGroupsForVpc",
)  # fmt: skip
"""What the controller calls while it makes a load balancer; refused once, it makes none."""


def bodies(facts: Facts) -> Faults:
    """The common set of rules does not block what is larger than 8 KB."""
    for one in facts.of("wafv2/webAcl:WebAcl"):
        for rule in one.get("rules") or ():
            group = rule.get("statement", {}).get("managedRuleGroupStatement") or {}
            overridden = {each.get("name") for each in group.get("ruleActionOverrides") or ()}
            if group.get("name") == COMMON and BODIES not in overridden:
                yield Fault(one.key, "refuses every request of more than 8 KB")


def wired(facts: Facts) -> Faults:
    """A route has its gateway, a gateway its class and its settings."""
    classes = {one.get("metadata.name") for one in facts.of(f"{GATEWAYS}:GatewayClass")}
    gateways = {_place(one) for one in facts.of(f"{GATEWAYS}:Gateway")}
    settings = {_place(one) for one in facts.of("kubernetes:gateway.k8s.aws/v1beta1:LoadBalancerConfiguration")}
    for one in facts.of(f"{GATEWAYS}:Gateway"):
        if one.get("spec.gatewayClassName") not in classes:
            yield Fault(one.key, f"is nobody's: there is no class {one.get('spec.gatewayClassName')}")
        named = (one.get("metadata.namespace"), one.get("spec.infrastructure.parametersRef.name"))
        if named[1] and named not in settings:
            yield Fault(one.key, f"has no settings: there is no {named[1]}")
    for one in facts.of(f"{GATEWAYS}:HTTPRoute"):
        for parent in one.get("spec.parentRefs") or ():
            if (parent.get("namespace", one.get("metadata.namespace")), parent.get("name")) not in gateways:
                yield Fault(one.key, f"is bound to nothing: there is no gateway {parent.get('name')}")


def controller(facts: Facts) -> Faults:
    """Who makes load balancers may, also the first one of an account."""
    role = facts.graph.get(f"iam.Role/{CONTROLLER}")
    if role is None:
        return
    granted = [
        one for each in facts.attached(role, "iam/rolePolicy:RolePolicy", "role") for one in statements(each, "policy")
    ]
    for call in CALLS:
        if not any(one.allows and one.covers(call) for one in granted):
            yield Fault(role.key, f"makes no load balancer: it may not {call}")
    linked = {one.get("awsServiceName") for one in facts.of("iam/serviceLinkedRole:ServiceLinkedRole")}
    if BALANCING not in linked and not facts.graph.environment.endswith("-recovered"):
        yield Fault(role.key, f"makes no first load balancer: the account has no role of {BALANCING}")


def tokens(facts: Facts) -> Faults:
    """Who verifies tokens can ask for the keys by which they are signed."""
    verifies = any(
        action.get("type") == "jwt-validation"
        for rule in facts.of("lb/listenerRule:ListenerRule")
        for action in rule.get("actions") or ()
    )
    ways = [
        rule
        for rule in facts.of("vpc/securityGroupEgressRule:SecurityGroupEgressRule")
        if rule.get("cidrIpv4") == WORLD_4 and int(rule.get("fromPort") or 0) <= HTTPS <= int(rule.get("toPort") or 0)
    ]
    out = {group.key for rule in ways for group in facts.graph.targets(rule.get("securityGroupId"))}
    for one in facts.of("lb/loadBalancer:LoadBalancer") if verifies else ():
        if not out & {group.key for group in facts.graph.targets(one.get("securityGroups") or [])}:
            yield Fault(one.key, "refuses everybody: it may not ask the issuer for the keys of tokens")


def _place(one: Resource) -> tuple[str, str]:
    return one.get("metadata.namespace"), one.get("metadata.name")


CHECKS = (bodies, wired, controller, tokens)
