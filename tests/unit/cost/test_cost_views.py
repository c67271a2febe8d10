"""Savings, break-evens, budgets, differences, and the forms in which they are shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster.environments import ENVIRONMENTS, PROD, STAGING, load
from cluster.graph import Graph
from cluster.reports.cost import as_json, as_markdown, as_text, cost, difference, document, report
from cluster.reports.cost.__main__ import main
from cluster.reports.cost.bottom_up import CLOSE, comparisons
from cluster.reports.cost.break_even import BreakEven
from cluster.reports.cost.document import PLACE
from cluster.reports.cost.savings import Saving
from cluster.usage import profile
from tests.support.aws_graphs import NAMES, captured, changed, graph, reported

ROOT = Path(__file__).resolve().parents[3]


def saving(name: str, way: str) -> Saving:
    return next(one for one in reported(name).savings if one.name == way)


def saved(name: str, way: str) -> tuple[float, float, float]:
    found = saving(name, way).saved
    assert found is not None
    return found.low, found.expected, found.high


def turn(name: str, choice: str) -> BreakEven:
    return next(one for one in reported(name).break_evens if one.name == choice)


def test_a_savings_plan_is_for_the_nodes_that_always_run() -> None:
    """Production: 2 system nodes and three quarters of 4 web nodes; 30 per cent at least, 66 at most."""
    base = (2 + 0.75 * 4) * 730 * 0.0816
    assert saved("prod", "Compute Savings Plan") == pytest.approx((base * 0.30, base * 0.30, base * 0.66))
    assert saved("dev", "Compute Savings Plan") == (0, 0, 0)


def test_a_database_savings_plan_covers_new_generations_and_steady_capacity() -> None:
    base = 2 * 730 * 0.276
    assert saved("prod", "Database Savings Plan") == pytest.approx((base * 0.12, base * 0.12, base * 0.20))
    steady = 0.5 * 730 * 0.12
    assert saved("staging", "Database Savings Plan") == pytest.approx((steady * 0.12, steady * 0.12, steady * 0.35))
    assert saved("dev", "Database Savings Plan") == (0, 0, 0)
    assert "cache.t4g.medium is not eligible" in saving("prod", "Database Savings Plan").reason


def test_spot_saves_most_where_it_is_cheapest() -> None:
    full = 4 * 730 * 0.0816
    assert saved("prod", "Spot") == pytest.approx((full * 0.5, full * 0.6, full * 0.7))
    assert saving("prod", "Spot").in_effect
    assert saved("prod", "Spot for the other pools") == pytest.approx((full * 0.5, full * 0.6, full * 0.7))


def test_a_schedule_saves_the_hours_out_of_office() -> None:
    nodes = 2 * 730 * 0.0672 + 730 * 0.0816 + 730 * 0.0816 * 0.4
    disks = (2 * 44 + 40 + 40) * 0.08
    off = 1 - 50 / 168
    assert saved("staging", "Schedule of nodes in office hours")[1] == pytest.approx((nodes + disks) * off)
    running = 2 * 730 * 0.0336 + 2 * 0.5 * 730 * 0.0672 * 0.4 + (2 * 44 + 20 + 20) * 0.08
    assert saved("dev", "Schedule")[1] == pytest.approx(running * off)
    assert saved("prod", "Schedule of nodes in office hours") == (0, 0, 0)


def test_right_sizing_names_the_type_and_says_what_it_gives_up() -> None:
    found = [one for one in reported("prod").savings if one.name == "Right-sizing of nodes"]
    system = next(one for one in found if one.resources == ("ec2.Instance/node-system",))
    assert system.saved is not None
    assert system.saved.expected == pytest.approx(2 * 730 * (0.0816 - 0.0672))
    assert "t4g.large" in system.reason
    assert "steady load pays extra" in system.reason


def test_a_cache_that_is_too_large_is_found() -> None:
    large = graph("prod").altered("elasticache.ReplicationGroup/cache", "nodeType", "cache.m7g.large")
    found = report(large, profile(PROD))
    one = next(each for each in found.savings if each.name == "Right-sizing of the cache")
    assert one.saved is not None
    assert one.saved.expected == pytest.approx(2 * 730 * (0.1264 - 0.052))
    assert "cache.t4g.medium holds the 2.5 GB needed at most" in one.reason


def test_what_cannot_be_computed_says_so() -> None:
    assert saving("prod", "Graviton").saved is None
    assert "no x86 price" in saving("prod", "Graviton").reason


def test_weekly_copies_save_six_of_seven() -> None:
    daily = 35 * 100 * 0.021 + 365 / 12 * 100 * 0.02
    assert saved("prod", "Backup copies every week instead of every day")[1] == pytest.approx(daily * 6 / 7)


def test_end_points_pay_from_five_terabytes() -> None:
    found = turn("prod", "Interface end points instead of NAT")
    assert found.at == pytest.approx(8 * 3 * 0.01 * 730 / 0.035)
    assert round(found.at) == 5006
    assert found.here == 150
    assert "security" in found.verdict
    assert turn("dev", "Interface end points instead of NAT").at == found.at


def test_an_instance_is_as_dear_as_2_3_acu() -> None:
    assert turn("prod", "An instance instead of Serverless v2").at == pytest.approx(2.3)
    assert turn("staging", "An instance instead of Serverless v2").verdict == "Serverless v2 costs less"
    busy = changed(STAGING, "database", expected_acu=3.5)
    found = report(captured(STAGING), profile(busy))
    choice = next(one for one in found.break_evens if one.name == "An instance instead of Serverless v2")
    assert choice.verdict == "db.r7g.large would cost less"


def test_auto_mode_costs_its_fee_and_spot() -> None:
    nodes = (2 + 4 + 4) * 730 * 0.0816
    more = nodes * 0.12 + 4 * 730 * 0.0816 * 0.6
    assert turn("prod", "EKS Auto Mode instead of Karpenter").at == pytest.approx(more)


def test_fargate_is_cheaper_for_nodes_that_are_used_less_than_seventy_per_cent() -> None:
    hour = 2 * 0.04048 + 8 * 0.004445
    assert turn("prod", "Fargate instead of nodes").at == pytest.approx(0.0816 / hour * 100)
    assert turn("prod", "EKS with full nodes instead of ECS on Fargate").at == pytest.approx(0.10 / (hour - 0.0816))


def test_nat_in_each_zone_is_weighed_against_traffic_across_zones() -> None:
    assert turn("prod", "NAT in each zone instead of one").at == pytest.approx(2 * 0.05 * 730 / 0.02)


@pytest.mark.parametrize("name", NAMES)
def test_a_month_as_expected_rings_no_alarm_and_a_third_more_than_expected_does(name: str) -> None:
    whole, *tiers = reported(name).budgets
    for one in tiers:
        rings = min(float(told["threshold"]) for told in graph(name)[f"budgets.Budget/{one.name}"].get("notifications"))
        assert one.expected * 1.15 <= one.limit * rings / 100 <= one.expected * 1.3 + 10, one  # rounded up to tens
        assert one.is_enough
    assert whole.limit == sum(budget.limit for budget in tiers)
    assert whole.expected == pytest.approx(sum(budget.expected for budget in tiers))


def test_nothing_differs_from_itself() -> None:
    same = difference(reported("prod").cost, reported("prod").cost)
    assert same.changes == ()
    assert same.expected == 0


def test_a_change_shows_up_as_the_lines_that_it_changes() -> None:
    """What a pull request shows: one node more in the web pool, and no health check any longer."""
    before = graph("prod")
    after = before.altered("ec2.Instance/node-web", "expected.count", 5).without("route53.HealthCheck/api")
    found = difference(cost(before, profile(PROD)), cost(after, profile(PROD)))
    assert [(one.resource, one.what, one.kind) for one in found.changes] == [
        ("ec2.Instance/node-web", "hours", "changed"),
        ("route53.HealthCheck/api", "optional features", "gone"),
        ("route53.HealthCheck/api", "health check", "gone"),
    ]
    assert found.expected == pytest.approx(730 * 0.0816 - 1.50)


def test_what_becomes_unpriced_shows_up() -> None:
    after = graph("prod").altered("ec2.Instance/node-web", "instanceType", "x9g.huge")
    found = difference(reported("prod").cost, cost(after, profile(PROD)))
    assert found.unpriced == ("ec2.Instance/node-web: hours",)


def test_two_saved_graphs_are_compared_without_pulumi(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = tmp_path / "before.json", tmp_path / "after.json"
    one.write_text(graph("prod").to_json())
    other.write_text(graph("prod").without("cloudwatch.Dashboard/main").to_json())
    assert main(["difference", str(one), str(other), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(change["resource"], change["expected"]) for change in found["changes"]] == [
        ("cloudwatch.Dashboard/main", -3.0)
    ]
    assert found["total"]["before"]["expected"] - found["total"]["after"]["expected"] == pytest.approx(3)


@pytest.mark.parametrize("name", NAMES)
def test_json_has_every_line_with_its_source_and_adds_up(name: str) -> None:
    found = json.loads(json.dumps(as_json(reported(name))))
    assert found["total"]["expected"] == pytest.approx(
        sum(line["amount"]["expected"] for line in found["lines"]), abs=0.1
    )
    assert all(line["price"]["source"] and line["price"]["asOf"] and line["price"]["unit"] for line in found["lines"])
    assert len(found["unpriced"]) == len(reported(name).cost.unpriced)


@pytest.mark.parametrize("show", [as_text, as_markdown])
def test_text_and_markdown_say_the_total_and_the_marks(show: object) -> None:
    assert callable(show)
    text = show(reported("prod"))
    assert "1,971.46" in text
    assert "by karpenter" in text
    assert "the data has no price of restore tests" in text


def test_markdown_tables_are_rectangular() -> None:
    for name in NAMES:
        block: list[int] = []
        for line in [*as_markdown(reported(name)).splitlines(), ""]:
            if line.startswith("|"):
                block.append(line.replace("\\|", "").count("|"))
            elif block:
                assert len(set(block)) == 1
                block = []


def test_the_page_is_what_the_view_says() -> None:
    written = document([reported(name) for name in ENVIRONMENTS])
    assert (ROOT / PLACE).read_text() == written, f"run: .venv/bin/python -m cluster.reports.cost document > {PLACE}"


def test_each_difference_from_the_estimates_by_hand_is_explained() -> None:
    for one in comparisons(*(reported(name).cost for name in NAMES)):
        if one.is_close:
            assert one.reasons == (), one.name
        else:
            assert abs(one.unexplained) <= CLOSE, one
            assert all(amount > 0 for _, amount in one.reasons), one


def test_the_prices_of_another_day_give_the_same_page_of_the_same_graph() -> None:
    again = Graph.from_json(graph("dev").to_json())
    assert as_text(report(again, profile(load("dev")))) == as_text(reported("dev"))
