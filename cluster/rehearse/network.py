"""How the network is created."""

from __future__ import annotations

from typing import Any

from cluster.rehearse.model import Call, Inputs, Read, Then


def _ingress(i: Inputs) -> dict[str, Any]:
    rule: dict[str, Any] = {"IpProtocol": i["ipProtocol"], "FromPort": i.get("fromPort"), "ToPort": i.get("toPort")}
    if i.get("cidrIpv4"):
        rule["IpRanges"] = [{"CidrIp": i["cidrIpv4"]}]
    if i.get("referencedSecurityGroupId"):
        rule["UserIdGroupPairs"] = [{"GroupId": i["referencedSecurityGroupId"]}]
    if i.get("prefixListId"):
        rule["PrefixListIds"] = [{"PrefixListId": i["prefixListId"]}]
    return {"GroupId": i["securityGroupId"], "IpPermissions": [{k: v for k, v in rule.items() if v is not None}]}


def _route(i: Inputs) -> dict[str, Any]:
    way = {"gatewayId": "GatewayId", "natGatewayId": "NatGatewayId"}
    found = {name: i[key] for key, name in way.items() if i.get(key)}
    return {"RouteTableId": i["routeTableId"], "DestinationCidrBlock": i["destinationCidrBlock"], **found}


def _endpoint(i: Inputs) -> dict[str, Any]:
    kind = i.get("vpcEndpointType", "Gateway")
    places = {"routeTableIds": "RouteTableIds", "subnetIds": "SubnetIds", "securityGroupIds": "SecurityGroupIds"}
    found = {name: i[key] for key, name in places.items() if i.get(key)}
    return {"VpcId": i["vpcId"], "ServiceName": i["serviceName"], "VpcEndpointType": kind, **found}


def _described(operation: str, ids: str, same: dict[str, str]) -> Read:
    return Read(operation, lambda i: {ids: [i["id"]]}, same)


CALLS: dict[str, Call] = {
    "aws:ec2/vpc:Vpc": Call(
        "ec2", "create_vpc", lambda i: {"CidrBlock": i["cidrBlock"]}, {"id": "Vpc.VpcId"},
        read=_described("describe_vpcs", "VpcIds", {"Vpcs.0.CidrBlock": "cidrBlock"}),
    ),
    "aws:ec2/subnet:Subnet": Call(
        "ec2", "create_subnet",
        lambda i: {"VpcId": i["vpcId"], "CidrBlock": i["cidrBlock"], "AvailabilityZone": i["availabilityZone"]},
        {"id": "Subnet.SubnetId"},
        read=_described("describe_subnets", "SubnetIds", {
            "Subnets.0.CidrBlock": "cidrBlock", "Subnets.0.AvailabilityZone": "availabilityZone",
            "Subnets.0.MapPublicIpOnLaunch": "mapPublicIpOnLaunch", "Subnets.0.VpcId": "vpcId",
        }),
    ),
    "aws:ec2/internetGateway:InternetGateway": Call(
        "ec2", "create_internet_gateway", lambda _: {}, {"id": "InternetGateway.InternetGatewayId"},
        (Then("attach_internet_gateway", lambda i: {"InternetGatewayId": i["id"], "VpcId": i["vpcId"]}),),
    ),
    "aws:ec2/eip:Eip": Call(
        "ec2", "allocate_address", lambda _: {"Domain": "vpc"},
        {"id": "AllocationId", "allocationId": "AllocationId", "publicIp": "PublicIp"},
    ),
    "aws:ec2/natGateway:NatGateway": Call(
        "ec2", "create_nat_gateway", lambda i: {"SubnetId": i["subnetId"], "AllocationId": i["allocationId"]},
        {"id": "NatGateway.NatGatewayId"},
        read=_described("describe_nat_gateways", "NatGatewayIds", {"NatGateways.0.SubnetId": "subnetId"}),
    ),
    "aws:ec2/routeTable:RouteTable": Call(
        "ec2", "create_route_table", lambda i: {"VpcId": i["vpcId"]}, {"id": "RouteTable.RouteTableId"},
    ),
    "aws:ec2/route:Route": Call("ec2", "create_route", _route),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Call(
        "ec2", "associate_route_table", lambda i: {"RouteTableId": i["routeTableId"], "SubnetId": i["subnetId"]},
        {"id": "AssociationId"},
    ),
    "aws:ec2/networkAcl:NetworkAcl": Call(
        "ec2", "create_network_acl", lambda i: {"VpcId": i["vpcId"]}, {"id": "NetworkAcl.NetworkAclId"},
    ),
    "aws:ec2/securityGroup:SecurityGroup": Call(
        "ec2", "create_security_group",
        lambda i: {"GroupName": i.get("name") or "group", "Description": i["description"], "VpcId": i["vpcId"]},
        {"id": "GroupId"},
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": Call(
        "ec2", "authorize_security_group_ingress", _ingress
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Call(
        "ec2", "create_vpc_endpoint", _endpoint, {"id": "VpcEndpoint.VpcEndpointId"},
        read=_described("describe_vpc_endpoints", "VpcEndpointIds", {"VpcEndpoints.0.ServiceName": "serviceName"}),
    ),
}  # fmt: skip
"""By type; parameters are what AWS's API takes."""
