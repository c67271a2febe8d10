"""Controls 1 to 8 and 13: what security groups, subnets and network ACLs let through."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.controls.facts import Facts
from cluster.controls.model import Gap, Gaps, control, must
from cluster.controls.network_facts import WORLD_4, WORLD_6, Ingress
from cluster.graph.model import Resource

REMOTE_ADMIN = (22, 3389)
HIGH_RISK = (
    20, 21, 22, 23, 25, 110, 135, 143, 445, 1433, 1434, 3000, 3306, 3389, 4333, 5000, 5432, 5433, 5500, 5601, 6379,
    8080, 8088, 8888, 9200, 9300,
)  # fmt: skip
"""The ports of EC2.19, and those that our own stores listen on."""
FAMILIES = {WORLD_4: "IPv4", WORLD_6: "IPv6"}


@control("default-sg-empty", remedy="manage the default group with an `aws.ec2.DefaultSecurityGroup` without rules")
def default_group_is_empty(facts: Facts) -> Gaps:
    """Look for rules in the default group of each VPC, and for a VPC whose default group nobody manages."""
    for vpc in facts.of("ec2/vpc:Vpc"):
        groups = facts.attached(vpc, "ec2/defaultSecurityGroup:DefaultSecurityGroup", "vpcId")
        if not groups:
            yield Gap(vpc.key, "", "its default security group keeps the rules that AWS gives it")
        for group in groups:
            for way in ("ingress", "egress"):
                if group.get(way):
                    yield Gap(group.key, way, f"has {len(group.get(way))} rule(s)")


@control("vpc-flow-logs", remedy="give the VPC an `aws.ec2.FlowLog` to a log group or bucket whose content expires")
def flow_logs(facts: Facts) -> Gaps:
    """Look for a VPC without flow logs, logs without the refused, and destinations that keep them for ever."""
    for vpc in facts.of("ec2/vpc:Vpc"):
        logs = facts.attached(vpc, "ec2/flowLog:FlowLog", "vpcId")
        if not logs:
            yield Gap(vpc.key, "", "has no flow logs")
        for log in logs:
            yield from must(log, "trafficType", "REJECT", "ALL")
            if not _expires(facts, log):
                yield Gap(log.key, "logDestination", "goes to nothing whose content expires")


def _expires(facts: Facts, log: Resource) -> bool:
    destination = log.get("logDestination")
    group = facts.named_in(destination, "cloudwatch/logGroup:LogGroup", "name")
    if group is not None:
        return bool(group.get("retentionInDays"))
    bucket = facts.named_in(destination, "s3/bucket:Bucket", "bucket")
    if bucket is None:
        return False
    rules = [
        rule
        for one in facts.attached(bucket, "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "bucket")
        for rule in one.get("rules") or ()
    ]
    return any(rule.get("expiration") and rule.get("status") == "Enabled" for rule in rules)


@control("no-auto-public-ip", remedy="set map_public_ip_on_launch=False on the subnet")
def no_public_address_by_itself(facts: Facts) -> Gaps:
    """Look for subnets that give public addresses to whatever starts in them."""
    for subnet in facts.of("ec2/subnet:Subnet"):
        yield from must(subnet, "mapPublicIpOnLaunch", False, default=False)


@control("open-ingress-only-alb", remedy="open only the load balancer's group to the internet, on ports 80 and 443")
def only_the_balancer_is_open(facts: Facts) -> Gaps:
    """Look for rules that let everybody in elsewhere than at the load balancer's web ports."""
    entrances = _balancer_groups(facts)
    for rule in facts.networks.ingress:
        if not rule.from_world:
            continue
        if rule.group.key not in entrances:
            yield Gap(
                rule.source.key, _where(rule), f"opens {rule.group.key}, which no load balancer has, to everybody"
            )
        elif (rule.first, rule.last) not in ((80, 80), (443, 443)):
            yield Gap(rule.source.key, _where(rule), f"opens ports {rule.first} to {rule.last} to everybody")


def _balancer_groups(facts: Facts) -> set[str]:
    groups = [
        one.get("securityGroups") for one in facts.of("lb/loadBalancer:LoadBalancer", "alb/loadBalancer:LoadBalancer")
    ]
    settings = facts.of("kubernetes:gateway.k8s.aws/v1beta1:LoadBalancerConfiguration")
    groups += [one.get("spec.securityGroups") for one in settings]
    return {one.key for value in groups for one in facts.graph.targets(value or [])}


