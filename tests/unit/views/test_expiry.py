"""What ends when, and what that costs; the day is an input."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest

from cluster.controls import WAIVERS
from cluster.reports.expiry import End, as_json, as_text, expiry
from tests.support.aws_graphs import NAMES, graph

TODAY = date(2026, 11, 23)
CLUSTER = "eks.Cluster/cluster-eksCluster"


def end(resource: str, name: str = "prod", today: date = TODAY, version: str = "") -> End:
    seen = graph(name)
    if version:
        path = "version" if resource == CLUSTER else "engineVersion"
        seen = seen.altered(resource, path, version)
    return next(one for one in expiry(seen, today, waivers=()) if one.resource == resource)


def test_kubernetes_is_upgraded_by_aws_after_its_end_or_costs_365_dollars_a_month_more() -> None:
    found = end(CLUSTER)
    assert (found.on, found.days, found.state) == (date(2027, 3, 27), 124, "later")
    assert found.monthly is None
    assert "AWS upgrades it by itself" in found.then
    assert "365.00 a month" in found.then
    staying = graph("prod").altered(CLUSTER, "upgradePolicy.supportType", "EXTENDED")
    told = next(one for one in expiry(staying, TODAY) if one.resource == CLUSTER)
    assert told.monthly == pytest.approx((0.60 - 0.10) * 730)
    assert "+365.00" in as_text("prod", [told])


@pytest.mark.parametrize(
    ("today", "state"),
    [
        pytest.param(date(2026, 10, 2), "later", id="61 days are left"),
        pytest.param(date(2026, 10, 3), "soon", id="60 days are left"),
        pytest.param(date(2026, 12, 2), "soon", id="the last day"),
        pytest.param(date(2026, 12, 3), "over", id="the day after"),
    ],
)
def test_how_near_the_end_of_1_34_is(today: date, state: str) -> None:
    assert end(CLUSTER, today=today, version="1.34").state == state


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_is_used_is_unknown(name: str) -> None:
    assert not [one for one in expiry(graph(name), TODAY) if "unknown" in one.then]


def test_an_engine_that_nobody_has_looked_up_is_said_to_be_unknown() -> None:
    assert "cluster/support.py does not have it" in end("rds.Cluster/hub", version="99.1").then


def test_a_certificate_names_the_record_that_renews_it() -> None:
    found = end("acm.Certificate/cdn")
    assert found.on is None
    assert "route53.Record/cdn-proof" in found.then
    bare = graph("prod").without("route53.Record/cdn-proof", "acm.CertificateValidation/cdn")
    told = next(one for one in expiry(bare, TODAY) if one.resource == "acm.Certificate/cdn")
    assert "somebody has to" in told.then


def test_a_waiver_ends_where_it_holds_only() -> None:
    one = replace(WAIVERS[0], environments=("prod",), expires=date(2026, 12, 1))
    assert [found.state for found in expiry(graph("prod"), TODAY, waivers=[one]) if "waiver" in found.what] == ["soon"]
    assert not [found for found in expiry(graph("dev"), TODAY, waivers=[one]) if "waiver" in found.what]


def test_the_nearest_comes_first_and_what_has_no_day_last() -> None:
    days = [one.days for one in expiry(graph("prod"), TODAY)]
    known = [each for each in days if each is not None]
    assert known == sorted(known)
    assert days[len(known) :] == [None] * (len(days) - len(known))


def test_text_and_json_say_the_same() -> None:
    found = expiry(graph("dev"), TODAY)
    plain = json.loads(json.dumps(as_json(found)))
    assert [one["days"] for one in plain] == [one.days for one in found]
    assert "Kubernetes 1.35" in as_text("dev", found)
