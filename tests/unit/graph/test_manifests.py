"""What is applied to a cluster: the plan's objects, with what AWS has answered in the place of references."""

from __future__ import annotations

import json

import pytest
import yaml

from cluster.declared.base import GITOPS
from cluster.graph.model import Json, references
from cluster.manifests import objects
from tests.support.aws_graphs import NAMES, graph


def answered(name: str) -> dict[str, Json]:
    """Return the state of a stack in which every output that the objects ask for has a value."""
    rows: dict[str, dict[str, Json]] = {}
    for one in graph(name):
        if one.declared_by != GITOPS:
            continue
        for wanted in references(dict(one.inputs)):
            source = graph(name)[wanted.key]
            row = rows.setdefault(source.key, {"urn": source.urn, "type": source.type, "id": "id-1", "outputs": {}})
            place, *below = reversed(wanted.attribute.split("."))
            value: Json = {place: f"{wanted.key} {wanted.attribute}"}
            for step in below:
                value = {step: value}
            row["outputs"].update(value)
    return {"deployment": {"resources": list(rows.values())}}


@pytest.mark.parametrize("name", NAMES)
def test_every_object_is_there_and_says_what_aws_has_answered(name: str) -> None:
    found = objects(graph(name), answered(name))
    assert len(found) == sum(one.declared_by == GITOPS for one in graph(name)) - 1
    assert "PersistentVolumeClaim" not in {one["kind"] for one in found}, "charts/observability makes it"
    text = json.dumps(found)
    assert "${" not in text
    node_class = next(one for one in found if one["kind"] == "EC2NodeClass")
    assert node_class["spec"]["instanceProfile"] == "iam.InstanceProfile/node name"
    cluster = "eks.Cluster/cluster-eksCluster vpcConfig.clusterSecurityGroupId"
    assert node_class["spec"]["securityGroupSelectorTerms"] == [{"id": cluster}]
    assert found[0]["kind"] == "Namespace"
    assert list(yaml.safe_load_all(yaml.safe_dump_all(found))) == found


def test_a_state_that_lacks_something_is_told_apart_from_one_that_is_whole() -> None:
    state = answered("dev")
    state["deployment"]["resources"] = [
        one for one in state["deployment"]["resources"] if "InstanceProfile" not in one["type"]
    ]
    with pytest.raises(ValueError, match=r"name of iam\.InstanceProfile/node"):
        objects(graph("dev"), state)
