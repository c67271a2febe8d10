"""Where one choice begins to cost less than another, and on which side of it an environment is.

In:  the graph, the usage profile, the prices.
Out: one `BreakEven` for each choice, with the arithmetic written out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cluster.graph.model import Graph, Resource
from cluster.prices import Prices, load
from cluster.reports.cost.pricing import Pricing
from cluster.reports.cost.rules.compute import INSTANCE, running
from cluster.reports.cost.rules.data import MEMBER, SERVERLESS
from cluster.reports.cost.rules.network import NAT, interface_endpoints
from cluster.usage import Usage

REFERENCE_DATABASE = "db.r7g.large"
"""What a serverless database is compared with."""
REFERENCE_ENDPOINTS = 8
"""How many end points are compared with NAT where an environment has none."""


@dataclass(frozen=True, slots=True)
class BreakEven:
    """A choice between two ways, and the quantity at which they cost the same."""

    name: str
    at: float
    unit: str
    here: float | None
    """The same quantity as it is expected here; None where it is no quantity of the profile."""
    verdict: str
    arithmetic: str


def break_evens(graph: Graph, usage: Usage, prices: Prices | None = None) -> tuple[BreakEven, ...]:
    """Return every choice that has been looked at."""
    of = Pricing(graph, usage, prices or load())
    if not graph.of_type("aws:ec2/natGateway:NatGateway"):
        return ()  # no network, as the account of copies: nothing is weighed up
    return (_endpoints(of), _nat(of), _capacity(of), *_auto_mode(of), *_fargate(of))


def _zones(of: Pricing) -> int:
    return len([one for one in of.graph.of_type("aws:ec2/subnet:Subnet") if one.name.startswith("private-")])


def _endpoints(of: Pricing) -> BreakEven:
    have = len(interface_endpoints(of))
    count, zones = have or REFERENCE_ENDPOINTS, _zones(of)
    hour, nat, through = (of.prices.value(key) for key in ("vpc_endpoint.az_hour", "nat.gb", "vpc_endpoint.gb"))
    fixed = count * zones * hour * of.hours
    at = fixed / (nat - through)
    here = of.usage.endpoint_gb.range.expected if have else of.usage.nat_gb.range.expected
    pays = "they pay" if here >= at else "by price they do not pay"
    verdict = f"{pays}; {'they are there for security' if have else 'there are none'}"
    return BreakEven(
        "Interface end points instead of NAT", at, "GB a month", here, verdict,
        f"{count} x {zones} zones x ${hour:g} x {of.hours:g} h = ${fixed:,.2f}; ÷ (${nat:g} - ${through:g}) a GB",
    )  # fmt: skip


def _nat(of: Pricing) -> BreakEven:
    zones, have = _zones(of), len(of.graph.of_type(NAT))
    hour, address, moved = (of.prices.value(key) for key in ("nat.hour", "ipv4.hour", "egress.cross_az.gb"))
    fixed = (zones - 1) * (hour + address) * of.hours
    at = fixed / moved
    here = of.usage.nat_gb.range.expected * (zones - 1) / zones
    verdict = f"{have} here: {'each zone stands alone' if have > 1 else 'one, and the others reach it across zones'}"
    return BreakEven(
        "NAT in each zone instead of one", at, "GB a month across zones", here, verdict,
        f"{zones - 1} x (${hour:g} + ${address:g}) x {of.hours:g} h = ${fixed:,.2f}; ÷ ${moved:g} a GB between zones",
    )  # fmt: skip


def _capacity(of: Pricing) -> BreakEven:
    sizes = [str(one.get("instanceClass")) for one in of.graph.of_type(MEMBER)]
    serverless = SERVERLESS in sizes
    size = next((one for one in sizes if f"aurora.instance.{one}" in of.prices), REFERENCE_DATABASE)
    instance, unit = of.prices.value(f"aurora.instance.{size}"), of.prices.value("aurora.acu_hour.standard")
    here = of.usage.acu.range.expected if serverless else None
    if here is None:
        verdict = "provisioned; below that average, Serverless v2 would cost less"
    else:
        verdict = "Serverless v2 costs less" if here < instance / unit else f"{size} would cost less"
    return BreakEven(
        "An instance instead of Serverless v2", instance / unit, "ACU on average, for each instance", here, verdict,
        f"{size} ${instance:g} an hour ÷ ${unit:g} an ACU-hour",
    )  # fmt: skip


def _machines(of: Pricing) -> Iterator[tuple[Resource, float, float]]:
    """Yield each kind of node, how many there are on average, and its On-Demand price."""
    for node in of.graph.of_type(INSTANCE):
        key = f"ec2.{node.get('instanceType')}"
        if key in of.prices:
            yield node, running(node, of).range.expected, of.prices.value(key)


def _auto_mode(of: Pricing) -> Iterator[BreakEven]:
    machines = list(_machines(of))
    ratio, spot = of.prices.value("eks.auto_mode.ratio"), of.prices.value("spot.ratio.expected")
    full = sum(count * price for _, count, price in machines) * of.hours
    lost = sum(count * price for node, count, price in machines if node.get("capacityType") == "SPOT") * of.hours
    lost *= 1 - spot
    if full:
        yield BreakEven(
            "EKS Auto Mode instead of Karpenter", full * ratio + lost, "US dollars a month more", None,
            "it pays when running Karpenter, its nodes and add-ons takes more than that",
            f"${full:,.2f} of nodes at On-Demand prices x {ratio:g} + ${lost:,.2f} that Spot saves, "
            "which the built-in pools do not use",
        )  # fmt: skip


def _fargate(of: Pricing) -> Iterator[BreakEven]:
    """Compare a node with the same processor and memory on Fargate, and ECS without a control plane with EKS."""
    node = of.graph.get("ec2.Instance/node-web")
    if node is None or f"ec2.{node.get('instanceType')}" not in of.prices:
        return
    price = of.prices.value(f"ec2.{node.get('instanceType')}")
    cpu, memory = of.prices.value("fargate.vcpu"), of.prices.value("fargate.gb")
    vcpu, gib = node.get("expected.vcpu"), node.get("expected.memoryGib")
    same = vcpu * cpu + gib * memory
    sum_up = f"{vcpu} x ${cpu:g} + {gib:g} x ${memory:g} = ${same:.5f} an hour on Fargate"
    yield BreakEven(
        "Fargate instead of nodes", price / same * 100, "per cent of a node used", None,
        "below that share of use Fargate costs less; Karpenter's consolidation aims above it",
        f"${price:g} an hour of {node.get('instanceType')} ÷ {sum_up}",
    )  # fmt: skip
    fee = of.prices.value("eks.cluster")
    yield BreakEven(
        "EKS with full nodes instead of ECS on Fargate", fee / (same - price), "nodes",
        running(node, of).range.expected,
        "from that many nodes the control plane's fee is earned; for fewer, EKS is chosen for what it brings",
        f"${fee:g} an hour ÷ (${same:.5f} - ${price:g}); {sum_up}",
    )  # fmt: skip
