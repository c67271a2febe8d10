"""How one change to a graph is written down: what it breaks, and what flips with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cluster.graph.model import Graph, Json, Resource

Mutation = Callable[[Graph], Graph]
CLUSTER = "eks.Cluster/cluster-eksCluster"
DATABASE = "rds.Cluster/hub"
NODE_CLASS = "kubernetes.EC2NodeClass/default"
OPEN = "open-ingress-only-alb"
DECRYPT = "no-decrypt-on-all-keys"


@dataclass(frozen=True)
class Case:
    """A change, and what it says."""

    control: str
    says: str
    change: Mutation
    also: frozenset[str] = frozenset()


def alter(key: str, path: str, value: Json) -> Mutation:
    return lambda graph: graph.altered(key, path, value)


def lose(*keys: str) -> Mutation:
    def change(graph: Graph) -> Graph:
        for key in keys:
            assert key in graph, key
        return graph.without(*keys)

    return change


def add(token: str, name: str, /, **inputs: Json) -> Mutation:
    return lambda graph: graph.having(Resource(f"urn:test::{name}", token, name, inputs))


def every(*changes: Mutation) -> Mutation:
    def change(graph: Graph) -> Graph:
        for one in changes:
            graph = one(graph)
        return graph

    return change


def edit(key: str, path: str, change: Callable[[Any], object]) -> Mutation:
    """Change a JSON document in a string."""

    def changed(graph: Graph) -> Graph:
        content = json.loads(graph[key].get(path))
        change(content)
        return graph.altered(key, path, json.dumps(content))

    return changed


def statement(index: int, field: str, value: Json) -> Callable[[Any], object]:
    return lambda document: document["Statement"][index].__setitem__(field, value)


def allowing(**fields: Json) -> Callable[[Any], object]:
    return lambda document: document["Statement"].append({"Effect": "Allow", **fields})


def fails(control: str, says: str, change: Mutation, *also: str) -> Case:
    return Case(control, says, change, frozenset(also))


def ref(key: str, attribute: str) -> str:
    return "${" + f"{key}:{attribute}" + "}"


def deployment(image: str, **variables: str) -> Mutation:
    container = {
        "name": "x",
        "image": image,
        "env": [{"name": key, "value": value} for key, value in variables.items()],
    }
    return add(
        "kubernetes:apps/v1:Deployment",
        "hub-prod.x",
        kind="Deployment",
        metadata={"name": "x", "namespace": "hub-prod"},
        spec={"template": {"spec": {"containers": [container]}}},
    )


OWN_IMAGE = ref("ecr.Repository/hub", "repositoryUrl") + ":1"
