"""Which workload reaches what, and that one open or shut layer shows as exactly the paths it carries."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from cluster.graph.model import Graph
from cluster.reports.reach import INTERNET, PODS, difference, markdown, reach, text, to_json
from tests.support.mutations.case import Mutation, allowing, alter, edit, every, lose, ref

ROOT = Path(__file__).resolve().parents[3]
WEB, WORKER, SECRETS = "hub-prod/hub-api", "hub-prod/hub-worker", "external-secrets/external-secrets"
BALANCER = "lb.LoadBalancer/web"
DATABASE, CACHE = "rds.Cluster/hub", "elasticache.ReplicationGroup/cache"
CLUSTER_GROUP = "vpc.SecurityGroupIngressRule/database-from-cluster"


def test_services_reach_their_stores_and_no_others(prod: Graph) -> None:
    found = {(one.workload, one.target) for one in reach(prod) if one.open and one.target != INTERNET}
    own = (DATABASE, CACHE, "s3.Bucket/uploads", "sqs.Queue/jobs")
    assert found == {
        *((WEB, one) for one in own),
        *((WORKER, one) for one in own),
        (SECRETS, "secretsmanager.Secret/sentry"),
        ("kube-system/karpenter", "sqs.Queue/interruptions"),
        (BALANCER, PODS),
    }


def test_every_workload_reaches_the_internet_by_nat_alone(prod: Graph) -> None:
    assert {one.open for one in reach(prod) if one.target == INTERNET} == {True}
    without = lose(*(f"ec2.Route/private-{zone}" for zone in "abc"))(prod)
    assert {one.open for one in reach(without) if one.target == INTERNET} == {False}


def test_a_store_in_the_other_region_is_out_of_reach(prod: Graph) -> None:
    assert {one.closed_by for one in reach(prod) if one.target == "rds.Cluster/hub-secondary"} == {"route"}


@pytest.mark.parametrize(
    ("change", "want"),
    [
        pytest.param(
            edit(
                "iam.RolePolicy/external-dns", "policy", allowing(Action="sqs:*", Resource=ref("sqs.Queue/jobs", "arn"))
            ),
            {("automatrix-gateway/external-dns", "sqs.Queue/jobs", True)},
            id="a right opens one path",
        ),
        pytest.param(
            edit("iam.RolePolicy/hub-web", "policy", allowing(Action="s3:GetObject", Resource="*")),
            set(),
            id="a right beyond the boundary opens none",
        ),
        pytest.param(
            every(
                edit("iam.RolePolicy/hub-web", "policy", allowing(Action="s3:GetObject", Resource="*")),
                alter("iam.Role/hub-web", "permissionsBoundary", None),
            ),
            {(WEB, f"s3.Bucket/{name}", True) for name in ("access-logs", "assets", "audit")},
            id="without the boundary it opens all of them",
        ),
        pytest.param(
            lose(CLUSTER_GROUP),
            {(WEB, DATABASE, False), (WORKER, DATABASE, False)},
            id="without the group's rule nobody reaches the database",
        ),
        pytest.param(
            alter(CLUSTER_GROUP, "toPort", 5432),
            {(WEB, DATABASE, False), (WORKER, DATABASE, False)},
            id="nor on another port",
        ),
        pytest.param(
            alter("ec2.NetworkAcl/isolated", "ingress", []),
            {(one, store, False) for one in (WEB, WORKER) for store in (DATABASE, CACHE)},
            id="an ACL that refuses shuts both stores",
        ),
        pytest.param(
            alter("ec2.NetworkAcl/isolated", "egress", []),
            {(one, store, False) for one in (WEB, WORKER) for store in (DATABASE, CACHE)},
            id="as does one that lets no answer out",
        ),
        pytest.param(
            alter("kubernetes.NetworkPolicy/hub-prod.platform", "spec.egress.3.ports.0.port", 5432),
            {(WEB, DATABASE, False), (WORKER, DATABASE, False)},
            id="a network policy that names another port shuts the database",
        ),
        pytest.param(
            edit(
                "s3.BucketPolicy/uploads",
                "policy",
                allowing(
                    Principal={"AWS": ref("iam.Role/external-dns", "arn")},
                    Action="s3:GetObject",
                    Resource=ref("s3.Bucket/uploads", "arn") + "/*",
                ),
            ),
            {("automatrix-gateway/external-dns", "s3.Bucket/uploads", True)},
            id="a bucket that invites somebody opens a path",
        ),
        pytest.param(
            edit(
                "sqs.QueuePolicy/jobs",
                "policy",
                allowing(Principal="*", Action="sqs:SendMessage", Resource=ref("sqs.Queue/jobs", "arn")),
            ),
            {
                (f"{namespace}/{name}", "sqs.Queue/jobs", True)
                for namespace, name in (
                    ("automatrix-gateway", "external-dns"),
                    ("automatrix-observability", "otel-collector"),
                    ("automatrix-system", "database-operator"),
                    ("external-secrets", "external-secrets"),
                    ("kube-system", "aws-load-balancer-controller"),
                    ("kube-system", "aws-node"),
                    ("kube-system", "ebs-csi-controller-sa"),
                    ("kube-system", "karpenter"),
                )
            },
            id="a queue that invites everybody opens all",
        ),
        pytest.param(
            edit(
                "ec2.VpcEndpoint/s3",
                "policy",
                lambda one: one["Statement"][0].__setitem__("Resource", "arn:aws:s3:::another/*"),
            ),
            {(one, "s3.Bucket/uploads", False) for one in (WEB, WORKER)},
            id="an end point's policy shuts what it does not name",
        ),
        pytest.param(
            lose("vpc.SecurityGroupIngressRule/pods-from-load-balancer"),
            {(BALANCER, PODS, False)},
            id="without the pods' rule the load balancer reaches nobody",
        ),
        pytest.param(
            lose("vpc.SecurityGroupEgressRule/load-balancer-to-pods"),
            {(BALANCER, PODS, False)},
            id="nor without a way out of its own group",
        ),
        pytest.param(
            alter("eks.PodIdentityAssociation/external-dns", "roleArn", ref("iam.Role/hub-worker", "arn")),
            {("automatrix-gateway/external-dns", one, True) for one in ("s3.Bucket/uploads", "sqs.Queue/jobs")},
            id="a borrowed role opens what its namespace may call, and not the stores",
        ),
    ],
)
def test_a_change_shows_as_the_paths_that_it_opens_or_closes(
    change: Mutation, want: set[tuple[str, str, bool]], prod: Graph
) -> None:
    assert set(difference(reach(prod), reach(change(prod)))) == want


def test_every_form_tells_the_same(prod: Graph) -> None:
    paths = reach(prod)
    opened = sum(one.open for one in paths)
    assert text(paths).count("  yes") == opened
    assert len(markdown(paths).splitlines()) == opened + 2
    assert sum(one["open"] for one in json.loads(to_json(paths))) == opened


@pytest.mark.parametrize("part", ["api", "worker"])
def test_a_service_of_the_hub_has_the_account_that_its_chart_gives_it(part: str, prod: Graph) -> None:
    """The chart names a service's account after release and part: `hub` and what gitops/apps/hub/values.yaml has."""
    assert part in yaml.safe_load((ROOT / "gitops/apps/hub/values.yaml").read_text())
    associations = prod.of_type("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    assert f"hub-{part}" in {one.get("serviceAccount") for one in associations if one.get("namespace") == "hub-prod"}
