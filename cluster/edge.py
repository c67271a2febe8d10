"""What faces the internet: name, certificates, CloudFront with its firewall, and the way to the load balancer.

Static files come from a bucket that only CloudFront reads; `/api/*` goes on to the load balancer, which the Load
Balancer Controller makes from the Gateway and which lets in nobody but CloudFront. A request to the API without a token
ends at the edge; the token's signature is verified by the load balancer (`cluster/declared.py`).
"""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from cluster.catalogue import GLOBAL_REGION
from cluster.concern import Concern, Setting, Text, secret_setting
from cluster.data import Data
from cluster.keys import Keys
from cluster.network import WORLD, Network, Source

CLOUDFRONT_PREFIXES = {"us-east-1": "pl-3b927c52", "us-west-2": "pl-82a045eb"}
"""The lists of CloudFront's own addresses, by Region."""
CACHE_STATIC = "658327ea-f89d-4fab-a63d-7e88639e58f6"
CACHE_NOTHING = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
FORWARD_VIEWER = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
SECURITY_HEADERS = "67f7725c-6f97-4210-82d7-5512b31e9d03"
"""CloudFront's managed policies: cache static files, cache nothing, forward all but the host, security headers."""
MANAGED_RULES = (
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesSQLiRuleSet",
)
LARGE_BODIES = "SizeRestrictions_BODY"
"""A rule of the common set that blocks what is larger than 8 KB: prompts and documents are. It only counts here."""
ORIGIN_HEADER = "x-origin-key"
"""The header in which our distribution says that it is ours."""
EDGE_CHECK = """\
// Ends requests to the API that carry no token; whether one is valid is for the load balancer to say.
function handler(event) {
    var request = event.request;
    var header = request.headers.authorization;
    if (request.method === 'OPTIONS' || request.uri === '/api/health') { return request; }
    if (!header || !/^Bearer [\\w-]+\\.[\\w-]+\\.[\\w-]+$/.test(header.value)) {
        var headers = { 'www-authenticate': { value: 'Bearer' } };
        return { statusCode: 401, statusDescription: 'Unauthorized', headers: headers };
    }
    return request;
}
"""


