"""What holds for every chart: it renders, its values are checked and explained, and its pods and rights are narrow."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.support.helm import Chart, Helm, Manifest, Refused, pod_templates

OWN_LABELS = {"app.kubernetes.io/name", "app.kubernetes.io/instance"}
FORBIDDEN_VERBS = {"*", "escalate", "bind", "impersonate", "deletecollection"}


@pytest.fixture(params=["least", "full"])
def objects(request: pytest.FixtureRequest, helm: Helm, chart: Chart) -> list[Manifest]:
    return helm.template_once(chart.path, getattr(chart, request.param))


def test_lint_finds_nothing(helm: Helm, chart: Chart) -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(chart.path), values=chart.least)


def test_an_unknown_key_is_refused_by_its_name(helm: Helm, chart: Chart) -> None:
    with pytest.raises(Refused, match="Additional property replcias is not allowed"):
        helm.template(chart.path, {**chart.least, "replcias": 2})


def leaves(values: dict[str, Any], path: str = "") -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, dict) and value and key not in {"manages", "resources"}:
            yield from leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}"


def test_every_default_value_has_a_rule_and_is_explained(chart: Chart) -> None:
    values = chart.path / "values.yaml"
    if not values.exists() or not (chart.path / "README.md").exists():
        return
    schema = json.loads((chart.path / "values.schema.json").read_text())
    readme = (chart.path / "README.md").read_text()
    defaults = yaml.safe_load(values.read_text())

    assert set(defaults) <= set(schema["properties"])
    for path in leaves(defaults):
        parent, _, leaf = path.rpartition(".")
        assert f"`{path}`" in readme or (f".{leaf}`" in readme and parent in readme), f"README.md is silent on {path}"


def test_every_object_says_whose_it_is(objects: list[Manifest]) -> None:
    for one in objects:
        if one["kind"] in {"CustomResourceDefinition", "Namespace", "Secret", "ConfigMap"}:
            continue
        assert set(one["metadata"]["labels"]) >= OWN_LABELS, f"{one['kind']}/{one['metadata']['name']}"


def with_tag(values: dict[str, Any], tag: str) -> dict[str, Any]:
    """The values with every image at this tag."""
    changed = {key: with_tag(value, tag) if isinstance(value, dict) else value for key, value in values.items()}
    return {**changed, "image": {**values["image"], "tag": tag}} if "image" in values else changed


@pytest.mark.parametrize(
    ("tag", "version"),
    [
        pytest.param(f"1.0@sha256:{'a' * 64}", "1.0", id="pinned by digest"),
        pytest.param(f"{'a' * 62}.{'b' * 40}", "a" * 62, id="long, with a dot where it is cut"),
        pytest.param("_1.0-", "1.0", id="with ends that no label has"),
    ],
)
def test_every_tag_an_image_may_have_makes_a_valid_label(helm: Helm, chart: Chart, tag: str, version: str) -> None:
    defaults = chart.path / "values.yaml"
    values = yaml.safe_load(defaults.read_text()) if defaults.exists() else {}
    for one in helm.template(chart.path, with_tag({**values, **chart.least}, tag)):
        found = one["metadata"].get("labels", {}).get("app.kubernetes.io/version", version)
        assert found == version, f"{one['kind']}/{one['metadata']['name']}"


def test_no_object_is_rendered_twice(objects: list[Manifest]) -> None:
    names = [(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in objects]

    assert sorted(set(names), key=str) == sorted(names, key=str)


def test_pods_keep_to_the_restricted_standard(objects: list[Manifest]) -> None:
    for owner, template in pod_templates(objects):
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True, owner
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, owner
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec), owner
        assert not [volume for volume in spec.get("volumes", []) if "hostPath" in volume], owner
        for container in spec["containers"] + spec.get("initContainers", []):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, owner
            assert context["readOnlyRootFilesystem"] is True, owner
            assert context["capabilities"] == {"drop": ["ALL"]}, owner
            assert "privileged" not in context, owner


def test_containers_say_what_they_need_and_come_from_the_node_when_it_has_them(objects: list[Manifest]) -> None:
    for owner, template in pod_templates(objects):
        for container in template["spec"]["containers"]:
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), owner
            assert "memory" in container["resources"]["limits"], owner
            assert container["imagePullPolicy"] == "IfNotPresent", owner
            assert re.fullmatch(r".+:[^:]+", container["image"]), owner


def test_rights_are_named_one_by_one(objects: list[Manifest]) -> None:
    for one in objects:
        if one["kind"] not in {"Role", "ClusterRole"}:
            continue
        for rule in one["rules"]:
            said = f"{one['kind']}/{one['metadata']['name']}: {rule}"
            assert not FORBIDDEN_VERBS & set(rule["verbs"]), said
            assert "*" not in rule["resources"], said
            assert "*" not in rule["apiGroups"], said
            assert not {"roles", "clusterroles", "rolebindings", "clusterrolebindings"} & set(rule["resources"]), said


def test_nobody_is_cluster_admin_unasked(objects: list[Manifest]) -> None:
    bound = {one["roleRef"]["name"] for one in objects if one["kind"].endswith("RoleBinding")}

    assert "cluster-admin" not in bound


def test_every_selector_of_a_service_or_policy_finds_a_pod(objects: list[Manifest]) -> None:
    labels = [template["metadata"]["labels"] for _, template in pod_templates(objects)]
    for one in objects:
        selector = selector_of(one)
        assert not selector or any(selector.items() <= found.items() for found in labels), one["metadata"]["name"]


def selector_of(one: Manifest) -> dict[str, str]:
    """The labels by which an object finds pods; a Service's stand at another place than the others'."""
    spec = one.get("spec", {})
    if one["kind"] == "Service":
        return dict(spec["selector"])
    if one["kind"] in {"Deployment", "NetworkPolicy", "PodDisruptionBudget"}:
        return dict(spec.get("selector", spec.get("podSelector", {})).get("matchLabels", {}))
    return {}
