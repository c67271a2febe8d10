"""The rehearsal at a real moto: everything that can be created is, and what differs is told."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator

import pytest

from cluster.graph import Graph
from cluster.rehearse import CALLS, UNSUPPORTED, Rehearsal, as_json, as_markdown, as_text, rehearse, server
from cluster.stacks import STACKS
from tests.support.aws_graphs import NAMES, graph, stack_graph

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:botocore")


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with server.moto() as url:
        yield url


def at(moto: str, seen: Graph) -> Rehearsal:
    reset = urllib.request.Request(f"{moto}/moto-api/reset", method="POST")  # noqa: S310 — our own loopback URL
    urllib.request.urlopen(reset, timeout=60).close()  # noqa: S310
    return rehearse(seen, moto)


@pytest.mark.parametrize("name", NAMES)
def test_what_the_program_says_can_be_created_in_its_order(moto: str, name: str) -> None:
    found = at(moto, graph(name))
    assert found.of("failed") == ()
    assert found.mismatches == ()
    assert found.went_well
    assert len(found.of("created")) > 2 * len(found.of("unsupported"))
    assert found.compared > 100
    text = as_text(found)
    assert text.startswith(f"{name}: {len(found.of('created'))} resources created at moto")
    assert "moto has no such call" in as_markdown(found)
    assert json.loads(json.dumps(as_json(found)))["wentWell"] is True


def test_the_account_of_copies_can_be_created_too(moto: str) -> None:
    found = at(moto, stack_graph("isolated"))
    assert found.went_well
    assert {one.key for one in found.of("created")} >= {"kms.Key/isolated", "backup.Vault/isolated"}


@pytest.mark.parametrize("name", STACKS)
def test_every_type_is_created_or_declared_to_be_left_out(name: str) -> None:
    made = {one.type for one in stack_graph(name).cloud() if not one.is_declared}
    assert not made - CALLS.keys() - UNSUPPORTED.keys()
    assert not CALLS.keys() & UNSUPPORTED.keys()


def test_what_aws_refuses_fails(moto: str) -> None:
    bad = graph("dev").altered("ec2.Subnet/private-a", "cidrBlock", "192.168.0.0/24")
    found = at(moto, bad)
    assert not found.went_well
    failed = {one.key: one.says for one in found.of("failed")}
    assert "InvalidSubnet.Range" in failed["ec2.Subnet/private-a"]


def test_it_is_on_this_machine_only() -> None:
    with pytest.raises(ValueError, match="on this machine only"):
        rehearse(graph("dev"), "https://ec2.us-east-1.amazonaws.com")
