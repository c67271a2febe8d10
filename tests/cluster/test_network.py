"""The pod network's pure parts: who may reach whom, as nftables text; the ways between the nodes."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.local.network.policies import matches, ruleset, see
from cluster.local.network.routes import cni_configuration, masquerading, own_cidr, routes

HERE, THERE = "node-a", "node-b"


def pod(namespace: str, name: str, address: str, *, node: str = HERE, **more: Any) -> dict[str, Any]:
    ports = [{"name": port, "containerPort": number} for port, number in more.pop("ports", {}).items()]
    return {
        "metadata": {"namespace": namespace, "name": name, "labels": {"app": name}},
        "spec": {"nodeName": node, "containers": [{"ports": ports}], **more},
        "status": {"podIP": address, "phase": "Running"},
    }


def policy(namespace: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": "policy"}, "spec": spec}


def namespace(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}}}


WEB = pod("shop", "web", "10.244.0.2", ports={"http": 8000})
CLIENT = pod("shop", "client", "10.244.0.3")
FAR = pod("other", "far", "10.244.1.2", node=THERE, ports={"http": 9000})
PODS = [WEB, CLIENT, FAR]
SPACES = [namespace("shop"), namespace("other")]
FROM_CLIENT = {"podSelector": {"matchLabels": {"app": "client"}}}
FROM_OTHER = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}}


def chain(spec: dict[str, Any], direction: str = "ingress", node: str = HERE) -> list[str] | None:
    """The lines of web's chain under one policy of these words; None when it has none."""
    text = ruleset(see([policy("shop", podSelector={"matchLabels": {"app": "web"}}, **spec)], PODS, SPACES), node)
    found = re.search(rf"chain {direction}_\w+ {{ # shop/web\n(.*?)  }}", text, re.DOTALL)
    return [line.strip() for line in found[1].splitlines()] if found else None


@pytest.mark.parametrize(
    ("spec", "lines"),
    [
        pytest.param({}, ["drop"], id="no rule denies all"),
        pytest.param({"ingress": [{}]}, ["return", "drop"], id="an empty rule allows all"),
        pytest.param(
            {"ingress": [{"from": [FROM_CLIENT]}]},
            ["ip saddr { 10.244.0.3 } return", "drop"],
            id="pods of the namespace",
        ),
        pytest.param(
            {"ingress": [{"from": [FROM_OTHER], "ports": [{"port": 80}]}]},
            ["ip saddr { 10.244.1.2 } tcp dport 80 return", "drop"],
            id="all pods of another namespace, one port",
        ),
        pytest.param(
            {"ingress": [{"from": [{**FROM_OTHER, **FROM_CLIENT}]}]}, ["drop"], id="both selectors must hold of one pod"
        ),
        pytest.param(
            {"ingress": [{"ports": [{"port": "http"}, {"port": 53, "protocol": "UDP"}, {"port": 80, "endPort": 89}]}]},
            ["tcp dport 8000 return", "udp dport 53 return", "tcp dport 80-89 return", "drop"],
            id="ports by name, protocol and range",
        ),
        pytest.param({"ingress": [{"ports": [{"port": "gone"}]}]}, ["drop"], id="a name no port has allows nothing"),
        pytest.param(
            {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.9.0.0/16"]}}]}]},
            ["ip saddr 10.0.0.0/8 ip saddr != { 10.9.0.0/16 } return", "drop"],
            id="a block with an exception",
        ),
    ],
)
def test_ingress(spec: dict[str, Any], lines: list[str]) -> None:
    assert chain(spec) == ["ip saddr 10.244.0.2 return", *lines]


def test_egress_to_a_named_port_goes_to_the_number_each_peer_has() -> None:
    spec = {"policyTypes": ["Egress"], "egress": [{"to": [FROM_OTHER], "ports": [{"port": "http"}]}]}
    assert chain(spec) is None, "ingress stays free"
    assert chain(spec, "egress") == [
        "ip daddr 10.244.0.2 return",
        "ip daddr { 10.244.1.2 } tcp dport 9000 return",
        "drop",
    ]


def test_only_the_pods_own_node_enforces() -> None:
    assert chain({}, node=THERE) is None


@pytest.mark.parametrize("gone", [{"phase": "Succeeded"}, {"phase": "Failed"}, {"podIP": ""}])
def test_pods_without_an_address_of_their_own_are_nobody(gone: dict[str, str]) -> None:
    finished = {**CLIENT, "status": {**CLIENT["status"], **gone}}
    on_host = pod("shop", "client", "172.18.0.2", hostNetwork=True)
    assert see([], [finished, on_host], SPACES).pods == []


@pytest.mark.parametrize(
    ("expression", "labels", "answer"),
    [
        ({"operator": "In", "values": ["a", "b"]}, {"key": "a"}, True),
        ({"operator": "In", "values": ["a"]}, {}, False),
        ({"operator": "NotIn", "values": ["a"]}, {}, True),
        ({"operator": "NotIn", "values": ["a"]}, {"key": "a"}, False),
        ({"operator": "Exists"}, {"key": ""}, True),
        ({"operator": "DoesNotExist"}, {"key": "a"}, False),
    ],
)
def test_expressions(expression: dict[str, Any], labels: dict[str, str], answer: bool) -> None:
    assert matches({"matchExpressions": [{"key": "key", **expression}]}, labels) is answer


@given(st.permutations(PODS), st.permutations([policy("shop", ingress=[{}]), policy("shop", podSelector={})]))
def test_a_pod_that_no_policy_selects_has_no_chain(pods: list[Any], policies: list[Any]) -> None:
    text = ruleset(see(policies, pods, SPACES), THERE)
    assert "jump" not in text


def test_a_node_reaches_the_pods_of_the_others() -> None:
    def node(name: str, cidr: str, address: str) -> dict[str, Any]:
        status = {"addresses": [{"type": "Hostname", "address": name}, {"type": "InternalIP", "address": address}]}
        return {"metadata": {"name": name}, "spec": {"podCIDR": cidr} if cidr else {}, "status": status}

    nodes = [node(HERE, "10.244.0.0/24", "172.18.0.2"), node(THERE, "10.244.1.0/24", "172.18.0.3"), node("new", "", "")]
    assert routes(nodes, HERE) == [("10.244.1.0/24", "172.18.0.3")]
    assert own_cidr(nodes, HERE) == "10.244.0.0/24"
    assert own_cidr(nodes, "new") == ""
    plugins = json.loads(cni_configuration("10.244.0.0/24"))["plugins"]
    assert plugins[0]["ipam"]["ranges"] == [[{"subnet": "10.244.0.0/24"}]]
    assert "ip daddr != 10.244.0.0/16" in masquerading("10.244.0.0/16")
