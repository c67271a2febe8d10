"""gitops/: what the engine will find there, read and rendered as it does."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from operators.gitops.models import parse, unserved
from tests.support.helm import Helm, Refused

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ("dev", "staging", "prod")


def manifests(path: Path) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(path.read_text()) if one]


def applications() -> list[dict[str, Any]]:
    return [one for path in sorted((ROOT / "gitops/apps").glob("*.yaml")) for one in manifests(path)]


@pytest.fixture
def checkout(tmp_path: Path, helm: Helm) -> Path:
    """A copy of what the Git server holds, with the tenant's dependencies built."""
    for folder in ("charts", "gitops"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    helm("dependency", "build", str(tmp_path / "gitops/apps/hub"))
    return tmp_path


@pytest.fixture
def environment(checkout: Path, helm: Helm) -> Callable[[str], dict[str, Any]]:
    def rendered(name: str) -> dict[str, Any]:
        [application] = [one for one in applications() if one["metadata"]["name"] == f"hub-{name}"]
        source = application["spec"]["source"]
        chart = checkout / source["path"]
        files = [part for one in source["helm"]["valueFiles"] for part in ("--values", str(chart / one))]
        objects = helm.template(chart, {}, source["helm"]["releaseName"], *files)
        return {f"{one['kind']}/{one['metadata']['name']}": one for one in objects}

    return rendered


def test_the_root_leads_to_the_applications() -> None:
    [root] = manifests(ROOT / "gitops/bootstrap/root.yaml")

    assert (ROOT / root["spec"]["source"]["path"]).is_dir()
    assert "directory" not in root["spec"]["source"], "the folder's own manifests, and not the charts below it"


@pytest.mark.parametrize("application", applications(), ids=lambda one: one["metadata"]["name"])
def test_an_application_asks_for_nothing_that_is_not_served(application: dict[str, Any]) -> None:
    assert unserved(parse(application)) == []


def test_each_environment_has_an_application_and_a_namespace_of_its_own() -> None:
    found = {one["metadata"]["name"]: one["spec"]["destination"]["namespace"] for one in applications()}

    assert found == {f"hub-{name}": f"hub-{name}" for name in ENVIRONMENTS}


def test_all_manifests_name_one_repository() -> None:
    urls = {
        one["spec"]["source"]["repoURL"] for one in [*applications(), *manifests(ROOT / "gitops/bootstrap/root.yaml")]
    }

    assert urls == {"http://git.automatrix-system.svc.cluster.local/platform.git"}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_renders_both_services(environment: Callable[[str], dict[str, Any]], name: str) -> None:
    objects = environment(name)

    assert {"Deployment/hub-api", "Deployment/hub-worker"} <= set(objects)
    if name == "prod":  # its Canary makes Service and route
        hostnames = objects["Canary/hub-api"]["spec"]["traffic"]["hostnames"]
    else:
        assert "Service/hub-api" in objects
        hostnames = objects["HTTPRoute/hub-api"]["spec"]["hostnames"]
    assert hostnames == [f"hub-{name}.localhost"]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_what_people_edit_is_short_and_what_machines_write_is_images_only(name: str) -> None:
    folder = ROOT / "gitops/environments" / name / "hub"
    release = yaml.safe_load((folder / "release.yaml").read_text())

    assert len((folder / "values.yaml").read_text().splitlines()) < 20
    assert all(set(service) == {"image"} for service in release.values())
    assert "image" not in (folder / "values.yaml").read_text()


def test_the_release_file_decides_the_image(checkout: Path, environment: Callable[[str], dict[str, Any]]) -> None:
    release = checkout / "gitops/environments/staging/hub/release.yaml"
    release.write_text(release.read_text().replace("unreleased", '"0123456789ab"'))

    for name in ("hub-api", "hub-worker"):
        [container] = environment("staging")[f"Deployment/{name}"]["spec"]["template"]["spec"]["containers"]
        assert container["image"] == "automatrix/hub:0123456789ab"


def test_a_wrong_value_names_the_service_it_was_meant_for(
    checkout: Path, environment: Callable[[str], dict[str, Any]]
) -> None:
    values = checkout / "gitops/environments/prod/hub/values.yaml"
    values.write_text(values.read_text().replace("replicas: 2", "replicas: two"))

    with pytest.raises(Refused) as error:
        environment("prod")

    assert "api:\n- replicas: Invalid type. Expected: integer, given: string" in str(error.value)