def _where(rule: Ingress) -> str:
    if rule.path:
        return rule.path
    names = {WORLD_4: ("cidrIpv4", "cidrBlocks"), WORLD_6: ("cidrIpv6", "ipv6CidrBlocks")}
    for world in rule.from_world:
        for name in names[world]:
            if rule.source.get(name):
                return name
    return ""


@control("no-high-risk-ports-open", remedy="let the group in only from groups or ranges that need the port")
def no_high_risk_port_is_open(facts: Facts) -> Gaps:
    """Look for ports of administration and data that everybody may reach."""
    for rule in facts.networks.ingress:
        ports = [port for port in HIGH_RISK if rule.admits(port)] if rule.from_world else []
        if ports:
            named = ", ".join(str(port) for port in ports[:5]) + (" …" if len(ports) > 5 else "")
            yield Gap(rule.source.key, _where(rule), f"lets everybody reach {rule.group.key} on {named}")


@control(
    "nacl-closes-remote-admin", remedy="leave ports 22 and 3389 out of the ranges that the ACL allows from anywhere"
)
def acls_close_administration(facts: Facts) -> Gaps:
    """Look for network ACLs through which everybody reaches SSH or RDP."""
    for acl in facts.of("ec2/networkAcl:NetworkAcl", "ec2/defaultNetworkAcl:DefaultNetworkAcl"):
        for port in REMOTE_ADMIN:
            for world in (WORLD_4, WORLD_6):
                rule = facts.networks.acl_admits(acl, world, port)
                if rule is not None:
                    yield Gap(rule[0].key, rule[1], f"allows port {port} from anywhere by {FAMILIES[world]}")


@control("tier-nacl-on-every-subnet", remedy="give each tier one network ACL that lists all of the tier's subnets")
def each_tier_has_its_acl(facts: Facts) -> Gaps:
    """Look for subnets without an ACL, ACLs without a subnet, and ACLs that two tiers share."""
    used: dict[str, list[Resource]] = {}
    for subnet in facts.of("ec2/subnet:Subnet"):
        acls = facts.networks.acls.get(subnet.key, [])
        if len(acls) != 1:
            names = ", ".join(one.key for one in acls) or "none"
            yield Gap(subnet.key, "", f"has not one network ACL but {names}: the default one lets everything through")
        for acl in acls:
            used.setdefault(acl.key, []).append(subnet)
    for acl in facts.of("ec2/networkAcl:NetworkAcl"):
        tiers = {str(one.get("tags.network-tier")) for one in used.get(acl.key, [])}
        if not tiers:
            yield Gap(acl.key, "subnetIds", "is on no subnet")
        if len(tiers) > 1:
            yield Gap(acl.key, "subnetIds", f"is shared by the tiers {', '.join(sorted(tiers))}")


@control("no-ipv6-bypass", remedy="close IPv6 wherever IPv4 is closed, or leave it out of the VPC")
def ipv6_opens_nothing(facts: Facts) -> Gaps:
    """Look for groups, subnets, routes and clusters that are open by IPv6 alone."""
    entrances = _balancer_groups(facts)
    for rule in facts.networks.ingress:
        if WORLD_6 in rule.ranges and rule.group.key not in entrances:
            yield Gap(rule.source.key, _where(rule), f"lets everybody reach {rule.group.key} by IPv6")
    for subnet in facts.of("ec2/subnet:Subnet"):
        yield from must(subnet, "assignIpv6AddressOnCreation", False, default=False)
        yield from _open_by_ipv6(facts, subnet)
    for cluster in facts.of("eks/cluster:Cluster"):
        yield from must(cluster, "kubernetesNetworkConfig.ipFamily", "ipv4", default="ipv4")


def _open_by_ipv6(facts: Facts, subnet: Resource) -> Iterator[Gap]:
    if subnet.get("tags.network-tier") == "public":
        return
    for route in facts.networks.open_routes(subnet):
        if route.destination == WORLD_6:
            yield Gap(route.source.key, route.path, f"leads {subnet.key} to the internet by IPv6")
