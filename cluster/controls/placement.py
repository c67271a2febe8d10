"""Controls 4 and 9 to 12: where nodes and stores stand, and how AWS services are reached without the internet."""

from __future__ import annotations

from cluster.controls.facts import Facts
from cluster.controls.model import Gap, Gaps, control
from cluster.controls.policies import Statement, statements
from cluster.graph.model import Resource

NODE_CLASS = "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass"
IMAGES = ("ecr.api", "ecr.dkr")
OPERATIONS = ("ssm", "sts", "kms", "secretsmanager", "logs")


@control("nodes-in-private-subnets", remedy="place nodes in subnets without a route to an internet gateway")
def nodes_are_private(facts: Facts) -> Gaps:
    """Look for nodes in subnets with a way to the internet gateway, and for nodes with a public address."""
    for group in facts.of("eks/nodeGroup:NodeGroup"):
        yield from _private(facts, group, "subnetIds", facts.graph.targets(group.get("subnetIds")))
    for template in facts.of("ec2/launchTemplate:LaunchTemplate"):
        for at, interface in enumerate(template.get("networkInterfaces") or ()):
            if str(interface.get("associatePublicIpAddress", "false")).lower() == "true":
                yield Gap(
                    template.key, f"networkInterfaces.{at}.associatePublicIpAddress", "gives nodes a public address"
                )
    for one in facts.of(NODE_CLASS):
        yield from _private(facts, one, "spec.subnetSelectorTerms", selected_subnets(facts, one))
        if one.get("spec.associatePublicIPAddress"):
            yield Gap(one.key, "spec.associatePublicIPAddress", "gives nodes a public address")


def _private(facts: Facts, resource: Resource, path: str, subnets: tuple[Resource, ...]) -> Gaps:
    if not subnets:
        yield Gap(resource.key, path, "names no subnet of this network")
    for subnet in subnets:
        if facts.networks.open_routes(subnet):
            yield Gap(resource.key, path, f"includes {subnet.key}, which has a route to an internet gateway")


def selected_subnets(facts: Facts, node_class: Resource) -> tuple[Resource, ...]:
    """Return the subnets that a node class finds: by id, or by all of the tags of one term."""
    found = {}
    for term in node_class.get("spec.subnetSelectorTerms") or ():
        for subnet in facts.of("ec2/subnet:Subnet"):
            wanted = term.get("tags") or {}
            tagged = wanted and all(subnet.get("tags", {}).get(key) == value for key, value in wanted.items())
            if tagged or facts.graph.target(term.get("id")) == subnet:
                found[subnet.key] = subnet
    return tuple(found.values())


@control("ecr-interface-endpoints", remedy="add `ecr.api` and `ecr.dkr` to the network's interface_endpoints")
def images_come_by_endpoints(facts: Facts) -> Gaps:
    """Look for VPCs in which images come over the internet."""
    yield from _endpoints(facts, IMAGES)


@control("ops-interface-endpoints", remedy="add the missing services to the network's interface_endpoints")
def operations_go_by_endpoints(facts: Facts) -> Gaps:
    """Look for VPCs in which credentials, keys, secrets or logs go over the internet."""
    yield from _endpoints(facts, OPERATIONS)


def _endpoints(facts: Facts, services: tuple[str, ...]) -> Gaps:
    for vpc in facts.of("ec2/vpc:Vpc"):
        there = {
            _service(one)
            for one in facts.attached(vpc, "ec2/vpcEndpoint:VpcEndpoint", "vpcId")
            if one.get("vpcEndpointType") == "Interface"
        }
        missing = [service for service in services if service not in there]
        if missing:
            yield Gap(vpc.key, "", f"has no interface endpoint for {', '.join(missing)}")


def _service(endpoint: Resource) -> str:
    """Return `ecr.api` of `com.amazonaws.us-east-1.ecr.api`."""
    return ".".join(str(endpoint.get("serviceName")).split(".")[3:])


@control("endpoint-policies-scoped", remedy="limit the end point's policy to this account's principals and resources")
def endpoint_policies_name_somebody(facts: Facts) -> Gaps:
    """Look for end points that anybody may use, and for a way to S3 on which data leaves for foreign buckets."""
    for endpoint in facts.of("ec2/vpcEndpoint:VpcEndpoint"):
        places = [(endpoint, "policy")] if endpoint.get("policy") else []
        own = facts.attached(endpoint, "ec2/vpcEndpointPolicy:VpcEndpointPolicy", "vpcEndpointId")
        places += [(one, "policy") for one in own]
        if not places:
            yield Gap(endpoint.key, "policy", "is not set, so that everything is allowed")
        to_s3 = _service(endpoint) == "s3"
        for resource, path in places:
            for at, statement in enumerate(statements(resource, path)):
                problem = _too_wide(statement, to_s3=to_s3)
                if problem:
                    yield Gap(resource.key, path, f"statement {at} {problem}")


def _too_wide(statement: Statement, *, to_s3: bool) -> str:
    if not statement.allows or not statement.on_everything:
        return ""
    if statement.for_everyone:
        return "lets anybody do anything with any resource"
    if to_s3 and not statement.condition("aws:ResourceAccount"):
        return "lets data go to buckets of other accounts"
    return ""


@control("data-subnets-isolated", remedy="place stores in subnets whose route table has no internet gateway")
def stores_have_no_way_out(facts: Facts) -> Gaps:
    """Look for subnets of stores from which a route leads to an internet gateway."""
    for group in facts.of("rds/subnetGroup:SubnetGroup", "elasticache/subnetGroup:SubnetGroup"):
        for subnet in facts.graph.targets(group.get("subnetIds")):
            for route in facts.networks.open_routes(subnet):
                yield Gap(route.source.key, route.path, f"leads {subnet.key}, where {group.key} places stores, outside")
