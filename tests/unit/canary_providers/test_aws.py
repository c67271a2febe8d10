"""CloudWatch and ALB against moto: it stands in for AWS' API, not for a load balancer that divides requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from operators.canary.aws import Aws
from operators.canary.metrics import Target
from operators.canary.metrics.cloudwatch import ALB_ERRORS, CloudWatchPair, Pair
from operators.canary.routers import Target as Routed
from operators.canary.routers.alb import AlbRouter
from operators.canary.terms import Counts, Slot
from operators.kit.testing import FakeKubeApi

PAIR = Pair("Hub", "Errors", "Requests", {"Service": "{{service}}"})


def put(client: Any, names: tuple[str, str], at: datetime, value: float, dimensions: Mapping[str, str]) -> None:
    named = [{"Name": name, "Value": text} for name, text in dimensions.items()]
    data = [{"MetricName": names[1], "Dimensions": named, "Timestamp": at, "Value": value}]
    client.put_metric_data(Namespace=names[0], MetricData=data)


@pytest.fixture
def measured(target: Target) -> Target:
    now = datetime.now(UTC).replace(second=30, microsecond=0)
    return replace(target, at=now, since=now - timedelta(minutes=6))


async def test_whole_minutes_since_the_exposure_add_up(aws: Aws, moto: str, measured: Target) -> None:
    assert measured.since is not None
    client = boto3.client("cloudwatch")
    for minute, requests in ((-2, 1000), (1, 10), (2, 20), (6, 4000)):
        for service in ("web-a", "web-b"):
            put(client, ("Hub", "Requests"), measured.since + timedelta(minutes=minute), requests, {"Service": service})
    put(client, ("Hub", "Errors"), measured.since + timedelta(minutes=2), 3, {"Service": "web-b"})

    sample = await CloudWatchPair("m", PAIR, aws).read(measured)

    assert sample.outage == ""
    assert {one.slot: one.counts for one in sample.readings} == {"a": Counts(0, 30), "b": Counts(3, 30)}


async def test_no_data_and_no_whole_minute_and_no_answer_are_outages(
    aws: Aws, moto: str, measured: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no data of Requests for slot a" in (await CloudWatchPair("m", PAIR, aws).read(measured)).outage
    early = replace(measured, since=measured.at - timedelta(seconds=90))
    assert "no whole minute" in (await CloudWatchPair("m", PAIR, aws).read(early)).outage

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    nowhere = Aws()
    sample = await CloudWatchPair("m", PAIR, nowhere).read(measured)
    nowhere.close()
    assert sample.readings == ()
    assert sample.outage.startswith("cloudwatch: ")


@dataclass
class Alb:
    """An ALB of moto's with two target groups, and what the controller would have made in the cluster."""

    client: Any
    groups: dict[Slot, str]
    balancer: str
    listener: str
    rule: str
    api: FakeKubeApi

    def weigh(self, a: int, b: int) -> None:
        groups = [
            {"TargetGroupArn": self.groups["a"], "Weight": a},
            {"TargetGroupArn": self.groups["b"], "Weight": b},
        ]
        self.client.modify_rule(
            RuleArn=self.rule, Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]
        )


@pytest.fixture
def alb(moto: str) -> Alb:
    ec2, client = boto3.client("ec2"), boto3.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"eu-central-1{zone}")
        for n, zone in enumerate("ab")
    ]
    balancer = client.create_load_balancer(Name="web", Subnets=[one["Subnet"]["SubnetId"] for one in subnets])
    arn = balancer["LoadBalancers"][0]["LoadBalancerArn"]
    groups: dict[Slot, str] = {}
    api = FakeKubeApi(namespaces=["hub"])
    api.kinds.add("elbv2.k8s.aws", "v1beta1", "TargetGroupBinding")
    slots: tuple[Slot, Slot] = ("a", "b")
    for slot in slots:
        made = client.create_target_group(Name=f"web-{slot}", Protocol="HTTP", Port=8080, VpcId=vpc, TargetType="ip")
        groups[slot] = made["TargetGroups"][0]["TargetGroupArn"]
        client.register_targets(TargetGroupArn=groups[slot], Targets=[{"Id": "10.0.0.9", "Port": 8080}])
        api.seed(
            {
                "apiVersion": "elbv2.k8s.aws/v1beta1",
                "kind": "TargetGroupBinding",
                "metadata": {"name": f"k8s-{slot}", "namespace": "hub"},
                "spec": {"serviceRef": {"name": f"web-{slot}", "port": 80}, "targetGroupARN": groups[slot]},
            }
        )
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    listener = client.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=[fixed])
    listener_arn = listener["Listeners"][0]["ListenerArn"]
    rule = client.create_rule(
        ListenerArn=listener_arn,
        Priority=1,
        Conditions=[{"Field": "path-pattern", "Values": ["/*"]}],
        Actions=[
            {
                "Type": "forward",
                "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": one, "Weight": 1} for one in groups.values()]},
            }
        ],
    )
    return Alb(client, groups, arn, listener_arn, rule["Rules"][0]["RuleArn"], api)


