"""The price data and the usage profiles: what must hold of every row."""

from __future__ import annotations

import json
from datetime import date

import pytest

from cluster import catalogue
from cluster.environments import DEV, ENVIRONMENTS, PROD
from cluster.prices import PLACE, NoPriceError, load
from cluster.reports.cost import cost
from cluster.usage import Quantity, Range, profile
from tests.support.aws_graphs import NAMES, changed, graph, reported


def test_each_price_has_a_source_a_date_and_a_unit() -> None:
    for price in load():
        assert price.source, price.key
        assert date.fromisoformat(price.as_of) <= date.fromisoformat(load().compiled), price.key
        assert price.unit.startswith("USD/") or price.unit in ("ratio", "GB"), price.key
        assert price.value > 0, price.key


def test_no_key_is_there_twice_or_begins_another() -> None:
    keys = [row["key"] for row in json.loads((PLACE / "us-east-1.json").read_text())["prices"]]
    assert len(keys) == len(set(keys))
    assert not [(one, other) for one in keys for other in keys if other.startswith(f"{one}.")]


def test_a_price_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(NoPriceError, match=r"no ec2\.x9g\.huge"):
        load()["ec2.x9g.huge"]
    with pytest.raises(FileNotFoundError):
        load("mars-north-1")


def test_everything_that_an_environment_may_choose_has_a_price() -> None:
    prices = load()
    wanted = [f"ec2.{name}" for name in catalogue.INSTANCES]
    wanted += [f"elasticache.valkey.{name}" for name in catalogue.CACHES]
    assert [key for key in wanted if key not in prices] == []
    either = [(f"aurora.instance.{name}", f"rds.instance.{name}") for name in catalogue.DATABASES]
    assert [keys for keys in either if keys[0] not in prices and keys[1] not in prices] == []


def test_a_month_has_730_hours() -> None:
    assert load().hours_per_month == 730


@pytest.mark.parametrize("name", NAMES)
def test_what_runs_always_is_charged_for_whole_months_of_730_hours(name: str) -> None:
    for line in reported(name).cost.lines:
        always = line.what in ("control plane", "hours", "node hours", "zone hours", "public addresses")
        follows = line.resource.startswith("ec2.Instance/node-")
        if always and not follows and line.quantity.high:
            assert line.quantity.expected % 730 == 0, line


@pytest.mark.parametrize("name", NAMES)
def test_each_figure_of_usage_has_a_reason(name: str) -> None:
    usage = profile(ENVIRONMENTS[name])  # type: ignore[index]
    figures = [value for value in vars(usage).values() if isinstance(value, Quantity)]
    figures += [*usage.logs_gb.values(), *usage.queue_million.values()]
    for bucket in usage.buckets.values():
        figures += [bucket.gb, bucket.puts_k, bucket.gets_k]
    assert all(figure.why for figure in figures)


@pytest.mark.parametrize("name", NAMES)
def test_each_log_group_queue_and_bucket_is_in_the_profile(name: str) -> None:
    usage = profile(ENVIRONMENTS[name])  # type: ignore[index]
    kinds = {
        "aws:cloudwatch/logGroup:LogGroup": usage.logs_gb,
        "aws:sqs/queue:Queue": usage.queue_million,
        "aws:s3/bucket:Bucket": usage.buckets,
    }
    for kind, known in kinds.items():
        assert {one.name for one in graph(name).of_type(kind)} <= set(known)


@pytest.mark.parametrize("field", [name for name, value in vars(profile(PROD)).items() if isinstance(value, Quantity)])
def test_no_figure_of_usage_is_without_effect(field: str) -> None:
    """Each of them, made larger, makes some environment dearer."""
    dearer = []
    for name in NAMES:
        usage = reported(name).usage
        figure: Quantity = getattr(usage, field)
        larger = Quantity(figure.range * 2 + Range.exactly(1), figure.why)
        found = cost(graph(name), usage.having(**{field: larger}))
        dearer.append(found.total.expected > reported(name).cost.total.expected)
    assert any(dearer)


def test_the_specification_decides_what_it_forecasts() -> None:
    found = profile(changed(DEV, "database", expected_acu=1.5, storage_gb=40))
    assert found.acu.range == Range(0.75, 1.5, 2)
    assert found.database_gb.range == Range(20, 40, 80)


def test_a_range_out_of_order_is_refused() -> None:
    with pytest.raises(ValueError, match="low 2 ≤ expected 1"):
        Range(2, 1, 3)
    with pytest.raises(ValueError, match="0 ≤ low -1"):
        Range(-1, 1, 3)
