"""The way in: the Gateway that GitOps applies, and the load balancer that its controller makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cluster.catalogue import EDGE_TLS_POLICY, GATEWAY_PORT
from cluster.declared.base import Declaring
from cluster.graph.model import Json, Reference, Resource, short_type

BALANCER = "aws-load-balancer-controller"
SERVICE, SERVICE_PORT = "traefik", 80
"""Their Service, as charts/gateway makes it."""
ENTRANCE = "entrance"
"""The load balancer's Gateway; `web` beside it is the gateway's own, to which services bind their routes."""
GATEWAY_CLASS = "alb"
API = "/api"
HEALTH = "/api/health"
"""Asked from outside, without a token."""
ANSWERS = "200-404"
"""What a gateway's pod that works answers the load balancer, which asks it for no name that it serves."""


class Entrance(Declaring):
    """The entrance of the hub."""

    def gateway(self) -> Iterator[Resource]:
        """The way from the load balancer to the hub, and what the load balancer is like."""
        environment = self._environment
        place = "automatrix-gateway"
        made_by = {"controllerName": "gateway.k8s.aws/alb"}
        yield self._object("gateway.networking.k8s.io/v1", "GatewayClass", ("", GATEWAY_CLASS), {"spec": made_by})
        listener: dict[str, Json] = {
            "protocolPort": "HTTPS:443",
            "defaultCertificate": self._ref("acm.CertificateValidation/origin", "certificateArn"),
            "sslPolicy": EDGE_TLS_POLICY,
        }
        settings: dict[str, Json] = {
            "scheme": "internet-facing",
            "securityGroups": [self._ref("ec2.SecurityGroup/load-balancer", "id")],
            "manageBackendSecurityGroupRules": False,  # the program opens the pods' group, and nothing else may
            "listenerConfigurations": [listener],
            "loadBalancerAttributes": [{"key": key, "value": value} for key, value in self._attributes().items()],
            "tags": {**self._tags(), "tier": "edge"},
        }
        if environment.edge.firewall:
            settings["wafV2"] = {"webACL": self._ref("wafv2.WebAcl/balancer", "arn")}
        yield self._object(
            "gateway.k8s.aws/v1beta1", "LoadBalancerConfiguration", (place, ENTRANCE), {"spec": settings}
        )
        token = {
            "actions": [
                {
                    "type": "jwt-validation",
                    "jwtValidationConfig": {
                        "issuer": environment.edge.issuer,
                        "jwksEndpoint": f"{environment.edge.issuer}.well-known/jwks.json",
                    },
                }
            ]
        }
        yield self._object("gateway.k8s.aws/v1beta1", "ListenerRuleConfiguration", (place, "token"), {"spec": token})
        entrance = {
            "gatewayClassName": GATEWAY_CLASS,
            "infrastructure": {
                "parametersRef": {"group": "gateway.k8s.aws", "kind": "LoadBalancerConfiguration", "name": ENTRANCE}
            },
            "listeners": [
                {"name": "https", "port": 443, "protocol": "HTTPS", "hostname": f"origin.{environment.edge.domain}"}
            ],
        }
        yield self._object("gateway.networking.k8s.io/v1", "Gateway", (place, ENTRANCE), {"spec": entrance})
        yield self._routes(place)
        target = {
            "targetReference": {"kind": "Service", "name": SERVICE},
            "defaultConfiguration": {
                "targetType": "ip",
                "healthCheckConfig": {"healthCheckPath": "/", "matcher": {"httpCode": ANSWERS}},
            },
        }
        yield self._object("gateway.k8s.aws/v1beta1", "TargetGroupConfiguration", (place, SERVICE), {"spec": target})

    def _routes(self, place: str) -> Resource:
        """What is let through: health checks and a browser's questions as they come, all else with a verified token."""
        backend = [{"name": SERVICE, "port": SERVICE_PORT}]
        token = {"group": "gateway.k8s.aws", "kind": "ListenerRuleConfiguration", "name": "token"}
        spec = {
            "parentRefs": [{"name": ENTRANCE, "sectionName": "https"}],
            "rules": [
                {
                    "matches": [
                        {"path": {"type": "Exact", "value": HEALTH}},
                        {"path": {"type": "PathPrefix", "value": API}, "method": "OPTIONS"},
                    ],
                    "backendRefs": backend,
                },
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": API}}],
                    "filters": [{"type": "ExtensionRef", "extensionRef": token}],
                    "backendRefs": backend,
                },
            ],
        }
        return self._object("gateway.networking.k8s.io/v1", "HTTPRoute", (place, "api"), {"spec": spec})

    def _rules(self, listener: Resource, group: Resource, tags: Mapping[str, Json]) -> Iterator[Resource]:
        """What the controller makes of the routes."""
        issuer = self._environment.edge.issuer
        token = {"issuer": issuer, "jwksEndpoint": f"{issuer}.well-known/jwks.json"}
        forward: dict[str, Json] = {"type": "forward", "targetGroupArn": str(Reference(group.key, "arn"))}
        verify: dict[str, Json] = {"type": "jwt-validation", "jwtValidation": token}
        path = {"pathPattern": {"values": [f"{API}/*"]}}
        asking = {"httpRequestMethod": {"values": ["OPTIONS"]}}  # a browser asks before it sends the token
        rules: dict[str, tuple[list[Json], list[dict[str, Json]]]] = {
            "health": ([{"pathPattern": {"values": [HEALTH]}}], [forward]),
            "preflight": ([path, asking], [forward]),
            "api": ([path], [verify, forward]),
        }
        for priority, (name, (conditions, actions)) in enumerate(rules.items(), 1):
            yield self._resource(
                "aws:lb/listenerRule:ListenerRule",
                name,
                {
                    "listenerArn": str(Reference(listener.key, "arn")),
                    "priority": priority,
                    "conditions": conditions,
                    "actions": [{**one, "order": at} for at, one in enumerate(actions, 1)],
                    "tags": tags,
                },
                BALANCER,
                (f"{short_type('kubernetes:gateway.networking.k8s.io/v1:HTTPRoute')}/automatrix-gateway.api",),
            )

    def _attributes(self) -> dict[str, str]:
        return {
            "routing.http.drop_invalid_header_fields.enabled": "true",
            "routing.http.desync_mitigation_mode": "defensive",
            "access_logs.s3.enabled": "true",
            "access_logs.s3.bucket": self._ref("s3.Bucket/access-logs", "bucket"),
            "access_logs.s3.prefix": "alb",
            "deletion_protection.enabled": str(self._environment.is_production).lower(),
        }

    def balancer(self) -> Iterator[Resource]:
        """What the controller makes of the gateway."""
        production = self._environment.is_production
        zones = self._environment.network.zones
        tags = {**self._tags(), "tier": "edge"}
        made = self._resource(
            "aws:lb/loadBalancer:LoadBalancer",
            "web",
            {
                "name": f"{self._environment.prefix}-web",
                "loadBalancerType": "application",
                "internal": False,
                "subnets": [self._ref(f"ec2.Subnet/public-{suffix}", "id") for suffix in zones],
                "securityGroups": [self._ref("ec2.SecurityGroup/load-balancer", "id")],
                "dropInvalidHeaderFields": True,
                "desyncMitigationMode": "defensive",
                "enableDeletionProtection": production,
                "accessLogs": {
                    "enabled": True,
                    "bucket": self._ref("s3.Bucket/access-logs", "bucket"),
                    "prefix": "alb",
                },
                "tags": tags,
                "expected": {"count": 1, "publicAddresses": len(zones)},
            },
            BALANCER,
            (f"{short_type('kubernetes:gateway.networking.k8s.io/v1:Gateway')}/automatrix-gateway.{ENTRANCE}",),
        )
        yield made
        group = self._resource(
            "aws:lb/targetGroup:TargetGroup",
            "web",
            {
                "targetType": "ip",
                "protocol": "HTTP",
                "port": GATEWAY_PORT,
                "vpcId": self._ref("ec2.Vpc/main", "id"),
                "healthCheck": {"path": "/", "matcher": ANSWERS},
                "tags": tags,
            },
            BALANCER,
        )
        yield group
        listener = self._resource(
            "aws:lb/listener:Listener",
            "web-https",
            {
                "loadBalancerArn": str(Reference(made.key, "arn")),
                "port": 443,
                "protocol": "HTTPS",
                "sslPolicy": EDGE_TLS_POLICY,
                "certificateArn": self._ref("acm.CertificateValidation/origin", "certificateArn"),
                "defaultActions": [{"type": "fixed-response", "fixedResponse": {"statusCode": "404"}}],
                "tags": tags,
            },
            BALANCER,
        )
        yield listener
        yield from self._rules(listener, group, tags)
        if self._environment.edge.firewall:
            yield self._resource(
                "aws:wafv2/webAclAssociation:WebAclAssociation",
                "web",
                {
                    "resourceArn": str(Reference(made.key, "arn")),
                    "webAclArn": self._ref("wafv2.WebAcl/balancer", "arn"),
                },
                BALANCER,
            )
        yield self._resource(
            "aws:route53/record:Record",
            "origin",
            {
                "zoneId": self._ref("route53.Zone/main", "zoneId"),
                "name": f"origin.{self._environment.edge.domain}",
                "type": "A",
                "aliases": [{"name": str(Reference(made.key, "dnsName")), "evaluateTargetHealth": True}],
            },
            "external-dns",
        )
