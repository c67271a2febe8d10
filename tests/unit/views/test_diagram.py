"""The picture shows what the graph has, whole and nothing twice."""

from __future__ import annotations

import xml.etree.ElementTree as ET  # of our own SVG
from collections import Counter

import pytest

from cluster.graph import Graph
from cluster.reports.diagram import Box, mermaid, picture, svg
from cluster.reports.diagram.svg import _place, _size
from tests.support.aws_graphs import NAMES, graph


def box(seen: Graph, name: str) -> Box | None:
    return next((one for one in picture(seen).boxes if one.id == name), None)


@pytest.mark.parametrize("name", NAMES)
def test_every_box_stands_for_resources_that_are_there(name: str) -> None:
    seen = graph(name)
    boxes = picture(seen).boxes
    assert not [(one.id, key) for one in boxes for key in one.keys if key not in seen]
    assert max(Counter(one.id for one in boxes).values()) == 1


@pytest.mark.parametrize("name", NAMES)
def test_no_box_leaves_the_one_it_is_in_or_lies_over_its_neighbour(name: str) -> None:
    root = picture(graph(name)).root
    placed = {one.box.id: one for one in _place(root, 0, 0, *_size(root))}
    for parent in placed.values():
        children = [placed[child.id] for child in parent.box.children]
        for child in children:
            assert parent.x - 0.5 <= child.x, child.box.id
            assert child.x + child.width <= parent.x + parent.width + 0.5, child.box.id
            assert child.y + child.height <= parent.y + parent.height + 0.5, child.box.id
        for at, one in enumerate(children):
            for other in children[at + 1 :]:
                beside = one.x + one.width <= other.x or other.x + other.width <= one.x
                assert beside or one.y + one.height <= other.y or other.y + other.height <= one.y, other.box.id


@pytest.mark.parametrize("name", NAMES)
def test_the_drawing_is_well_formed_and_no_text_is_wider_than_its_box(name: str) -> None:
    root = picture(graph(name)).root
    drawn = ET.fromstring(svg(picture(graph(name))))  # noqa: S314 — our own
    texts = ["".join(one.itertext()) for one in drawn.iter() if one.tag.endswith("text")]
    assert texts[0] == f"AutoMatrix AI Hub: {name}"
    for one in _place(root, 0, 0, *_size(root)):
        assert all(len(line) * 6.6 <= one.width for line in one.box.lines), one.box.id


def test_what_only_production_has_is_drawn_for_production_only() -> None:
    for name in ("secondary", "isolated-account", "wall", "nat-b", "pager", "backup"):
        assert box(graph("prod"), name) is not None, name
        assert box(graph("dev"), name) is None, name


def test_the_picture_follows_the_graph() -> None:
    prod = graph("prod")
    public = prod.altered("eks.Cluster/cluster-eksCluster", "vpcConfig.endpointPublicAccess", True)
    shown = box(public, "cluster")
    assert shown is not None
    assert "public end point" in shown.lines[0]
    assert box(prod.without("sqs.Queue/jobs", "sqs.Queue/jobs-dead"), "queue") is None
    assert not [
        one for one in picture(prod.without("sqs.Queue/jobs", "sqs.Queue/jobs-dead")).arrows if one.target == "queue"
    ]


def test_mermaid_opens_and_closes_and_names_what_it_connects() -> None:
    text = mermaid(picture(graph("prod")))
    lines = [line.strip() for line in text.splitlines()]
    assert sum(line.startswith("subgraph") for line in lines) == lines.count("end")
    assert 'cdn -->|"API"| balancer' in text
    assert "EKS 1.35" in text
