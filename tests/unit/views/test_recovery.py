"""What each failure costs, and that it follows from the resources and from nothing else."""

from __future__ import annotations

import json

import pytest

from cluster.environments import DEV, PROD
from cluster.graph import Graph
from cluster.graph.capture import capture_program
from cluster.isolated import build_vault
from cluster.reports.recovery import Scenario, as_json, as_markdown, as_text, duration, recovery
from cluster.standing import importing, standing
from tests.support.aws_graphs import NAMES, captured, changed, graph, stack_graph

MINUTE, HOUR, DAY = 60, 3600, 86400


def scenario(seen: Graph, name: str) -> Scenario:
    return next(one for one in recovery(seen) if one.name == name)


def loss(seen: Graph, name: str, store: str) -> float | None:
    return next(one.seconds for one in scenario(seen, name).losses if one.store == store)


@pytest.mark.parametrize("name", NAMES)
def test_every_failure_has_a_drill_and_an_end(name: str) -> None:
    found = recovery(graph(name))
    assert [one.name for one in found] == ["pod", "node", "zone", "bad write", "region", "account"]
    for one in found:
        assert one.drill.commands
        assert one.drill.expect
        assert 0 < one.rto_s < DAY, one.name


def test_production_loses_nothing_with_a_zone_and_writes_again_in_a_minute() -> None:
    found = scenario(graph("prod"), "zone")
    assert found.rpo_s == 0
    assert found.tracks()["database"] == MINUTE
    assert found.tracks()["requests"] == 2 * 30, "two checks of the load balancer"
    assert "way out" not in found.tracks(), "every zone has its own"


def test_the_other_environments_wait_for_an_instance_and_for_a_way_out() -> None:
    found = scenario(graph("dev"), "zone")
    assert found.rpo_s == 0
    assert found.tracks()["database"] == 15 * MINUTE
    assert found.tracks()["way out"] == 30 * MINUTE


def test_a_lost_region_takes_the_uploads_since_the_last_copy_and_of_the_database_what_the_alarm_allows() -> None:
    prod = graph("prod")
    found = scenario(prod, "region")
    assert loss(prod, "region", "rds.Cluster/hub") == 60
    assert loss(prod, "region", "s3.Bucket/uploads") == DAY + (1 + 4 + 4) * HOUR, (
        "it begins within 1 h, takes 4, is copied in 4"
    )
    assert found.rpo_s == 33 * HOUR
    # decide, take over what stands, the network's rest, cluster, nodes, Git, the edge, look
    assert found.tracks()["platform"] == (15 + 15 + 10 + 15 + 10 + 10 + 5 + 15) * MINUTE
    assert found.tracks()["database"] == (15 + 15 + 5) * MINUTE, "an instance first: without one nothing takes over"
    assert found.rto_s == 95 * MINUTE
    assert any("us-east-1 alone" in gap for gap in found.gaps)
    late = prod.altered("cloudwatch.MetricAlarm/database-replica-lag", "threshold", 300_000)
    assert loss(late, "region", "rds.Cluster/hub") == 300


def test_without_copies_a_region_takes_everything() -> None:
    assert scenario(graph("staging"), "region").rpo_s is None
    assert duration(None) == "everything"


def test_a_lost_account_takes_what_was_written_since_the_last_copy_was_handed_on() -> None:
    prod = graph("prod")
    found = scenario(prod, "account")
    assert found.defects == ()
    assert found.rpo_s == DAY + 10 * HOUR + 4 * HOUR, "a day, from 2 to 12 o'clock, and the copy itself"
    assert any("keeps backups from being deleted" in gap for gap in found.gaps)
    assert any("account of its own" in one.why for one in found.losses)


@pytest.mark.parametrize(
    "missing",
    [
        pytest.param("sfn.StateMachine/isolated-copy", id="nothing copies"),
        pytest.param("scheduler.Schedule/isolated-copy", id="nothing starts what copies"),
    ],
)
def test_copies_that_nothing_starts_save_nothing_and_are_to_be_mended(missing: str) -> None:
    found = scenario(graph("prod").without(missing), "account")
    assert found.rpo_s is None
    assert any("nothing starts such a copy" in defect for defect in found.defects)


