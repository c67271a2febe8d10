"""What the AWS side says, beside what charts make: names, ports and sizes are the same on both."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cluster.graph import Graph
from tests.support.aws_graphs import NAMES, graph
from tests.support.helm import Manifest, Values

PLACE = "automatrix-gateway"
Render = Callable[..., dict[str, Manifest]]
ON_AWS: Values = {"service": {"type": "ClusterIP"}, "gateway": {"hostname": ""}}


@pytest.fixture(scope="module")
def made(render: Render) -> dict[str, Manifest]:
    return render("gateway", ON_AWS, release="gateway")


def declared(seen: Graph, kind: str) -> list[Manifest]:
    return [dict(one.inputs) for one in seen if one.type.endswith(f":{kind}") and one.type.startswith("kubernetes:")]


@pytest.mark.parametrize("name", NAMES)
def test_a_route_of_the_load_balancer_names_a_service_and_a_port_that_the_chart_makes(
    name: str, made: dict[str, Manifest]
) -> None:
    for route in declared(graph(name), "HTTPRoute"):
        for rule in route["spec"]["rules"]:
            for backend in rule["backendRefs"]:
                service = made[f"Service/{backend['name']}"]
                assert backend["port"] in {one["port"] for one in service["spec"]["ports"]}


@pytest.mark.parametrize("name", NAMES)
def test_the_load_balancer_sends_to_the_port_on_which_the_gateway_listens(name: str, made: dict[str, Manifest]) -> None:
    container = made["Deployment/traefik"]["spec"]["template"]["spec"]["containers"][0]
    listens = {one["name"]: one["containerPort"] for one in container["ports"]}
    for group in graph(name).of_type("aws:lb/targetGroup:TargetGroup"):
        assert group.get("port") == listens["web"]
    collector = graph(name)["kubernetes.ConfigMap/automatrix-observability.otel-collector"].get("data")["relay"]
    assert '"regex": "admin"' in collector
    assert "admin" in listens


@pytest.mark.parametrize("name", NAMES)
def test_no_object_is_the_charts_and_the_load_balancers_alike(name: str, made: dict[str, Manifest]) -> None:
    ours = {
        (one["kind"], one["metadata"]["name"])
        for kind in ("Gateway", "GatewayClass", "HTTPRoute", "NetworkPolicy")
        for one in declared(graph(name), kind)
        if one["metadata"].get("namespace", PLACE) == PLACE
    }
    assert not ours & {(one["kind"], one["metadata"]["name"]) for one in made.values()}


def test_the_volume_of_the_metrics_is_the_one_that_the_chart_asks_for(render: Render) -> None:
    volume = {"size": "50Gi", "className": "gp3"}  # as docs/deployment.md sets it
    made = render("observability", {"metricsServer": {"enabled": False}, "prometheus": {"storage": volume}})
    claim = made["PersistentVolumeClaim/prometheus"]
    ours = declared(graph("prod"), "PersistentVolumeClaim")[0]
    assert claim["spec"]["resources"] == ours["spec"]["resources"]
    assert claim["spec"]["storageClassName"] == ours["spec"]["storageClassName"]
    assert not [one for one in made if "metrics-server" in one]
