"""What a change does, told for a pull request."""

from __future__ import annotations

import json

from cluster.environments import load
from cluster.graph import Graph
from cluster.reports.difference import Change, as_json, as_markdown, as_text, change, headline
from cluster.reports.documents import AS_OF
from cluster.reports.views import Subject
from tests.support.aws_graphs import graph


def subject(seen: Graph) -> Subject:
    return Subject(load(seen.environment), seen, AS_OF)


def from_prod_to(after: Graph) -> Change:
    return change(subject(graph("prod")), subject(after), ("main:prod", "prod"))


def test_no_change_says_so() -> None:
    found = from_prod_to(graph("prod"))
    assert headline(found) == "prod and main:prod are the same."
    assert as_text(found) == headline(found) + "\n"


def test_a_path_that_opens_is_the_first_thing_said() -> None:
    """The web service's role may suddenly read every secret, and no boundary holds it back."""
    prod = graph("prod")
    policy = prod["iam.RolePolicy/hub-web"].document("policy")
    statement = {"Effect": "Allow", "Action": ["secretsmanager:GetSecretValue"], "Resource": "*"}
    wider = {**policy, "Statement": [*policy["Statement"], statement]}
    after = prod.altered("iam.RolePolicy/hub-web", "policy", json.dumps(wider))
    assert from_prod_to(after).opened == (), "the boundary does not let it"
    found = from_prod_to(after.altered("iam.Role/hub-web", "permissionsBoundary", None))
    assert found.opened == (("hub-prod/hub-api", "secretsmanager.Secret/sentry"),)
    assert "hub-prod/hub-api can reach secretsmanager.Secret/sentry now." in as_markdown(found)
    assert found.cost.expected == 0


def test_a_control_that_fails_now_and_the_input_that_did_it() -> None:
    found = from_prod_to(graph("prod").altered("rds.Cluster/hub", "storageEncrypted", False))
    assert "database-encrypted" in found.failing
    assert ("rds.Cluster/hub", "storageEncrypted: True → False") in found.resources
    assert "The control database-encrypted fails now." in headline(found)


def test_a_dearer_instance_is_told_in_dollars() -> None:
    found = from_prod_to(graph("prod").without("rds.ClusterInstance/hub-1"))
    assert f"prod costs {-730 * 0.276:+,.2f} US dollars a month" in headline(found)
    assert ("zone", "0 s / 15 min", "0 s / 15 min") not in found.recovery
    assert ("rds.ClusterInstance/hub-1", "gone") in found.resources


def test_two_environments_are_compared_service_by_service() -> None:
    """hub-staging/hub-api and hub-prod/hub-api are the same workload, whose ways are the same."""
    found = change(subject(graph("staging")), subject(graph("prod")))
    assert not [one for one in found.paths if "hub-" in one[0]]
    plain = json.loads(json.dumps(as_json(found)))
    assert plain["before"] == "staging"
    assert plain["cost"]["total"]["after"]["expected"] > plain["cost"]["total"]["before"]["expected"]
    assert ("region", "everything / 110 min", "33 h / 95 min") in found.recovery
