"""Who is outside of AWS, and what is in other Regions and accounts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from cluster.graph.model import Graph
from cluster.reports.diagram.model import Box


def before(graph: Graph) -> Iterator[Box]:
    """Yield who comes from outside of AWS."""
    if graph.of_type("aws:cloudfront/distribution:Distribution"):
        yield Box("users", "Users", ("browser, API clients",))
    tokens = graph.of_type("kubernetes:gateway.k8s.aws/v1beta1:ListenerRuleConfiguration")
    for one in tokens:
        issuer = str(one.get("spec.actions.0.jwtValidationConfig.issuer", ""))
        yield Box("issuer", "Identity provider", (issuer.removeprefix("https://").rstrip("/"),), keys=(one.key,))
    for one in graph.of_type("aws:iam/openIdConnectProvider:OpenIdConnectProvider"):
        yield Box("github", "GitHub", ("Actions: plan, deploy",), keys=(one.key,))


def behind(graph: Graph) -> Iterator[Box]:
    """Yield who is told something outside of AWS."""
    pager = [one for one in graph.of_type("aws:sns/topicSubscription:TopicSubscription") if "pager" in one.name]
    if pager:
        yield Box("pager", "PagerDuty", ("on call",), keys=tuple(one.key for one in pager))
    secrets = [one.name for one in graph.of_type("aws:secretsmanager/secret:Secret")]
    for name, title in (("sentry", "Sentry"), ("datadog", "Datadog"), ("new-relic", "New Relic")):
        if name in secrets:
            yield Box(name, title, ("by HTTPS through NAT",), keys=(f"secretsmanager.Secret/{name}",))


def elsewhere(graph: Graph) -> Iterator[Box]:
    """Yield what is in another Region and in another account."""
    home = next((str(one.get("region")) for one in graph.of_type("pulumi:providers:aws")), "")
    away = [one for one in graph.cloud() if one.get("region") not in (None, home)]
    if away:
        yield Box("recovery", f"Region {away[0].get('region')}", kind="region", children=tuple(_recovery(graph, home)))
    for one in graph.of_type("aws:backup/vaultPolicy:VaultPolicy"):
        found = re.search(r"arn:aws:iam::(\d{12}):", json.dumps(one.document("policy")))
        vault = Box("isolated-vault", "Backup vault", ("a copy every day, locked",), keys=(one.key,))
        yield Box("isolated-account", f"Account {found[1] if found else '?'}", kind="account", children=(vault,))


def _recovery(graph: Graph, home: str) -> Iterator[Box]:
    images = graph.of_type("aws:ecr/replicationConfiguration:ReplicationConfiguration")
    if images:
        yield Box("image-copies", "ECR", ("images, replicated",), keys=tuple(one.key for one in images))
    for vpc in graph.of_type("aws:ec2/vpc:Vpc"):
        if graph.region(vpc) != home:
            inner = tuple(
                Box("secondary", "Aurora, global secondary", ("storage only, no instance",), keys=(one.key,))
                for one in graph.of_type("aws:rds/cluster:Cluster")
                if graph.region(one) != home
            )
            subnets = Box("recovery-isolated", "Isolated subnets", kind="isolated", children=inner)
            yield Box(
                "recovery-vpc", f"VPC {vpc.get('cidrBlock')}, pilot light", kind="network", keys=(vpc.key,),
                children=(subnets,),
            )  # fmt: skip
    vaults = [one for one in graph.of_type("aws:backup/vault:Vault") if graph.region(one) != home]
    if vaults:
        yield Box("copies", "Backup vault", ("copies of daily backups",), keys=tuple(one.key for one in vaults))
