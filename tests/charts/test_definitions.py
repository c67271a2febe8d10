"""The definitions in the chart are those of the models, and Helm leaves them as they were written."""

from __future__ import annotations

from pathlib import Path

import yaml

from operators import crds
from tests.support.helm import ROOT, Helm, Manifest

PLATFORM = ROOT / "charts/platform"
LEAST = {"image": {"tag": "1.0"}}


def rendered(helm: Helm, **values: object) -> dict[str, Manifest]:
    objects = helm.template(PLATFORM, {**LEAST, **values})
    return {one["metadata"]["name"]: one for one in objects if one["kind"] == "CustomResourceDefinition"}


def test_the_chart_holds_what_the_models_say() -> None:
    held = {path.name: path.read_text() for path in crds.FOLDER.glob("*.yaml")}

    assert held == crds.files(), "the models have changed: run `make crds` and commit what it writes"


def test_helm_renders_them_unchanged(helm: Helm) -> None:
    assert rendered(helm) == {one["metadata"]["name"]: one for one in crds.definitions()}


def test_they_stay_away_when_told(helm: Helm) -> None:
    assert "applications.argoproj.io" not in rendered(helm, crds={"applications": "never"})


def test_every_definition_outlives_an_uninstall() -> None:
    for one in crds.definitions():
        assert one["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_a_users_object_is_stored_as_it_was_written() -> None:
    for one in crds.definitions():
        assert "default:" not in yaml.safe_dump(one)


def test_braces_in_a_description_are_not_taken_for_helms(tmp_path: Path, helm: Helm) -> None:
    description = "an example: {{ .Values.x }} and {{}}"
    text = crds.template({"metadata": {"name": "x"}, "kind": "List", "description": description})
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: braces\nversion: 0.1.0\n")
    (tmp_path / "templates/x.yaml").write_text(text)

    [one] = helm.template(tmp_path, {})

    assert one["description"] == description
