"""The VPC: three tiers in each zone, and what may pass between them.

Public subnets hold load balancers and NAT, private ones nodes and pods, isolated ones the stores, which have no route
to anywhere else. Groups say who talks to whom; the tier's network ACL still holds when a group is opened by mistake.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from cluster.catalogue import CACHE_PORT, DATABASE_PORT
from cluster.concern import Concern, Setting, Text, allow, document, trust
from cluster.specification import Network as Specification

SubnetTier = Literal["public", "private", "isolated"]
TIERS: tuple[SubnetTier, ...] = ("public", "private", "isolated")
WORLD = "0.0.0.0/0"
ANSWERS = ((1024, 3388), (3390, 65535))
"""Ports on which answers from outside arrive, without remote desktop's in the middle."""


@dataclass(frozen=True)
class Source:
    """Who is let in, or to whom one is let out: a range, a security group, or a list of ranges that AWS keeps."""

    cidr: str | None = None
    group: Text | None = None
    prefix_list: str | None = None


class Network(Concern):
    """The VPC of the environment."""

    def __init__(self, setting: Setting, logs_key: aws.kms.Key) -> None:
        super().__init__(setting, "network", "edge")
        spec = self.environment.network
        self.vpc = aws.ec2.Vpc(
            "main",
            cidr_block=str(spec.cidr),
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags={"Name": self.named("main")},
            opts=self.own(),
        )
        aws.ec2.DefaultSecurityGroup("default", vpc_id=self.vpc.id, ingress=[], egress=[], opts=self.own())
        self.subnets = {tier: self._subnets(tier) for tier in TIERS}
        self._routes()
        self._acls()
        self._endpoints()
        self._flow_logs(logs_key)
        self.register_outputs({})

    def subnet_ids(self, tier: SubnetTier) -> list[pulumi.Output[str]]:
        """Return the ids of a tier's subnets, in the order of the zones."""
        return [subnet.id for subnet in self.subnets[tier]]

    def _subnets(self, tier: SubnetTier) -> list[aws.ec2.Subnet]:
        role = {"public": {"kubernetes.io/role/elb": "1"}, "private": {"kubernetes.io/role/internal-elb": "1"}}
        discovery = {"karpenter.sh/discovery": self.environment.prefix} if tier == "private" else {}
        return [
            aws.ec2.Subnet(
                f"{tier}-{suffix}",
                vpc_id=self.vpc.id,
                cidr_block=str(self.environment.network.subnet(tier, index)),
                availability_zone=f"{self.environment.region}{suffix}",
                map_public_ip_on_launch=False,
                tags={"Name": self.named(f"{tier}-{suffix}"), "network-tier": tier, **role.get(tier, {}), **discovery},
                opts=self.own(),
            )
            for index, suffix in enumerate(self.environment.network.zones)
        ]

    def _routes(self) -> None:
        zones = self.environment.network.zones
        gateway = aws.ec2.InternetGateway("main", vpc_id=self.vpc.id, opts=self.own())
        public = self._table("public")
        aws.ec2.Route(
            "public", route_table_id=public.id, destination_cidr_block=WORLD, gateway_id=gateway.id, opts=self.own()
        )
        isolated = self._table("isolated")
        shared = self.environment.network.nat == "single"
        gateways = [self._nat(suffix, gateway) for suffix in (zones[:1] if shared else zones)]
        self.tables = [public, isolated]
        for index, suffix in enumerate(zones):
            private = self._table(f"private-{suffix}")
            self.tables.append(private)
            aws.ec2.Route(
                f"private-{suffix}",
                route_table_id=private.id,
                destination_cidr_block=WORLD,
                nat_gateway_id=gateways[0 if shared else index].id,
                opts=self.own(),
            )
            for tier, table in (("public", public), ("private", private), ("isolated", isolated)):
                aws.ec2.RouteTableAssociation(
                    f"{tier}-{suffix}",
                    subnet_id=self.subnets[tier][index].id,  # type: ignore[index]
                    route_table_id=table.id,
                    opts=self.own(),
                )

    def _table(self, name: str) -> aws.ec2.RouteTable:
        return aws.ec2.RouteTable(name, vpc_id=self.vpc.id, tags={"Name": self.named(name)}, opts=self.own())

    def _nat(self, suffix: str, gateway: aws.ec2.InternetGateway) -> aws.ec2.NatGateway:
        place = self.environment.network.zones.index(suffix)
        address = aws.ec2.Eip(f"nat-{suffix}", domain="vpc", opts=self.own(gateway))
        return aws.ec2.NatGateway(
            suffix,
            allocation_id=address.id,
            subnet_id=self.subnets["public"][place].id,
            tags={"Name": self.named(f"nat-{suffix}")},
            opts=self.own(gateway),
        )

    def _acls(self) -> None:
        inside = str(self.environment.network.cidr)
        answers = [(WORLD, *ports) for ports in ANSWERS]
        everything = _rules([(WORLD, 0, 0)])
        self._acl("public", _rules([(inside, 0, 0), (WORLD, 80, 80), (WORLD, 443, 443), *answers]), everything)
        self._acl("private", _rules([(inside, 0, 0), *answers]), everything)
        self._acl("isolated", *isolated_rules(self.environment.network))

    def _acl(self, tier: SubnetTier, inward: Rules, outward: Rules) -> None:
        aws.ec2.NetworkAcl(
            tier,
            vpc_id=self.vpc.id,
            subnet_ids=self.subnet_ids(tier),
            ingress=inward,
            egress=outward,
            tags={"Name": self.named(tier)},
            opts=self.own(),
        )

    def _endpoints(self) -> None:
        environment = self.environment
        own_account = {"StringEquals": {"aws:PrincipalAccount": environment.account_id}}
        # Own principals alone would not do: a pod's role may be let into a foreign bucket by that bucket's policy.
        own_buckets = {"StringEquals": {**own_account["StringEquals"], "aws:ResourceAccount": environment.account_id}}
        images = f"arn:aws:s3:::prod-{environment.region}-starport-layer-bucket/*"
        aws.ec2.VpcEndpoint(
            "s3",
            vpc_id=self.vpc.id,
            vpc_endpoint_type="Gateway",
            service_name=f"com.amazonaws.{environment.region}.s3",
            route_table_ids=[table.id for table in self.tables],
            policy=document(
                {**allow(["s3:*"], "*", own_buckets), "Principal": "*", "Sid": "OwnAccount"},
                {**allow(["s3:GetObject"], images), "Principal": "*", "Sid": "ImageLayers"},
            ),
            tags={"Name": self.named("s3")},
            opts=self.own(),
        )
        if not environment.network.interface_endpoints:
            return
        group = self.group("endpoints", "AWS services reached from inside the VPC")
        self.ingress("endpoints-from-vpc", group, 443, Source(cidr=str(environment.network.cidr)))
        for service in environment.network.interface_endpoints:
            name = service.replace(".", "-")
            aws.ec2.VpcEndpoint(
                name,
                vpc_id=self.vpc.id,
                vpc_endpoint_type="Interface",
                service_name=f"com.amazonaws.{environment.region}.{service}",
                subnet_ids=self.subnet_ids("private"),
                security_group_ids=[group.id],
                private_dns_enabled=True,
                policy=document({**allow(["*"], "*", own_account), "Principal": "*", "Sid": "OwnAccount"}),
                tags={"Name": self.named(name)},
                opts=self.own(),
            )

    def group(self, name: str, purpose: str, parent: Concern | None = None) -> aws.ec2.SecurityGroup:
        """Return a security group without rules."""
        return aws.ec2.SecurityGroup(
            name,
            name=self.named(name),
            description=purpose,
            vpc_id=self.vpc.id,
            revoke_rules_on_delete=True,
            tags={"Name": self.named(name)},
            opts=(parent or self).own(),
        )

    def ingress(
        self,
        name: str,
        group: aws.ec2.SecurityGroup | Text,
        port: int,
        source: Source,
        parent: Concern | None = None,
    ) -> None:
        """Let one source in on one TCP port of a group, which may be given by its id."""
        aws.vpc.SecurityGroupIngressRule(
            name,
            security_group_id=group.id if isinstance(group, aws.ec2.SecurityGroup) else group,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            cidr_ipv4=source.cidr,
            referenced_security_group_id=source.group,
            prefix_list_id=source.prefix_list,
            description=name.replace("-", " "),
            opts=(parent or self).own(),
        )

    def egress(
        self, name: str, group: aws.ec2.SecurityGroup, port: int, target: Source, parent: Concern | None = None
    ) -> None:
        """Let a group out on one TCP port; the provider takes away the rule that lets everything out."""
        aws.vpc.SecurityGroupEgressRule(
            name,
            security_group_id=group.id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            cidr_ipv4=target.cidr,
            referenced_security_group_id=target.group,
            description=name.replace("-", " "),
            opts=(parent or self).own(),
        )

    def _flow_logs(self, key: aws.kms.Key) -> None:
        spec = self.environment
        group = aws.cloudwatch.LogGroup(
            "flow-logs",
            name=f"/{spec.prefix}/flow-logs",
            retention_in_days=spec.observability.retention.personal,
            kms_key_id=key.arn,
            tags=self.data_tags("personal"),
            opts=self.own(),
        )
        role = aws.iam.Role(
            "flow-logs",
            name=self.named("flow-logs"),
            assume_role_policy=trust("vpc-flow-logs.amazonaws.com", account=spec.account_id),
            opts=self.own(),
        )
        writing = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
        aws.iam.RolePolicy(
            "flow-logs",
            role=role.name,
            policy=document(
                allow(writing, pulumi.Output.concat(group.arn, ":*")),
                allow(["logs:DescribeLogGroups"], self.arn("logs", "log-group:*")),
            ),
            opts=self.own(),
        )
        aws.ec2.FlowLog(
            "main",
            vpc_id=self.vpc.id,
            traffic_type=spec.network.flow_logs,
            log_destination=group.arn,
            iam_role_arn=role.arn,
            tags=self.data_tags("personal"),
            opts=self.own(),
        )


Rules = list[aws.ec2.NetworkAclIngressArgsDict]


def isolated_rules(spec: Specification) -> tuple[Rules, Rules]:
    """Return what the stores' tier lets in and out: nodes to the ports of stores, and the answers to them."""
    private = [str(spec.subnet("private", index)) for index in range(len(spec.zones))]
    inward = [(cidr, port, port) for cidr in private for port in (DATABASE_PORT, CACHE_PORT)]
    return _rules(inward), _rules([(cidr, *ports) for cidr in private for ports in ANSWERS])


def _rules(wanted: list[tuple[str, int, int]]) -> Rules:
    return [_rule(number, *one) for number, one in enumerate(wanted)]


def _rule(number: int, cidr: str, first: int, last: int) -> aws.ec2.NetworkAclIngressArgsDict:
    return {
        "rule_no": 100 + 10 * number,
        "action": "allow",
        "protocol": "tcp" if last else "-1",
        "cidr_block": cidr,
        "from_port": first,
        "to_port": last,
    }
