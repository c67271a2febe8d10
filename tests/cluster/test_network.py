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
        pytest.param(
            {"ingress": [{"from": [{"ipBlock": {"cidr": "::/0"}}, {"ipBlock": {"cidr": "10.0.0.1/8"}}]}]},
            ["ip saddr 10.0.0.0/8 return", "drop"],
            id="a block of the other family is nobody here",
        ),
        pytest.param(
            {"ingress": [{"from": [{"ipBlock": {"cidr": "fd00::/8", "except": ["fd00:1::/32"]}}], "ports": [{}]}]},
            ["drop"],
            id="nothing but the other family",
        ),
        pytest.param(
            {"ingress": [{"from": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "10.9.0.0/16"]}}]}]},
            ["ip saddr 0.0.0.0/0 ip saddr != { 10.0.0.0/8 } return", "drop"],
            id="exceptions that overlap",
        ),
        pytest.param(
            {"ingress": [{"from": [FROM_CLIENT], "ports": [{"protocol": None, "port": 80}, {"protocol": "SCTP"}]}]},
            ["ip saddr { 10.244.0.3 } tcp dport 80 return", "ip saddr { 10.244.0.3 } meta l4proto sctp return", "drop"],
            id="protocols: the default, and one as a whole",
        ),
    ],
)
def test_ingress(spec: dict[str, Any], lines: list[str]) -> None:
    assert chain(spec) == ["ip saddr 10.244.0.2 return", *lines]


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param({"from": [{"ipBlock": {"cidr": "10.0.0.0/8; flush ruleset"}}]}, id="a block that is no network"),
        pytest.param({"from": [{"ipBlock": {}}]}, id="a block without words"),
        pytest.param({"ports": [{"port": 80, "protocol": "ICMP"}]}, id="a protocol nobody knows"),
        pytest.param({"ports": [{"port": 80, "endPort": "last"}]}, id="a range without an end"),
        pytest.param({"from": [{"podSelector": {"matchExpressions": [{"operator": "Is"}]}}]}, id="a selector"),
        pytest.param({"from": 5}, id="no list"),
    ],
)
def test_a_rule_that_cannot_be_read_allows_nothing_and_spoils_no_other_policy(rule: dict[str, Any]) -> None:
    bad = policy("shop", podSelector={"matchLabels": {"app": "web"}}, ingress=[rule])
    good = policy("shop", podSelector={}, ingress=[{"from": [FROM_CLIENT]}])
    text = ruleset(see([bad, good], PODS, SPACES), HERE)

    lines = [line.strip() for line in text.splitlines()]
    start = next(number for number, line in enumerate(lines) if line.endswith("# shop/web"))
    told, *rest = lines[start + 2 : lines.index("}", start)]
    assert told.startswith("# policy cannot be read: ")
    assert rest == ["ip saddr { 10.244.0.3 } return", "drop"]
    assert "flush" not in [word for line in lines if not line.startswith("#") for word in line.split()]


def test_a_policy_whose_selector_cannot_be_read_spoils_no_other_policy() -> None:
    bad = policy("shop", podSelector={"matchExpressions": [{"operator": "Is"}]})
    good = policy("shop", podSelector={"matchLabels": {"app": "web"}})
    assert ruleset(see([bad, good], PODS, SPACES), HERE) == ruleset(see([good], PODS, SPACES), HERE)


def test_an_address_that_two_pods_are_shown_with_passes_the_rules_of_both() -> None:
    # After a node's restart one pod is shown with the address that another one has got meanwhile.
    other = {**CLIENT, "status": WEB["status"]}
    text = ruleset(see([policy("shop", podSelector={})], [WEB, other], SPACES), HERE)

    [element] = re.findall(r"map ingress .* elements = \{ (.*?) \};? ", text)
    assert element.startswith("10.244.0.2 : jump ingress_all_"), "one key, or the kernel refuses the whole"
    both = re.search(rf"chain {element.split()[-1]} {{.*?\n(.*?)  }}", text, re.DOTALL)
    assert both
    assert len(re.findall(r"jump ingress_\w{16}\n", both[1])) == 2


def test_a_pod_of_two_families_is_known_by_the_address_that_is_served() -> None:
    pods = [{**WEB, "status": {"podIP": "fd00::2", "podIPs": [{"ip": "fd00::2"}, {"ip": "10.244.0.2"}]}}]
    assert [one.address for one in see([], pods, SPACES).pods] == ["10.244.0.2"]


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