def test_the_isolated_account_has_a_locked_vault_under_its_own_key_that_production_may_only_fill() -> None:
    seen = capture_program(lambda: build_vault(PROD), "isolated")
    vault, lock = seen["backup.Vault/isolated"], seen["backup.VaultLockConfiguration/isolated"]
    assert vault.protect
    assert seen.target(vault.get("kmsKeyArn")) == seen["kms.Key/isolated"]
    assert lock.get("minRetentionDays") <= PROD.recovery.isolated_days <= lock.get("maxRetentionDays")
    (statement,) = json.loads(seen["backup.VaultPolicy/isolated"].get("policy"))["Statement"]
    assert statement["Action"] == ["backup:CopyIntoBackupVault"]
    assert PROD.account_id in statement["Principal"]["AWS"]
    assert PROD.recovery.copy_to_account in seen["pulumi.aws/data"].get("allowedAccountIds")
    machine = graph("prod")["sfn.StateMachine/isolated-copy"].get("definition")
    assert f"backup-vault:{vault.get('name')}" in machine


def test_a_bad_write_costs_five_minutes_while_the_database_keeps_its_log() -> None:
    prod = graph("prod")
    assert loss(prod, "bad write", "rds.Cluster/hub") == 300
    assert loss(prod, "bad write", "s3.Bucket/uploads") == 0, "old versions are kept"
    none = prod.altered("rds.Cluster/hub", "backupRetentionPeriod", 0)
    assert loss(none, "bad write", "rds.Cluster/hub") == DAY + 5 * HOUR, "then only the daily backup is left"
    bare = none.without("backup.Selection/tagged")
    assert loss(bare, "bad write", "rds.Cluster/hub") is None
    plain = prod.altered("s3.BucketVersioning/uploads", "versioningConfiguration.status", "Suspended")
    assert loss(plain, "bad write", "s3.Bucket/uploads") == DAY + 5 * HOUR


def test_one_machine_with_postgresql_is_restored_where_a_standby_takes_over() -> None:
    alone = captured(changed(DEV, "database", engine="rds", instance_type="db.t4g.micro", min_acu=0.5))
    found = scenario(alone, "zone")
    assert (found.rpo_s, found.tracks()["database"]) == (300, 30 * MINUTE)
    both = captured(changed(DEV, "database", engine="rds", instance_type="db.t4g.micro", min_acu=0.5, readers=1))
    found = scenario(both, "zone")
    assert (found.rpo_s, found.tracks()["database"]) == (0, 2 * MINUTE)


def test_network_and_images_are_made_where_no_pilot_light_stands() -> None:
    without = captured(changed(PROD, "recovery", pilot_light=False))
    assert "no pilot light" in as_markdown("prod", recovery(without))
    assert scenario(without, "region").rto_s == scenario(graph("prod"), "region").rto_s + (30 - 15) * MINUTE


def test_the_drills_are_those_of_the_environment() -> None:
    def commands(name: str, failure: str) -> str:
        return "\n".join(scenario(graph(name), failure).drill.commands)

    region = commands("prod", "region")
    assert region.index("create-db-instance") < region.index("failover-global-cluster") < region.index("pulumi up")
    assert "--allow-data-loss" in region
    assert "pulumi up --stack prod-recovered" in region
    assert "create-db-instance" in commands("dev", "zone"), "one instance: another is made to fail over to"
    assert "create-db-instance" not in commands("prod", "zone")
    for name in NAMES:
        back = commands(name, "bad write")
        assert "--db-subnet-group-name" in back
        assert "--vpc-security-group-ids" in back
        assert "create-db-instance" in back, "a restored cluster has no instance"
        assert "terminate-instances" in commands(name, "node")


