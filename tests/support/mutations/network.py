"""What breaks security groups, subnets, ACLs and end points."""

from __future__ import annotations

from tests.support.mutations.case import CLUSTER, NODE_CLASS, OPEN, add, alter, edit, every, fails, lose, ref, statement

PUBLIC = [ref(f"ec2.Subnet/public-{zone}", "id") for zone in "abc"]

NETWORK = (
    fails(
        "default-sg-empty",
        "a rule in the default group",
        alter("ec2.DefaultSecurityGroup/default", "ingress", [{"protocol": "-1", "self": True}]),
    ),
    fails("default-sg-empty", "a default group that nobody manages", lose("ec2.DefaultSecurityGroup/recovery")),
    fails("vpc-flow-logs", "logs of accepted traffic only", alter("ec2.FlowLog/main", "trafficType", "ACCEPT")),
    fails("vpc-flow-logs", "no flow logs in the recovery Region", lose("ec2.FlowLog/recovery")),
    fails(
        "vpc-flow-logs",
        "a log group without an end",
        alter("cloudwatch.LogGroup/flow-logs", "retentionInDays", None),
        "log-retention-by-data-class",
    ),
    fails("no-auto-public-ip", "public addresses at launch", alter("ec2.Subnet/public-a", "mapPublicIpOnLaunch", True)),
    fails(
        "nodes-in-private-subnets",
        "the system nodes in public subnets",
        alter("eks.NodeGroup/system", "subnetIds", PUBLIC),
    ),
    fails(
        "nodes-in-private-subnets",
        "Karpenter's nodes with public addresses",
        alter(NODE_CLASS, "spec.associatePublicIPAddress", True),
    ),
    fails(
        "nodes-in-private-subnets",
        "Karpenter finding the public subnets",
        alter(NODE_CLASS, "spec.subnetSelectorTerms", [{"tags": {"network-tier": "public"}}]),
    ),
    fails(
        "nodes-in-private-subnets",
        "a launch template with a public address",
        alter("ec2.LaunchTemplate/system", "networkInterfaces", [{"associatePublicIpAddress": "true"}]),
    ),
    fails(
        OPEN,
        "the end points open to everybody",
        alter("vpc.SecurityGroupIngressRule/endpoints-from-vpc", "cidrIpv4", "0.0.0.0/0"),
    ),
    fails(
        OPEN,
        "the load balancer open on a third port",
        every(
            alter("vpc.SecurityGroupIngressRule/load-balancer-from-cloudfront", "cidrIpv4", "0.0.0.0/0"),
            alter("vpc.SecurityGroupIngressRule/load-balancer-from-cloudfront", "toPort", 444),
        ),
    ),
    fails(
        "no-high-risk-ports-open",
        "the database open to everybody",
        alter("vpc.SecurityGroupIngressRule/database-from-cluster", "cidrIpv4", "0.0.0.0/0"),
        OPEN,
    ),
    fails(
        "nacl-closes-remote-admin",
        "RDP among the answers' ports",
        alter("ec2.NetworkAcl/public", "ingress.3.toPort", 3389),
    ),
    fails(
        "nacl-closes-remote-admin",
        "everything from anywhere",
        alter("ec2.NetworkAcl/private", "ingress.0.cidrBlock", "0.0.0.0/0"),
    ),
    fails(
        "tier-nacl-on-every-subnet",
        "a subnet that its ACL forgets",
        alter(
            "ec2.NetworkAcl/isolated",
            "subnetIds",
            [ref("ec2.Subnet/isolated-a", "id"), ref("ec2.Subnet/isolated-b", "id")],
        ),
    ),
    fails(
        "tier-nacl-on-every-subnet", "an ACL on no subnet", add("aws:ec2/networkAcl:NetworkAcl", "spare", subnetIds=[])
    ),
    fails("ecr-interface-endpoints", "images over the internet", lose("ec2.VpcEndpoint/ecr-dkr")),
    fails("ops-interface-endpoints", "keys over the internet", lose("ec2.VpcEndpoint/kms")),
    fails("endpoint-policies-scoped", "an end point without a policy", alter("ec2.VpcEndpoint/sqs", "policy", None)),
    fails(
        "endpoint-policies-scoped",
        "an end point for anybody",
        edit("ec2.VpcEndpoint/sqs", "policy", statement(0, "Condition", {})),
    ),
    fails(
        "endpoint-policies-scoped",
        "a way to foreign buckets",
        edit(
            "ec2.VpcEndpoint/s3", "policy", statement(0, "Condition", {"StringEquals": {"aws:PrincipalAccount": "3"}})
        ),
    ),
    fails(
        "data-subnets-isolated",
        "a store's subnet on the public table",
        alter("ec2.RouteTableAssociation/isolated-a", "routeTableId", ref("ec2.RouteTable/public", "id")),
    ),
    fails(
        "no-ipv6-bypass", "IPv6 addresses for nodes", alter("ec2.Subnet/private-a", "assignIpv6AddressOnCreation", True)
    ),
    fails(
        "no-ipv6-bypass",
        "the end points open by IPv6",
        alter("vpc.SecurityGroupIngressRule/endpoints-from-vpc", "cidrIpv6", "::/0"),
        OPEN,
    ),
    fails(
        "no-ipv6-bypass",
        "a way out by IPv6",
        add(
            "aws:ec2/route:Route",
            "six",
            routeTableId=ref("ec2.RouteTable/private-a", "id"),
            destinationIpv6CidrBlock="::/0",
            gatewayId=ref("ec2.InternetGateway/main", "id"),
        ),
        "nodes-in-private-subnets",
    ),
    fails("no-ipv6-bypass", "pods with global addresses", alter(CLUSTER, "kubernetesNetworkConfig.ipFamily", "ipv6")),
)
