"""Who reaches the gateway's admin port, and what the canary operator's watchdog may do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Render = Callable[..., dict[str, Any]]


@pytest.fixture
def gateway(render: Render) -> dict[str, Any]:
    return render("gateway", {})


@pytest.fixture
def platform(render: Render) -> dict[str, Any]:
    return render("platform", {"image": {"tag": "1.0"}}, release="platform")


def test_only_prometheus_and_the_canary_operator_reach_the_admin_port(gateway: dict[str, Any]) -> None:
    rules = gateway["NetworkPolicy/traefik"]["spec"]["ingress"]
    admin = [rule for rule in rules if any(port["port"] == "admin" for port in rule["ports"])]
    callers = [
        (
            peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"],
            peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"],
        )
        for rule in admin
        for peer in rule["from"]
    ]

    assert callers == [("automatrix-observability", "prometheus"), ("automatrix-system", "canary-operator")]


def test_traefik_shows_one_path_of_its_api_and_no_dashboard(gateway: dict[str, Any]) -> None:
    arguments = gateway["Deployment/traefik"]["spec"]["template"]["spec"]["containers"][0]["args"]

    assert "--api.dashboard=false" in arguments
    assert not [one for one in arguments if "insecure" in one or "debug" in one]
    assert gateway["ConfigMap/traefik"]["data"]["admin.yaml"].count("rule:") == 1


def test_the_watchdog_patches_routes_and_makes_nothing(platform: dict[str, Any]) -> None:
    rights = {
        (resource, verb)
        for rule in platform["ClusterRole/automatrix-canary-watchdog"]["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }

    writes = {(resource, verb) for resource, verb in rights if verb not in ("get", "list", "watch")}
    assert writes == {("canaries/status", "patch"), ("httproutes", "patch"), ("events", "create")}


def test_the_watchdog_is_a_process_of_its_own(platform: dict[str, Any]) -> None:
    container = platform["Deployment/canary-watchdog"]["spec"]["template"]["spec"]["containers"][0]

    assert container["command"] == ["python3", "-m", "operators.canary.watchdog"]