def routed(target: Target) -> Routed:
    return Routed(target.namespace, target.services, target.port, ())


async def test_the_rule_of_the_listener_confirms_the_weight(alb: Alb, aws: Aws, target: Target) -> None:
    router = AlbRouter(alb.api, aws)
    for weight in (0, 10, 100):
        alb.weigh(100 - weight, weight)
        seen = await router.observed(routed(target))
        assert seen.has("b", weight), seen
    assert not seen.has("b", 50)


async def test_a_weight_without_a_healthy_target_is_not_confirmed(alb: Alb, aws: Aws, target: Target) -> None:
    alb.client.deregister_targets(TargetGroupArn=alb.groups["b"], Targets=[{"Id": "10.0.0.9", "Port": 8080}])
    router = AlbRouter(alb.api, aws)
    alb.weigh(90, 10)
    assert "slot b" in (await router.observed(routed(target))).problem
    alb.weigh(100, 0)
    assert (await router.observed(routed(target))).has("b", 0)


async def test_a_service_without_a_target_group_is_a_problem_and_no_zero(alb: Alb, aws: Aws, target: Target) -> None:
    other = replace(routed(target), services={"a": "web-a", "b": "web-x"})
    seen = await AlbRouter(alb.api, aws).observed(other)
    assert "web-x" in seen.problem
    assert seen.replicas == {}


async def test_target_groups_are_measured_by_the_dimensions_of_aws(
    alb: Alb, aws: Aws, measured: Target, moto: str
) -> None:
    router = AlbRouter(alb.api, aws)
    groups = await router.groups(measured)
    # moto lets nobody write into AWS' own namespaces.
    pair = replace(ALB_ERRORS, namespace="Test/ApplicationELB")
    client = boto3.client("cloudwatch")
    at = measured.at - timedelta(minutes=4)
    for slot, errors in (("a", 0), ("b", 5)):
        dimensions = groups[slot].dimensions  # type: ignore[index]
        assert dimensions["TargetGroup"].startswith(f"targetgroup/web-{slot}/")
        assert dimensions["LoadBalancer"].startswith("app/web/")
        put(client, (pair.namespace, "RequestCount"), at, 50, dimensions)
        if errors:
            put(client, (pair.namespace, "HTTPCode_Target_5XX_Count"), at, errors, dimensions)

    sample = await CloudWatchPair("m", pair, aws, router.groups).read(measured)

    assert sample.outage == ""
    assert {one.slot: one.counts for one in sample.readings} == {"a": Counts(0, 50), "b": Counts(5, 50)}


async def test_where_the_target_groups_hang_is_asked_once_and_the_weights_each_time(
    alb: Alb, aws: Aws, measured: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def note(model: Any, **_: Any) -> None:
        asked.append(model.name)

    router = AlbRouter(alb.api, aws)
    await router.observed(routed(measured))
    client = await aws.call("elbv2", "", lambda client: client)
    client.meta.events.register("before-call.elastic-load-balancing-v2.*", note)
    for weight in (10, 20, 30):
        alb.weigh(100 - weight, weight)
        assert (await router.observed(routed(measured))).has("b", weight)
        await router.groups(measured)
    assert sorted(set(asked)) == ["DescribeRules", "DescribeTargetHealth"]
    assert len(asked) == 3 * 3, "a look takes one call for the listener's rules and one for each target group"
