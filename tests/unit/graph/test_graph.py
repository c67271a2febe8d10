"""What holds for the graph of every environment, and which specifications are refused before there is one."""

from __future__ import annotations

from collections import Counter
from datetime import date
from ipaddress import IPv4Network
from typing import Any

import pytest
from pydantic import ValidationError

from cluster.environments import DEV, PROD, load
from cluster.graph import Graph
from cluster.specification import Environment, refusals
from cluster.stacks import STACKS, stack
from tests.support.aws_graphs import NAMES, fresh, graph, stack_graph


@pytest.mark.parametrize("name", STACKS)
def test_every_edge_leads_somewhere_and_there_is_an_order(name: str) -> None:
    seen = stack_graph(name)
    assert seen.dangling() == ()
    at = {one.key: place for place, one in enumerate(seen.order())}
    assert len(at) == len(seen)
    assert not [edge for edge in seen.edges if at[edge.target] > at[edge.source]]


@pytest.mark.parametrize("name", NAMES)
def test_a_graph_survives_being_saved(name: str) -> None:
    assert Graph.from_json(graph(name).to_json()) == graph(name)


def test_the_same_environment_is_the_same_graph() -> None:
    assert fresh(load("dev")) == graph("dev")


@pytest.mark.parametrize("name", NAMES)
def test_everything_in_the_account_belongs_to_a_concern(name: str) -> None:
    assert not [one.key for one in graph(name).cloud() if not graph(name).concern(one)]


@pytest.mark.parametrize("name", NAMES)
def test_subnets_lie_in_their_network_and_nowhere_twice(name: str) -> None:
    seen = graph(name)
    ranges: dict[str, list[IPv4Network]] = {}
    for one in seen.of_type("aws:ec2/subnet:Subnet"):
        vpc = seen.target(one.get("vpcId"))
        assert vpc is not None, one.key
        own = IPv4Network(one.get("cidrBlock"))
        assert own.subnet_of(IPv4Network(vpc.get("cidrBlock"))), one.key
        assert not [other for other in ranges.setdefault(vpc.key, []) if own.overlaps(other)], one.key
        ranges[vpc.key].append(own)
    assert all(len(found) % len(load(name).zones) == 0 for found in ranges.values()), "each tier is in every zone"


@pytest.mark.parametrize("name", STACKS)
def test_no_two_resources_of_a_kind_have_the_same_name_in_a_region(name: str) -> None:
    seen = stack_graph(name)
    named = Counter(
        (one.type, seen.region(one), one.get("name")) for one in seen.cloud() if isinstance(one.get("name"), str)
    )
    alone = {key: count for key, count in named.items() if count > 1 and "${" not in key[2] and "record" not in key[0]}
    assert alone == {}


@pytest.mark.parametrize("name", STACKS)
def test_everything_is_in_the_environments_account_and_regions(name: str) -> None:
    seen, spec = stack_graph(name), stack(name).environment
    for provider in seen.of_type("pulumi:providers:aws"):
        assert provider.document("allowedAccountIds") == [spec.account_id]
    made = [one for one in seen.cloud() if not one.is_declared]
    assert {seen.region(one) for one in made} <= {spec.region, spec.recovery_region, "us-east-1"}


def test_types_are_found_by_name_and_by_pattern() -> None:
    seen = graph("prod")
    queues = seen.of_type("aws:sqs/queue:Queue")
    assert [one.name for one in queues] == ["interruptions", "interruptions-dead", "jobs", "jobs-dead"]
    assert {one.key for one in queues} < {one.key for one in seen.of_type("aws:sqs/*")}
    both = [one.key for one in seen.of_type("aws:sqs/queue:Queue", "aws:s3/bucket:Bucket")]
    assert both == sorted(both)
    assert seen.of_type("aws:sqs/queue:Queue", "aws:sqs/queue:*") == queues, "none twice"


def with_(environment: Environment, path: str, value: object) -> dict[str, Any]:
    content: dict[str, Any] = environment.model_dump()
    *steps, last = path.split(".")
    place = content
    for step in steps:
        place = place[step]
    place[last] = value
    return content


@pytest.mark.parametrize(
    ("environment", "path", "value", "field"),
    [
        pytest.param(DEV, "network.service_cidr", "10.10.0.0/20", "network.service_cidr", id="overlapping ranges"),
        pytest.param(DEV, "compute.system.instance_type", "x9.huge", "compute.system.instance_type", id="unknown type"),
        pytest.param(DEV, "database.min_acu", 8, "database.max_acu", id="more ACU at least than at most"),
        pytest.param(PROD, "recovery.backup", False, "recovery", id="production without backup"),
        pytest.param(PROD, "database.backup_days", 0, "database", id="production without a way back"),
        pytest.param(DEV, "compute.kubernetes_version", "1.20", "compute.kubernetes_version", id="unknown Kubernetes"),
        pytest.param(DEV, "account_id", "12", "account_id", id="no account"),
        pytest.param(DEV, "recovery_region", "us-east-1", "recovery_region", id="copies in the Region that is lost"),
    ],
)
def test_an_impossible_environment_is_refused_with_the_field(
    environment: Environment, path: str, value: object, field: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        Environment.model_validate(with_(environment, path, value))
    assert field in [name for name, _ in refusals(refused.value)]


def test_a_version_that_is_no_longer_supported_is_refused_on_that_day() -> None:
    with pytest.raises(ValidationError) as refused:
        DEV.on(date(2027, 3, 28))
    assert [name for name, _ in refusals(refused.value)] == ["compute.kubernetes_version"]
    assert DEV.on(date(2027, 3, 27)) == DEV
