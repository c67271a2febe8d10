"""The Git server's chart: what it starts really serves, what outlives it, and whom it lets in."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.git_server import PLAIN_GIT, GitServer
from tests.support.helm import Helm, Refused

Render = Callable[..., dict[str, Any]]
IMAGE = {"image": {"tag": "1.0"}}


@pytest.fixture
def git(render: Render) -> Callable[..., dict[str, Any]]:
    return lambda **more: render("git", {**IMAGE, **more}, release="git")


def container(objects: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = objects["StatefulSet/git"]["spec"]["template"]["spec"]["containers"][0]
    return found


def test_what_the_pod_is_given_starts_and_serves(git: Render, tmp_path: Path) -> None:
    objects = git(repositories=["platform", "tenants"], trackedBranch="trunk")
    files = tmp_path / "etc"
    files.mkdir()
    for name, text in objects["ConfigMap/git-server"]["data"].items():
        (files / name).write_text(text)
        (files / name).chmod(0o444)
    mounts = {mount["mountPath"] for mount in container(objects)["volumeMounts"]}
    env = {one["name"].removeprefix("GIT_SERVER_"): one["value"] for one in container(objects)["env"]}
    for name in ("DATA", "RUN", "CREDENTIAL"):
        assert env.pop(name) in mounts
    assert os.path.dirname(env.pop("WEBHOOK_SECRET")) in mounts  # noqa: PTH120 - a path of the pod, not of this machine
    assert container(objects)["command"] == ["python3", "/etc/git-server/start.py"]
    assert env.pop("PORT") == "8080"
    del env["PYTHONDONTWRITEBYTECODE"]

    server = GitServer(tmp_path / "server", extra=env, program=files / "start.py")
    server.start()
    try:
        for repository in ("platform", "tenants"):
            url = server.url.replace("platform.git", f"{repository}.git")
            subprocess.run(["git", "clone", "-q", url, tmp_path / repository], check=True, env=PLAIN_GIT)
            head = (tmp_path / repository / ".git" / "HEAD").read_text()
            assert head == "ref: refs/heads/trunk\n"
    finally:
        server.stop()


def test_the_address_is_the_one_applications_have_in_their_source(git: Render) -> None:
    objects = git()
    assert objects["Service/git"]["spec"]["ports"] == [
        {"name": "http", "port": 80, "targetPort": "http", "nodePort": 30081}
    ]
    env = {one["name"]: one["value"] for one in container(objects)["env"]}
    assert env["GIT_SERVER_PUBLIC_URL"] == "http://git.hub-dev.svc.cluster.local", "the namespace of the release"


def test_passwords_are_random(helm: Helm) -> None:
    chart = Path(__file__).parents[2] / "charts" / "git"
    passwords = set()
    for name in ("a", "b"):
        secrets = [one for one in helm.template(chart, IMAGE, name) if one["kind"] == "Secret"]
        data = next(one["data"] for one in secrets if one["metadata"]["name"] == "git-credential")
        assert base64.b64decode(data["username"]) == b"amx"
        passwords.add(base64.b64decode(data["password"]))
    assert len(passwords) == 2
    assert {len(password) for password in passwords} == {32}


def test_the_history_outlives_the_release_and_can_grow(git: Render) -> None:
    claim = git(storage={"size": "5Gi"})["PersistentVolumeClaim/git-data"]
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert claim["spec"]["resources"]["requests"]["storage"] == "5Gi"
    assert "volumeClaimTemplates" not in git()["StatefulSet/git"]["spec"]


def test_the_pod_has_no_rights_in_the_cluster(git: Render) -> None:
    objects = git()
    assert objects["StatefulSet/git"]["spec"]["template"]["spec"]["automountServiceAccountToken"] is False
    assert objects["ServiceAccount/git"]["automountServiceAccountToken"] is False
    assert not [name for name in objects if "Role" in name]


def test_a_drain_is_never_blocked(git: Render) -> None:
    assert git()["PodDisruptionBudget/git"]["spec"]["maxUnavailable"] == 1


def test_without_a_node_port_only_the_engine_and_those_named_get_in(git: Render) -> None:
    objects = git(service={"nodePort": None}, networkPolicy={"fromNamespaces": ["ci"]})
    assert objects["Service/git"]["spec"].get("type", "ClusterIP") == "ClusterIP"
    ingress = objects["NetworkPolicy/git"]["spec"]["ingress"]
    expression = ingress[0]["from"][0]["namespaceSelector"]["matchExpressions"][0]
    assert sorted(expression["values"]) == ["argocd", "ci"]
    assert "from" not in git()["NetworkPolicy/git"]["spec"]["ingress"][0], "a node's port is reached from anywhere"


def test_the_server_reaches_names_and_the_engine_and_nothing_else(git: Render) -> None:
    url = "http://gitops-engine.gitops.svc.cluster.local:8080"
    egress = git(engine={"namespace": "gitops", "url": url})["NetworkPolicy/git"]["spec"]["egress"]
    assert targets(egress) == {("kube-system", 53), ("gitops", 8080)}


def targets(egress: list[dict[str, Any]]) -> set[tuple[str, int]]:
    """Namespace and port of every rule."""
    return {
        (rule["to"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"], port["port"])
        for rule in egress
        for port in rule["ports"]
    }


@pytest.mark.parametrize(
    ("engine", "reached"),
    [
        ({"url": "http://engine.argocd.svc:9999"}, {("argocd", 8080), ("argocd", 9999)}),
        ({"url": "http://engine.argocd"}, {("argocd", 8080), ("argocd", 80)}),
        (
            {"url": "http://e.other.svc.cluster.local:9999/"},
            {("argocd", 8080), ("argocd", 9999), ("other", 8080), ("other", 9999)},
        ),
        ({"url": "http://engine.example.org:9999"}, {("argocd", 8080), ("argocd", 9999)}),
        ({"url": "http://engine:8080"}, {("argocd", 8080)}),
        ({"url": "", "namespace": "gitops"}, set()),
    ],
)
def test_the_address_of_the_engine_is_let_out_to(
    git: Render, engine: dict[str, Any], reached: set[tuple[str, int]]
) -> None:
    egress = git(engine=engine)["NetworkPolicy/git"]["spec"]["egress"]

    assert targets(egress) == {("kube-system", 53), *reached}


def test_a_changed_hook_is_a_new_pod(git: Render) -> None:
    annotations = git()["StatefulSet/git"]["spec"]["template"]["metadata"]["annotations"]
    assert set(annotations) == {"automatrix.dev/files"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param({"image": {"tag": ""}}, "image.tag", id="no tag"),
        pytest.param({"repositories": []}, "repositories", id="nothing to serve"),
        pytest.param({"repositories": ["platform.git"]}, "repositories", id="the ending is the server's"),
        pytest.param({"repositories": ["../etc"]}, "repositories", id="a path"),
        pytest.param({"trackedBranch": "-x"}, "trackedBranch", id="an option in place of a branch"),
        pytest.param({"engine": {"url": "https://engine"}}, "engine.url", id="the hook speaks plain HTTP"),
        pytest.param({"webhook": {"waitSeconds": 3600}}, "webhook.waitSeconds", id="a push that never ends"),
        pytest.param({"storage": {"size": "2"}}, "storage.size", id="two bytes"),
    ],
)
def test_wrong_values_are_refused_by_name(git: Render, values: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused, match=message):
        git(**values)
