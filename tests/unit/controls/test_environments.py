"""What the controls say of dev, staging and prod as they are, and of other shapes that they may have."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from cluster.controls import WAIVERS, Assessment, Decisions, Waiver, assess, controls
from cluster.environments import load
from cluster.graph.model import Graph
from cluster.reports.controls import STANDARDS, markdown, matrix, security_assessment, text, to_json
from cluster.reports.controls.threats import THREATS, rows
from cluster.specification import Environment
from cluster.stacks import STACKS
from tests.support import aws_graphs

TODAY = date(2026, 11, 23)
DECISIONS = Decisions(today=TODAY)
NAMES = ("dev", "staging", "prod")


@pytest.fixture(scope="module")
def assessments(dev: Graph, staging: Graph, prod: Graph) -> list[Assessment]:
    return [assess(graph, DECISIONS) for graph in (dev, staging, prod)]


def test_nothing_is_open_in_any_environment(assessments: list[Assessment]) -> None:
    assert [str(finding) for one in assessments for finding in one.open] == []


@pytest.mark.parametrize(
    ("index", "waived"),
    [
        pytest.param(0, {"no-decrypt-on-all-keys"}, id="dev"),
        pytest.param(1, {"no-decrypt-on-all-keys", "secret-rotation"}, id="staging"),
        pytest.param(
            2,
            {
                "database-multi-az",
                "ecr-interface-endpoints",
                "no-decrypt-on-all-keys",
                "ops-interface-endpoints",
                "secret-rotation",
            },
            id="prod",
        ),
    ],
)
def test_what_is_waived_is_known(assessments: list[Assessment], index: int, waived: set[str]) -> None:
    assert {one.control.key for one in assessments[index].results if one.status == "waived"} == waived


def test_a_control_is_left_out_exactly_where_the_catalogue_leaves_it_out(assessments: list[Assessment]) -> None:
    for one in assessments:
        left_out = {result.control.key for result in one.results if result.status == "not evaluated"}
        assert left_out == {control.key for control in controls() if one.environment not in control.environments}


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param({"compute": {"mode": "auto"}}, id="Auto Mode"),
        pytest.param(
            {"database": {"engine": "rds", "instance_type": "db.t4g.medium", "global_secondary": False}}, id="RDS"
        ),
        pytest.param({"observability": {"datadog": True, "grafana": True}}, id="other observability"),
    ],
)
def test_another_shape_of_production_has_no_new_gap_but_secrets(
    shape: dict[str, dict[str, object]], captured: Callable[[Environment], Graph]
) -> None:
    content = load("prod").model_dump()
    for part, fields in shape.items():
        content[part] = {**content[part], **fields}
    found = assess(captured(Environment.model_validate(content)), DECISIONS)
    failed = {one.control.key for one in found.results if one.status == "failed"}
    # A key of Datadog, as Sentry's, is made elsewhere: who takes it gives it a waiver.
    assert failed <= {"secret-rotation"}


def waiver(**changes: object) -> Waiver:
    usual = Waiver(
        control="database-iam-auth",
        resource="rds.Cluster/hub",
        environments=("prod",),
        owner="platform",
        reason="for a test",
        granted=TODAY,
        expires=date(2027, 1, 31),
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


def test_a_waiver_excuses_its_resource_alone(prod: Graph) -> None:
    broken = prod.altered("rds.Cluster/hub", "iamDatabaseAuthenticationEnabled", False)
    found = assess(broken, DECISIONS, [*WAIVERS, waiver()])
    assert found["database-iam-auth"].status == "waived"
    assert found.open == ()
    both = broken.altered("rds.Cluster/hub-secondary", "iamDatabaseAuthenticationEnabled", False)
    found = assess(both, DECISIONS, [*WAIVERS, waiver()])
    assert found["database-iam-auth"].status == "failed"
    assert [one.gap.resource for one in found.open] == ["rds.Cluster/hub-secondary"]


def test_an_expired_waiver_excuses_nothing_and_is_a_finding(prod: Graph) -> None:
    broken = prod.altered("rds.Cluster/hub", "iamDatabaseAuthenticationEnabled", False)
    late = Decisions(today=date(2027, 2, 1))
    found = assess(broken, late, [*WAIVERS, waiver()])
    assert found["database-iam-auth"].status == "failed"
    assert "expired on 2027-01-31" in str(found.waiver_findings[0])
    assert assess(broken, Decisions(today=date(2027, 1, 31)), [*WAIVERS, waiver()]).waiver_findings == ()


def test_a_waiver_that_matches_nothing_is_a_finding(prod: Graph) -> None:
    found = assess(prod, DECISIONS, [*WAIVERS, waiver()])
    assert [one.control for one in found.open] == ["database-iam-auth"]
    assert "matches nothing" in str(found.open[0])


def test_a_waiver_of_another_environment_says_nothing_here(dev: Graph) -> None:
    assert assess(dev, DECISIONS, [*WAIVERS, waiver()]).open == ()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"owner": ""}, id="nobody answers for it"),
        pytest.param({"reason": ""}, id="no reason"),
        pytest.param({"environments": ()}, id="nowhere"),
        pytest.param({"expires": date(2028, 1, 1)}, id="longer than a year"),
        pytest.param({"expires": date(2026, 1, 1)}, id="over before it began"),
    ],
)
def test_a_waiver_without_what_it_needs_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="waiver of database-iam-auth"):
        waiver(**changes)


def test_a_waiver_of_no_control_is_refused(prod: Graph) -> None:
    with pytest.raises(ValueError, match="no control"):
        assess(prod, DECISIONS, [waiver(control="whatever")])


def test_a_version_warns_before_it_fails(prod: Graph) -> None:
    soon = assess(prod, Decisions(today=date(2027, 2, 1)))["supported-kubernetes-version"]
    assert soon.status == "passed"
    assert "in 54 days" in soon.warnings[0].gap.says
    assert assess(prod, Decisions(today=date(2027, 3, 28)))["supported-kubernetes-version"].status == "failed"


def test_the_text_names_what_is_open_with_its_remedy(prod: Graph) -> None:
    broken = assess(prod.altered("rds.Cluster/hub", "storageEncrypted", False), DECISIONS)
    told = text([broken])
    assert "prod  controls on 2026-11-23: 66 passed · 5 waived · 1 failed" in told
    assert "failed   41 database-encrypted" in told
    assert "rds.Cluster/hub storageEncrypted is false, not true" in told
    assert "→ set storage_encrypted" in told


def test_the_json_holds_every_control_and_matrix(assessments: list[Assessment]) -> None:
    content = json.loads(to_json(assessments))
    assert [one["environment"] for one in content["environments"]] == list(NAMES)
    assert all(len(one["results"]) == 72 for one in content["environments"])
    assert set(content["matrices"]) == {"soc2", "gdpr", "cis", "fsbp"}
    waived = [found for one in content["environments"][2]["results"] for found in one["findings"] if found["waiver"]]
    assert {found["waiver"]["owner"] for found in waived} == {"platform"}


@pytest.mark.parametrize("name", STANDARDS)
def test_a_matrix_has_every_requirement_of_the_catalogue(name: str, assessments: list[Assessment]) -> None:
    standard = STANDARDS[name]
    rows = matrix(standard, assessments)
    assert {row.requirement for row in rows} == {
        one for control in controls() for one in standard.requirements(control)
    }
    assert not standard.names or all(row.name for row in rows)
    for row in rows:
        for cell in row.cells:
            assert cell.passed + cell.waived + cell.failed + cell.left_out == len(row.controls)


def test_the_assessment_says_what_an_auditor_asks(assessments: list[Assessment]) -> None:
    others = [assess(aws_graphs.stack_graph(name), DECISIONS) for name in STACKS if name not in NAMES]
    assert [str(finding) for one in others for finding in one.open] == []
    document = security_assessment([*assessments, *others])
    for control in controls():
        assert control.title in document
    for one in WAIVERS:
        assert one.reason in document
    assert "32(1)(a)" in document
    assert "| EC2.2 |" in document
    assert markdown(assessments).startswith("# Controls\n")


def test_every_threat_has_controls_of_the_catalogue_that_are_judged_in_production(
    assessments: list[Assessment],
) -> None:
    known = {control.id for control in controls()}
    for threat, row in zip(THREATS, rows(assessments), strict=True):
        assert set(threat.controls) <= known, threat.says
        assert row[4].startswith(tuple("123456789")), "something holds in production"
        assert row[4].partition(" ")[0].endswith(f"/{len(threat.controls)}"), "all of them are judged there"


def test_a_monitor_that_the_account_has_already_is_subscribed_to_and_not_made_twice() -> None:
    standing = "arn:aws:ce::222222222222:anomalymonitor/0f5d1e8c"
    found = aws_graphs.captured(aws_graphs.changed(load("staging"), "finance", anomaly_monitor=standing))
    assert not found.of_type("aws:costexplorer/anomalyMonitor:AnomalyMonitor")
    assert not [one for one in assess(found, DECISIONS).open if one.control == "budget-and-anomaly-monitor"]
    silent = found.altered("costexplorer.AnomalySubscription/services", "subscribers", [])
    assert "no monitor looks for unusual cost" in str([str(one) for one in assess(silent, DECISIONS).open])