class Edge(Concern):
    """The way in."""

    def __init__(self, setting: Setting, network: Network, data: Data, keys: Keys) -> None:
        super().__init__(setting, "edge", "edge")
        self.data = data
        self.keys = keys
        domain = self.environment.edge.domain
        self.zone = aws.route53.Zone("main", name=domain, opts=self.own())
        self.certificate = self._certificate("cdn", domain, GLOBAL_REGION)
        self.origin_certificate = self._certificate("origin", f"origin.{domain}", self.environment.region)
        self.balancer_group = network.group("load-balancer", "The load balancer that the controller makes", self)
        prefixes = CLOUDFRONT_PREFIXES[self.environment.region]
        network.ingress("load-balancer-from-cloudfront", self.balancer_group, 443, Source(prefix_list=prefixes), self)
        # It asks the issuer for the keys by which it verifies tokens: without them every request fails.
        network.egress("load-balancer-to-issuer", self.balancer_group, 443, Source(cidr=WORLD), self)
        # CloudFront's addresses serve everybody's distributions: only ours knows what the firewall asks for.
        self.origin_key = secret_setting("originKey") if self.environment.edge.firewall else None
        self.firewalls: dict[str, aws.wafv2.WebAcl] = {}
        if self.environment.edge.firewall:
            self.firewalls = {
                "cdn": self._firewall("cdn", "CLOUDFRONT", GLOBAL_REGION),
                "balancer": self._firewall("balancer", "REGIONAL", self.environment.region),
            }
        self.distribution = self._distribution()
        self._metrics()
        if not self.environment.stands_in:  # a distribution that is taken over brings its delivery of logs along
            self._logs()
        self._names()
        self.register_outputs({})

    def _certificate(self, name: str, domain: str, region: str) -> pulumi.Output[str]:
        certificate = aws.acm.Certificate(
            name, domain_name=domain, validation_method="DNS", region=region, opts=self.own()
        )
        proof = certificate.domain_validation_options.apply(lambda options: options[0])
        if name == "cdn":
            self.cdn_certificate = certificate
        record = aws.route53.Record(
            f"{name}-proof",
            zone_id=self.zone.zone_id,
            name=proof.apply(lambda one: one.resource_record_name or ""),
            type=proof.apply(lambda one: one.resource_record_type or ""),
            records=[proof.apply(lambda one: one.resource_record_value or "")],
            ttl=300,
            allow_overwrite=True,
            opts=self.own(),
        )
        validated = aws.acm.CertificateValidation(
            name,
            certificate_arn=certificate.arn,
            validation_record_fqdns=[record.fqdn],
            region=region,
            opts=self.own(),
        )
        return validated.certificate_arn

    def _firewall(self, name: str, scope: str, region: str) -> aws.wafv2.WebAcl:
        def seen(metric: str) -> aws.wafv2.WebAclRuleVisibilityConfigArgsDict:
            return {
                "cloudwatch_metrics_enabled": True,
                "sampled_requests_enabled": True,
                "metric_name": f"{self.named(name)}-{metric}",
            }

        rules: list[aws.wafv2.WebAclRuleArgsDict] = [
            {
                "name": rule,
                "priority": index,
                "override_action": {"none": {}},
                "statement": {"managed_rule_group_statement": _managed(rule)},
                "visibility_config": seen(rule),
            }
            for index, rule in enumerate(MANAGED_RULES)
        ]
        limit = self.environment.edge.rate_limit
        rules.append(
            {
                "name": "rate",
                "priority": len(MANAGED_RULES),
                "action": {"block": {}},
                "statement": {"rate_based_statement": {"limit": limit, "aggregate_key_type": "IP"}},
                "visibility_config": seen("rate"),
            }
        )
        at_edge = scope == "CLOUDFRONT"
        # CloudFront's addresses are all that the load balancer sees: counting them would block the edge itself.
        firewall = aws.wafv2.WebAcl(
            name,
            name=self.named(name),
            scope=scope,
            default_action={"allow": {}} if at_edge else {"block": {}},
            rules=rules if at_edge else [*rules[1:-1], self._from_our_edge(seen("our-edge"))],
            visibility_config={
                "cloudwatch_metrics_enabled": True,
                "sampled_requests_enabled": True,
                "metric_name": self.named(name),
            },
            region=region,
            opts=self.own(),
        )
        logs = aws.cloudwatch.LogGroup(
            f"firewall-{name}",
            name=f"aws-waf-logs-{self.named(name)}",
            retention_in_days=self.environment.observability.retention.personal,
            kms_key_id=(self.keys.edge if region == GLOBAL_REGION else self.keys.logs).arn,
            region=region,
            tags=self.data_tags("personal"),
            opts=self.own(),
        )
        aws.wafv2.WebAclLoggingConfiguration(
            name,
            resource_arn=firewall.arn,
            log_destination_configs=[logs.arn],
            redacted_fields=[{"single_header": {"name": name}} for name in ("authorization", ORIGIN_HEADER)],
            region=region,
            opts=self.own(),
        )
        return firewall

    def _from_our_edge(self, seen: aws.wafv2.WebAclRuleVisibilityConfigArgsDict) -> aws.wafv2.WebAclRuleArgsDict:
        """Return the rule that lets in what our distribution sends; everything else is refused."""
        return {
            "name": "our-edge",
            "priority": len(MANAGED_RULES),
            "action": {"allow": {}},
            "statement": {
                "byte_match_statement": {
                    "field_to_match": {"single_header": {"name": ORIGIN_HEADER}},
                    "positional_constraint": "EXACTLY",
                    "search_string": self.origin_key or "",
                    "text_transformations": [{"priority": 0, "type": "NONE"}],
                }
            },
            "visibility_config": seen,
        }

    def _distribution(self) -> aws.cloudfront.Distribution:
        spec = self.environment.edge
        access = aws.cloudfront.OriginAccessControl(
            "assets",
            name=self.named("assets"),
            origin_access_control_origin_type="s3",
            signing_behavior="always",
            signing_protocol="sigv4",
            opts=self.own(),
        )
        check = aws.cloudfront.Function(
            "token-check",
            name=self.named("token-check"),
            runtime="cloudfront-js-2.0",
            code=EDGE_CHECK,
            publish=True,
            opts=self.own(),
        )
        firewall: Text | None = self.firewalls["cdn"].arn if "cdn" in self.firewalls else None
        return aws.cloudfront.Distribution(
            "main",
            aliases=[spec.domain],
            enabled=True,
            is_ipv6_enabled=True,
            http_version="http2and3",
            price_class=spec.price_class,
            default_root_object="index.html",
            web_acl_id=firewall,
            origins=[
                {
                    "origin_id": "assets",
                    "domain_name": self.data.assets.bucket_regional_domain_name,
                    "origin_access_control_id": access.id,
                },
                {
                    "origin_id": "api",
                    "domain_name": f"origin.{spec.domain}",
                    "custom_headers": [{"name": ORIGIN_HEADER, "value": self.origin_key}] if self.origin_key else [],
                    "custom_origin_config": {
                        "http_port": 80,
                        "https_port": 443,
                        "origin_protocol_policy": "https-only",
                        "origin_ssl_protocols": ["TLSv1.2"],
                        "origin_read_timeout": 60,  # a model's answer takes longer than the usual 30 s
                    },
                },
            ],
            default_cache_behavior={
                "target_origin_id": "assets",
                "viewer_protocol_policy": "redirect-to-https",
                "allowed_methods": ["GET", "HEAD"],
                "cached_methods": ["GET", "HEAD"],
                "cache_policy_id": CACHE_STATIC,
                "response_headers_policy_id": SECURITY_HEADERS,
                "compress": True,
            },
            ordered_cache_behaviors=[
                {
                    "path_pattern": "/api/*",
                    "target_origin_id": "api",
                    "viewer_protocol_policy": "https-only",
                    "allowed_methods": ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"],
                    "cached_methods": ["GET", "HEAD"],
                    "cache_policy_id": CACHE_NOTHING,
                    "origin_request_policy_id": FORWARD_VIEWER,
                    "response_headers_policy_id": SECURITY_HEADERS,
                    "compress": True,
                    "function_associations": [{"event_type": "viewer-request", "function_arn": check.arn}],
                }
            ],
            restrictions={"geo_restriction": {"restriction_type": "none"}},
            viewer_certificate={
                "acm_certificate_arn": self.certificate,
                "ssl_support_method": "sni-only",
                "minimum_protocol_version": "TLSv1.2_2021",
            },
            opts=self.own(),
        )

    def _logs(self) -> None:
        """Send CloudFront's access logs to a log group that forgets."""
        group = aws.cloudwatch.LogGroup(
            "cdn",
            name=f"/{self.environment.prefix}/cdn",
            retention_in_days=self.environment.observability.retention.personal,
            kms_key_id=self.keys.edge.arn,
            region=GLOBAL_REGION,
            tags=self.data_tags("personal"),
            opts=self.own(),
        )
        source = aws.cloudwatch.LogDeliverySource(
            "cdn",
            name=self.named("cdn"),
            log_type="ACCESS_LOGS",
            resource_arn=self.distribution.arn,
            region=GLOBAL_REGION,
            opts=self.own(),
        )
        destination = aws.cloudwatch.LogDeliveryDestination(
            "cdn",
            name=self.named("cdn"),
            output_format="json",
            delivery_destination_configuration={"destination_resource_arn": group.arn},
            region=GLOBAL_REGION,
            opts=self.own(),
        )
        aws.cloudwatch.LogDelivery(
            "cdn",
            delivery_source_name=source.name,
            delivery_destination_arn=destination.arn,
            region=GLOBAL_REGION,
            opts=self.own(),
        )

    def _metrics(self) -> None:
        """Let CloudFront tell how long the origin takes, which it does for money."""
        aws.cloudfront.MonitoringSubscription(
            "main",
            distribution_id=self.distribution.id,
            monitoring_subscription={
                "realtime_metrics_subscription_config": {"realtime_metrics_subscription_status": "Enabled"}
            },
            opts=self.own(),
        )

    def standing(self) -> dict[str, pulumi.Output[str]]:
        """Return the ids of what the world has once, by key: whoever stands in takes it over."""
        return {
            "route53.Zone/main": self.zone.id,
            "acm.Certificate/cdn": self.cdn_certificate.id,
            "cloudfront.Distribution/main": self.distribution.id,
            "cloudfront.MonitoringSubscription/main": self.distribution.id,
        }

    def _names(self) -> None:
        for kind in ("A", "AAAA"):
            aws.route53.Record(
                f"site-{kind.lower()}",
                zone_id=self.zone.zone_id,
                name=self.environment.edge.domain,
                type=kind,
                aliases=[
                    {
                        "name": self.distribution.domain_name,
                        "zone_id": self.distribution.hosted_zone_id,
                        "evaluate_target_health": False,
                    }
                ],
                allow_overwrite=True,  # whoever stands in finds them
                opts=self.own(),
            )


def _managed(rule: str) -> aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementArgsDict:
    group: aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementArgsDict = {"name": rule, "vendor_name": "AWS"}
    if rule == "AWSManagedRulesCommonRuleSet":
        group["rule_action_overrides"] = [{"name": LARGE_BODIES, "action_to_use": {"count": {}}}]
    return group