def test_what_stands_in_takes_over_what_stands_and_shares_no_name_with_what_is_lost() -> None:
    lost, found = graph("prod"), stack_graph("prod-recovered")
    secondary, group = lost["rds.Cluster/hub-secondary"], lost["ec2.SecurityGroup/recovery-database"]
    assert found["rds.Cluster/hub"].get("clusterIdentifier") == secondary.get("clusterIdentifier")
    assert found["ec2.SecurityGroup/database"].get("name") == group.get("name")
    assert found["ec2.Vpc/main"].get("cidrBlock") == lost["ec2.Vpc/recovery"].get("cidrBlock")
    for token, second, first in (
        ("rds.SubnetGroup", "recovery", "database"),
        ("rds.ClusterParameterGroup", "hub-secondary", "hub"),
        ("cloudwatch.LogGroup", "database-secondary", "database"),
    ):
        assert found[f"{token}/{first}"].get("name") == lost[f"{token}/{second}"].get("name")
    assert not found.of_type("aws:ecr/repository:Repository"), "replication has made them"
    for suffix in "abc":
        here, there = found[f"ec2.Subnet/isolated-{suffix}"], lost[f"ec2.Subnet/recovery-isolated-{suffix}"]
        assert here.get("cidrBlock") == there.get("cidrBlock")
        assert here.get("availabilityZone") == there.get("availabilityZone")
    taken = {secondary.get("clusterIdentifier"), group.get("name")}
    for token, field in (("iam/role:Role", "name"), ("s3/bucket:Bucket", "bucket"), ("iam/policy:Policy", "name")):
        names = [{one.get(field) for one in seen.of_type(f"aws:{token}")} for seen in (lost, found)]
        assert not (names[0] & names[1]) - taken, token
    regions = {found.region(one) for one in found.cloud() if not one.is_declared}
    assert regions == {"us-west-2", "us-east-1"}


def test_import_takes_what_stands_and_leaves_what_is_to_be_made() -> None:
    wanted = {
        "resources": [
            {"type": "automatrix:index:Network", "name": "network", "component": True},
            {"type": "automatrix:index:Edge", "name": "edge", "component": True},
            {"type": "aws:ec2/vpc:Vpc", "name": "main", "id": "<PLACEHOLDER>", "parent": "network"},
            {"type": "aws:ec2/internetGateway:InternetGateway", "name": "main", "id": "<PLACEHOLDER>"},
        ]
    }
    found = importing(wanted, {"ec2.Vpc/main": "vpc-1"})
    assert [(one["name"], one.get("id")) for one in found["resources"]] == [("network", None), ("main", "vpc-1")]
    with pytest.raises(ValueError, match=r"rds\.Cluster/hub"):
        importing(wanted, {"rds.Cluster/hub": "x"})
    stack = {"type": "pulumi:pulumi:Stack", "outputs": {"standing": {"ec2.Vpc/main": "vpc-1"}}}
    assert standing({"checkpoint": {"latest": {"resources": [stack]}}}) == {"ec2.Vpc/main": "vpc-1"}


def test_jobs_of_a_dead_worker_come_back_when_the_queue_gives_them_out_again() -> None:
    prod = graph("prod")
    assert scenario(prod, "pod").tracks()["jobs"] == 900
    quick = prod.altered("sqs.Queue/jobs", "visibilityTimeoutSeconds", 60)
    assert scenario(quick, "pod").tracks()["jobs"] == 60


def test_text_and_json_say_the_same() -> None:
    found = recovery(graph("prod"))
    plain = json.loads(json.dumps(as_json(found)))
    assert [one["rto_s"] for one in plain] == [one.rto_s for one in found]
    text = as_text("prod", found)
    assert "the Region is lost" in text
    assert "33 h" in text
    assert [duration(each) for each in (0, 90, 300, 7200)] == ["0 s", "90 s", "5 min", "2 h"]


def test_who_stands_in_publishes_the_site_again_and_applies_its_objects() -> None:
    lost = scenario(graph("prod"), "region")
    assert any(gap.startswith("assets: static files") for gap in lost.gaps)
    commands = "\n".join(lost.drill.commands)
    made = stack_graph("prod-recovered")["s3.Bucket/assets"].get("bucket")
    assert f"s3://{made.rpartition('-')[0]}-<account>" in commands
    assert "cluster.manifests prod-recovered" in commands
