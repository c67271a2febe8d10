"""What breaks the load balancer, CloudFront and the firewalls."""

from __future__ import annotations

from tests.support.mutations.case import add, alter, fails, lose

BALANCER = "lb.LoadBalancer/web"
SETTINGS = "kubernetes.LoadBalancerConfiguration/automatrix-gateway.entrance"

EDGE = (
    fails(
        "https-redirect-and-tls-policy",
        "an old policy",
        alter("lb.Listener/web-https", "sslPolicy", "ELBSecurityPolicy-2016-08"),
    ),
    fails(
        "https-redirect-and-tls-policy",
        "the same in the manifest",
        alter(SETTINGS, "spec.listenerConfigurations.0.sslPolicy", "ELBSecurityPolicy-2016-08"),
    ),
    fails(
        "https-redirect-and-tls-policy",
        "answers in clear text",
        add("aws:lb/listener:Listener", "http", protocol="HTTP", port=80, defaultActions=[{"type": "forward"}]),
    ),
    fails("alb-header-hardening", "fields that are not valid", alter(BALANCER, "dropInvalidHeaderFields", False)),
    fails(
        "alb-header-hardening",
        "requests of two meanings",
        alter(SETTINGS, "spec.loadBalancerAttributes.1.value", "monitor"),
    ),
    fails("alb-logs-and-deletion-protection", "no log", alter(BALANCER, "accessLogs.enabled", False)),
    fails(
        "alb-logs-and-deletion-protection", "deleted by one call", alter(BALANCER, "enableDeletionProtection", False)
    ),
    fails("waf-attached", "CloudFront without a firewall", alter("cloudfront.Distribution/main", "webAclId", None)),
    fails("waf-attached", "the load balancer without one", lose("wafv2.WebAclAssociation/web")),
    fails("waf-attached", "a manifest that names none", alter(SETTINGS, "spec.wafV2", None)),
    fails("waf-rules-metrics-logs", "no rules", alter("wafv2.WebAcl/balancer", "rules", [])),
    fails(
        "waf-rules-metrics-logs",
        "a silent rule",
        alter("wafv2.WebAcl/cdn", "rules.0.visibilityConfig.cloudwatchMetricsEnabled", False),
    ),
    fails("waf-rules-metrics-logs", "no log", lose("wafv2.WebAclLoggingConfiguration/cdn")),
)
