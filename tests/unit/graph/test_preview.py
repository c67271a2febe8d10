"""What `pulumi preview --json` says beside the graph; the preview is made by hand, in the format of Pulumi's SDK."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.graph import Graph
from cluster.graph.model import SECRET, Json, references
from cluster.graph.preview import BLINDED, UNKNOWN, NoPreviewError, differences, main
from tests.support.aws_graphs import NAMES, graph

ROOT = Path(__file__).resolve().parents[3]
BY_HAND = json.loads((ROOT / "tests/fixtures/pulumi-preview.json").read_text())


def part() -> Graph:
    """The two resources of the preview that was made by hand."""
    seen = graph("dev")
    kept = {"sqs.Queue/jobs-dead", "sqs.Queue/jobs"}
    return Graph("dev", tuple(one for one in seen if one.key in kept))


def known(value: Json) -> Json:
    """Return an input as the engine has it in a preview."""
    if isinstance(value, str):
        return UNKNOWN if references(value) else value
    if isinstance(value, Mapping):
        return BLINDED if SECRET in value else {name: known(item) for name, item in value.items()}
    return [known(item) for item in value] if isinstance(value, list) else value


def preview(seen: Graph) -> dict[str, Any]:
    """Return the preview of a whole environment that does not exist yet."""
    root: dict[str, Any] = {"op": "create", "urn": "urn:pulumi:dev::automatrix::pulumi:pulumi:Stack::automatrix-dev"}
    steps = [{**root, "newState": {"urn": root["urn"], "type": "pulumi:pulumi:Stack", "custom": False}}]
    for one in seen:
        if not one.is_declared:
            inputs = {**known(dict(one.inputs)), "__defaults": []}
            state = {"urn": one.urn, "type": one.type, "custom": not one.is_component, "inputs": inputs}
            steps.append({"op": "create", "urn": one.urn, "newState": state})
    return {"steps": steps, "duration": 1, "changeSummary": {"create": len(steps)}}


def test_a_preview_made_by_hand_agrees() -> None:
    assert differences(part(), BY_HAND) == ()


@pytest.mark.parametrize("name", NAMES)
def test_a_whole_environment_agrees_with_its_preview(name: str) -> None:
    assert differences(graph(name), preview(graph(name))) == ()


def changed(**inputs: Json) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(json.dumps(BY_HAND))
    content["steps"][1]["newState"]["inputs"].update(inputs)
    return content


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        pytest.param({"messageRetentionSeconds": 60}, "messageRetentionSeconds: is 60 in the preview", id="a value"),
        pytest.param({"name": None}, "name: is missing in the preview", id="an input that did not arrive"),
        pytest.param({"kmsMasterKeyId": "alias/aws/sqs"}, "", id="what hangs on another resource is not known here"),
        pytest.param({"fifoQueue": False}, "", id="what the engine adds"),
    ],
)
def test_an_input_that_the_engine_got_otherwise_is_named(inputs: dict[str, Json], says: str) -> None:
    found = [str(one) for one in differences(part(), changed(**inputs))]
    assert [says in one for one in found] == ([True] if says else [])


def test_a_resource_of_one_side_only_is_named() -> None:
    less = {**BY_HAND, "steps": BY_HAND["steps"][:-1]}
    assert [one.says for one in differences(part(), less)] == ["is in the graph and not in the preview"]
    smaller = part().without("sqs.Queue/jobs")
    assert [one.says for one in differences(smaller, BY_HAND)] == ["is in the preview and not in the graph"]


def test_a_resource_that_will_be_deleted_is_none_of_the_program() -> None:
    old = {"op": "delete", "urn": "urn:pulumi:dev::automatrix::aws:sqs/queue:Queue::old", "oldState": {}}
    assert differences(part(), {**BY_HAND, "steps": [*BY_HAND["steps"], old]}) == ()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param({}, "no steps", id="something else"),
        pytest.param(
            {"steps": [], "diagnostics": [{"severity": "error", "message": "no credentials\n"}]},
            "the preview failed: no credentials",
            id="a preview that failed",
        ),
    ],
)
def test_what_is_no_preview_is_refused(content: dict[str, Json], says: str) -> None:
    with pytest.raises(NoPreviewError, match=says):
        differences(part(), content)


def test_wrong_usage_is_told() -> None:
    assert main(["dev"]) == 2


def test_the_workflow_takes_roles_that_the_program_makes_and_calls_what_is_there() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/infrastructure.yml").read_text())
    roles = {one.get("name") for one in graph("dev").of_type("aws:iam/role:Role")}
    for name, purpose in (("preview", "plan"), ("deploy", "deploy")):
        job = workflow["jobs"][name]
        steps = " ".join(str(step) for step in job["steps"])
        assert f"github-{purpose}" in steps
        assert f"automatrix-dev-github-{purpose}" in roles
        assert job["environment"].endswith("-plan") == (purpose == "plan"), "as the role's trust has it"
    assert "cluster.graph.preview" in str(workflow["jobs"]["preview"]["steps"])
