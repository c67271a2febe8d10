"""What the network costs: NAT, end points, addresses, and what moves between zones."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.graph.model import Resource
from cluster.reports.cost.model import Line, Unpriced
from cluster.reports.cost.pricing import Pricing, Rule

ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
NAT = "aws:ec2/natGateway:NatGateway"


def nat_gateway(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """Every hour, and every gigabyte that passes; the gateways carry equal parts."""
    yield of.line(resource, "hours", "nat.hour", of.hours)
    among = len(of.graph.of_type(NAT))
    yield of.line(resource, "data processed", "nat.gb", of.share(of.usage.nat_gb, among))


def address(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """A public address is paid for whether it is used or not."""
    yield of.line(resource, "hours", "ipv4.hour", of.hours)


def interface_endpoints(of: Pricing) -> list[Resource]:
    """Return the end points that are paid for; gateways are free."""
    return [one for one in of.graph.of_type(ENDPOINT) if one.get("vpcEndpointType", "Gateway") == "Interface"]


def endpoint(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """An interface costs in every zone; a gateway costs nothing, which its line says."""
    if resource.get("vpcEndpointType", "Gateway") != "Interface":
        yield of.line(resource, "zone hours", "vpc_endpoint.az_hour", 0)
        return
    yield of.line(resource, "zone hours", "vpc_endpoint.az_hour", len(resource.get("subnetIds", [])) * of.hours)
    among = len(interface_endpoints(of))
    yield of.line(resource, "data processed", "vpc_endpoint.gb", of.share(of.usage.endpoint_gb, among))


def network(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """What moves between zones; a network without a way out moves nothing."""
    gateways = of.graph.of_type("aws:ec2/internetGateway:InternetGateway")
    if any(of.graph.target(one.get("vpcId")) == resource for one in gateways):
        yield of.line(resource, "data between zones", "egress.cross_az.gb", of.usage.cross_zone_gb)
    else:
        yield of.line(resource, "data between zones", "egress.cross_az.gb", 0)


def internet_gateway(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """What leaves for the internet, beside what CloudFront sends."""
    yield of.line(resource, "data to the internet", "egress.internet.gb", of.usage.internet_out_gb)


def flow_log(resource: Resource, of: Pricing) -> Iterator[Line | Unpriced]:
    """A log group counts what it takes in by itself; what goes to a bucket has a price that the data lacks."""
    if resource.get("logDestinationType") == "s3":
        yield of.unpriced(
            resource, "delivery to S3", "the data has no price of logs delivered to S3; the network is empty"
        )
    else:
        yield of.line(resource, "delivery", "cloudwatch.logs.ingest_gb", 0)


RULES: dict[str, Rule] = {
    NAT: nat_gateway,
    "aws:ec2/eip:Eip": address,
    ENDPOINT: endpoint,
    "aws:ec2/vpc:Vpc": network,
    "aws:ec2/internetGateway:InternetGateway": internet_gateway,
    "aws:ec2/flowLog:FlowLog": flow_log,
}
