"""The canary operator's part of the platform chart: what it may do, and who may talk to whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from operators.canary.fleet import KINDS
from operators.canary.vicinity import AUTOSCALER

Render = Callable[..., dict[str, Any]]


@pytest.fixture
def objects(render: Render) -> dict[str, Any]:
    return render("platform", {"image": {"tag": "1.0"}}, release="platform")


def rights(role: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_it_reads_secrets_by_name_and_never_lists_or_changes_them(objects: dict[str, Any]) -> None:
    may = rights(objects["ClusterRole/automatrix-canary-operator"])

    assert {verb for _, resource, verb in may if resource == "secrets"} == {"get", "create", "delete"}
    assert not {resource for _, resource, _ in may} & {"roles", "rolebindings", "clusterroles", "nodes", "namespaces"}


def test_it_may_watch_what_it_watches(objects: dict[str, Any]) -> None:
    may = rights(objects["ClusterRole/automatrix-canary-operator"])

    for group, _, kind in KINDS:
        # Autoscalers are nobody's to read one by one: the list says whom they scale.
        verbs = ("list", "watch") if kind == AUTOSCALER else ("get", "list", "watch")
        assert {(group, f"{kind.lower()}s", verb) for verb in verbs} <= may


def test_it_is_hardened_and_its_probes_ask_itself(objects: dict[str, Any]) -> None:
    pod = objects["Deployment/canary-operator"]["spec"]["template"]["spec"]
    container = pod["containers"][0]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["command"] == ["python3", "-m", "operators.canary"]
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}


def test_only_prometheus_comes_in(objects: dict[str, Any]) -> None:
    policy = objects["NetworkPolicy/canary-operator"]["spec"]

    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert len(policy["ingress"]) == 1
    assert {port["port"] for rule in policy["egress"] for port in rule["ports"]} == {53, 443, 6443, 8080, 9090}


def test_it_can_be_left_out(render: Render) -> None:
    objects = render("platform", {"image": {"tag": "1.0"}, "canary": {"enabled": False}}, release="platform")

    assert not [name for name in objects if "canary-operator" in name]
