"""The platform chart: the engine's rights and flows, and what outlives an uninstall."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.helm import Helm, Refused

Render = Callable[..., dict[str, Any]]
IMAGE = {"image": {"tag": "1.0"}}
KEEP = {"helm.sh/resource-policy": "keep"}


@pytest.fixture
def platform(render: Render) -> Callable[..., dict[str, Any]]:
    return lambda **more: render("platform", {**IMAGE, **more}, release="platform")


def rights(role: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_what_is_the_users_outlives_an_uninstall(platform: Render) -> None:
    objects = platform()
    kept = {name for name, one in objects.items() if KEEP.items() <= one["metadata"].get("annotations", {}).items()}

    assert {"Namespace/argocd", "Secret/argocd-secret"} <= kept
    assert kept >= {name for name in objects if name.startswith("CustomResourceDefinition/")}
    assert not {"Deployment/gitops-engine", "ClusterRole/automatrix-gitops-engine"} & kept


def test_the_engine_writes_workloads_but_neither_secrets_nor_roles(platform: Render) -> None:
    everywhere = rights(platform()["ClusterRole/automatrix-gitops-engine"])
    resources = {resource for _, resource, _ in everywhere}

    assert ("apps", "deployments", "patch") in everywhere
    assert ("", "namespaces", "create") in everywhere
    assert ("", "namespaces", "delete") not in everywhere
    assert not {"secrets", "roles", "rolebindings", "clusterroles", "clusterrolebindings", "nodes"} & resources


def test_the_engine_reads_every_kind_that_it_writes(platform: Render) -> None:
    everywhere = rights(platform()["ClusterRole/automatrix-gitops-engine"])

    for group, resource, verb in everywhere:
        if verb == "patch":
            assert {(group, resource, other) for other in ("get", "list", "watch")} <= everywhere


def test_rights_grow_by_group_and_keep_the_others(platform: Render) -> None:
    manages = {"cert-manager.io": ["certificates"], "batch": []}
    everywhere = rights(platform(gitops={"manages": manages})["ClusterRole/automatrix-gitops-engine"])

    assert ("cert-manager.io", "certificates", "create") in everywhere
    assert ("apps", "deployments", "create") in everywhere
    assert "batch" not in {group for group, _, _ in everywhere}


def test_cluster_admin_is_a_choice_with_a_binding_of_its_own(platform: Render) -> None:
    objects = platform(gitops={"clusterAdmin": True})

    assert objects["ClusterRoleBinding/automatrix-gitops-engine-admin"]["roleRef"]["name"] == "cluster-admin"
    assert "ClusterRoleBinding/automatrix-gitops-engine" not in objects
    assert "ClusterRole/automatrix-gitops-engine" not in objects


def test_everything_is_denied_that_is_not_named(platform: Render) -> None:
    objects = platform()
    deny = objects["NetworkPolicy/default-deny"]["spec"]
    allow = objects["NetworkPolicy/gitops-engine"]["spec"]

    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert [rule["ports"][0]["port"] for rule in allow["ingress"]] == ["http"]
    assert sorted(port["port"] for rule in allow["egress"] for port in rule["ports"]) == [
        22, 53, 53, 443, 443, 6443, 8080,
    ]  # fmt: skip


def test_the_webhook_is_outside_only_when_it_has_a_name(platform: Render) -> None:
    def callers(objects: dict[str, Any]) -> list[str]:
        rule = objects["NetworkPolicy/gitops-engine"]["spec"]["ingress"][0]
        found: list[str] = rule["from"][0]["namespaceSelector"]["matchExpressions"][0]["values"]
        return found

    inside = platform()
    outside = platform(gitops={"webhook": {"hostname": "hooks.example.org"}})

    assert "HTTPRoute/gitops-engine" not in inside
    assert callers(inside) == ["automatrix-system", "automatrix-observability"]
    assert outside["HTTPRoute/gitops-engine"]["spec"]["rules"][0]["matches"] == [
        {"path": {"type": "Exact", "value": "/api/webhook"}, "method": "POST"}
    ]
    assert callers(outside) == ["automatrix-system", "automatrix-observability", "automatrix-gateway"]


def test_the_probes_ask_the_engine_itself(platform: Render) -> None:
    container = platform()["Deployment/gitops-engine"]["spec"]["template"]["spec"]["containers"][0]

    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}


def test_commit_statuses_are_off_by_default_and_need_no_further_rights(platform: Render) -> None:
    def statuses(objects: dict[str, Any]) -> dict[str, str]:
        container = objects["Deployment/gitops-engine"]["spec"]["template"]["spec"]["containers"][0]
        return {one["name"]: one["value"] for one in container["env"] if "COMMIT_STATUS" in one["name"]}

    plain = platform()
    on = platform(
        gitops={"commitStatus": {"enabled": True, "label": "prod", "gitlab": {"baseURL": "https://code.example.com"}}}
    )
    assert statuses(plain) == {}
    assert statuses(on) == {
        "GITOPS_COMMIT_STATUS": "true",
        "GITOPS_COMMIT_STATUS_GITLAB_URL": "https://code.example.com",
        "GITOPS_COMMIT_STATUS_LABEL": "prod",
    }
    for name in ("Role/gitops-engine", "ClusterRole/automatrix-gitops-engine"):
        assert on[name]["rules"] == plain[name]["rules"]


def test_a_key_of_its_own_is_made_for_webhooks(platform: Render, helm: Helm) -> None:
    secret = platform()["Secret/argocd-secret"]["data"]

    assert len(secret["webhook.github.secret"]) >= 40
    assert "Secret/argocd-secret" not in platform(gitops={"webhook": {"createSecret": False}})


WRONG = [
    ({"image": {}}, "- image: tag is required"),
    ({"gitops": {"manages": {"apps": ["*"]}}}, "- gitops.manages.apps.0: Does not match pattern"),
    ({"gitops": {"manages": {"*": ["pods"]}}}, "- gitops.manages: Additional property * is not allowed"),
    ({"gitops": {"env": {"PATH": "/"}}}, "- gitops.env: Additional property PATH is not allowed"),
    ({"gitops": {"sshKnownHosts": ["github.com"]}}, "- gitops.sshKnownHosts.0: Does not match pattern"),
    (
        {"gitops": {"commitStatus": {"github": {"enterpriseBaseURL": "http://git.example.com"}}}},
        "- gitops.commitStatus.github.enterpriseBaseURL: Does not match pattern",
    ),
    ({"crds": {"applications": True}}, "- crds.applications: crds.applications must be one of the following"),
    (
        {"gitops": {"env": {"GITOPS_LOG_LEVEL": "DEBUG"}}},
        "gitops.env.GITOPS_LOG_LEVEL: the chart sets it: set logLevel.",
    ),
    (
        {"networkPolicy": {"apiServer": {"cidrs": []}}},
        "- networkPolicy.apiServer.cidrs: Array must have at least 1 items",
    ),
    ({"networkPolicy": {"apiServer": {"cidrs": None}}}, "networkPolicy.apiServer.cidrs: name one network at least"),
    ({"networkPolicy": {"apiServer": {"cidrs": ["10.0.0.1"]}}}, "- networkPolicy.apiServer.cidrs.0: Does not match"),
]


@pytest.mark.parametrize(("change", "told"), WRONG, ids=lambda value: value[:40] if isinstance(value, str) else "")
def test_a_wrong_value_is_refused_with_its_name(platform: Render, change: dict[str, Any], told: str) -> None:
    with pytest.raises(Refused) as error:
        platform(**change)

    assert told in str(error.value)
