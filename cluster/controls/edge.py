"""Controls 55 to 59: the load balancer, CloudFront and the firewalls before them.

A load balancer that a controller makes is read twice: from the manifest that asks for it, and from what is declared to
come of it. Whichever is wrong is named.
"""

from __future__ import annotations

from collections.abc import Iterator

from cluster.controls.facts import Facts
from cluster.controls.model import Gap, Gaps, control, must
from cluster.graph.model import Resource

BALANCERS = ("lb/loadBalancer:LoadBalancer", "alb/loadBalancer:LoadBalancer")
LISTENERS = ("lb/listener:Listener", "alb/listener:Listener")
SETTINGS = "kubernetes:gateway.k8s.aws/v1beta1:LoadBalancerConfiguration"
TLS_POLICIES = frozenset(
    {
        "ELBSecurityPolicy-TLS13-1-2-2021-06",
        "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
        "ELBSecurityPolicy-TLS13-1-2-Res-FIPS-2023-04",
        "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
        "ELBSecurityPolicy-TLS13-1-3-2021-06",
        "ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04",
        "ELBSecurityPolicy-TLS13-1-3-PQ-2025-09",
    }
)
"""TLS 1.2 with forward secrecy at least (ELB.17)."""
MITIGATIONS = ("defensive", "strictest")


@control("https-redirect-and-tls-policy", remedy="redirect HTTP to HTTPS, and set a TLS policy of `TLS_POLICIES`")
def clear_text_is_redirected(facts: Facts) -> Gaps:
    """Look for listeners that serve clear text, and for TLS policies that are too old."""
    for listener in facts.of(*LISTENERS):
        protocol = listener.get("protocol")
        if protocol == "HTTP" and {one.get("type") for one in listener.get("defaultActions") or ()} != {"redirect"}:
            yield Gap(listener.key, "defaultActions", "answers in clear text")
        if protocol == "HTTPS":
            yield from _recommended(listener, "sslPolicy")
    for settings in facts.of(SETTINGS):
        for at, row in enumerate(settings.get("spec.listenerConfigurations") or ()):
            if str(row.get("protocolPort")).startswith("HTTPS"):
                yield from _recommended(settings, f"spec.listenerConfigurations.{at}.sslPolicy")


def _recommended(resource: Resource, path: str) -> Iterator[Gap]:
    policy = resource.get(path)
    if policy not in TLS_POLICIES:
        yield Gap(resource.key, path, f"is {policy or 'not set'}, which is not recommended")


def _attributes(settings: Resource) -> dict[str, str]:
    rows = settings.get("spec.loadBalancerAttributes") or ()
    return {str(one.get("key")): str(one.get("value")) for one in rows}


def _attribute(settings: Resource, key: str, *wanted: str) -> Iterator[Gap]:
    value = _attributes(settings).get(key)
    if value not in wanted:
        yield Gap(
            settings.key, "spec.loadBalancerAttributes", f"{key} is {value or 'not set'}, not {' or '.join(wanted)}"
        )


@control("alb-header-hardening", remedy="drop invalid header fields, and mitigate desync attacks defensively")
def requests_are_unambiguous(facts: Facts) -> Gaps:
    """Look for load balancers through which a request could be smuggled."""
    for balancer in facts.of(*BALANCERS):
        yield from must(balancer, "dropInvalidHeaderFields", True, default=False)
        yield from must(balancer, "desyncMitigationMode", *MITIGATIONS, default="defensive")
    for settings in facts.of(SETTINGS):
        yield from _attribute(settings, "routing.http.drop_invalid_header_fields.enabled", "true")
        yield from _attribute(settings, "routing.http.desync_mitigation_mode", *MITIGATIONS)


@control(
    "alb-logs-and-deletion-protection",
    remedy="set access_logs.s3 and deletion_protection in the load balancer's attributes",
)
def balancers_are_logged(facts: Facts) -> Gaps:
    """Look for load balancers that keep no log of requests, or that one call deletes."""
    for balancer in facts.of(*BALANCERS):
        yield from must(balancer, "accessLogs.enabled", True, default=False)
        yield from must(balancer, "enableDeletionProtection", True, default=False)
        if not facts.refers(balancer.get("accessLogs.bucket"), "s3/bucket:Bucket"):
            yield Gap(balancer.key, "accessLogs.bucket", "is no bucket of this program")
    for settings in facts.of(SETTINGS):
        yield from _attribute(settings, "access_logs.s3.enabled", "true")
        yield from _attribute(settings, "deletion_protection.enabled", "true")


@control("waf-attached", remedy="set edge.firewall")
def firewalls_are_attached(facts: Facts) -> Gaps:
    """Look for entrances without a web ACL."""
    acl = "wafv2/webAcl:WebAcl"
    for balancer in facts.of(*BALANCERS):
        found = facts.attached(balancer, "wafv2/webAclAssociation:WebAclAssociation", "resourceArn")
        if not any(facts.refers(one.get("webAclArn"), acl) for one in found):
            yield Gap(balancer.key, "", "has no web ACL")
    for settings in facts.of(SETTINGS):
        if not facts.refers(settings.get("spec.wafV2.webACL"), acl):
            yield Gap(settings.key, "spec.wafV2.webACL", "is no web ACL of this program")
    for distribution in facts.of("cloudfront/distribution:Distribution"):
        if not facts.refers(distribution.get("webAclId"), acl):
            yield Gap(distribution.key, "webAclId", "is no web ACL of this program")


@control("waf-rules-metrics-logs", remedy="give the web ACL rules, metrics for each, and a logging configuration")
def firewalls_work(facts: Facts) -> Gaps:
    """Look for web ACLs that let everything through, or do so in silence."""
    for acl in facts.of("wafv2/webAcl:WebAcl"):
        rules = acl.get("rules") or ()
        if not rules and not facts.attached(acl, "wafv2/webAclRule:WebAclRule", "webAclArn"):
            yield Gap(acl.key, "rules", "has no rule")
        for at, _ in enumerate(rules):
            yield from must(acl, f"rules.{at}.visibilityConfig.cloudwatchMetricsEnabled", True, default=False)
        logging = "wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
        if not facts.attached(acl, logging, "resourceArn"):
            yield Gap(acl.key, "", "writes no log")
