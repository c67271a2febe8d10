"""The Kubernetes objects of the plan as they are applied: with the ids that AWS has given meanwhile.

In:  the name of a stack, and on standard input its state, as `pulumi stack export --stack <name>` writes it.
Out: on standard output one YAML document for each object, namespaces and classes first. An object whose definition is
     brought by a controller (Karpenter, External Secrets, the Load Balancer Controller) is refused until that is there.

    pulumi stack export --stack dev | python -m cluster.manifests dev > objects.yaml
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

import yaml

from cluster.declared.base import GITOPS
from cluster.graph.model import Graph, Json, Reference, filled, short_type

BY_CHARTS = ("PersistentVolumeClaim",)
"""What the plan knows, and the chart of whoever uses it makes."""
FIRST = ("Namespace", "StorageClass", "GatewayClass", "ServiceAccount", "ClusterRole")
"""What others name."""


def objects(graph: Graph, state: Mapping[str, Any]) -> list[Json]:
    """Return the objects that GitOps applies, in order; ValueError names what the state does not know."""
    known = _outputs(state)
    ours = [dict(one.inputs) for one in graph if one.declared_by == GITOPS and one.get("kind") not in BY_CHARTS]
    found = [filled(one, lambda wanted: _answer(wanted, known)) for one in ours]
    return sorted(found, key=lambda one: FIRST.index(one["kind"]) if one["kind"] in FIRST else len(FIRST))


def _outputs(state: Mapping[str, Any]) -> dict[str, Mapping[str, Json]]:
    """Return what AWS has answered, by the keys of the graph."""
    rows = state["deployment"].get("resources", [])
    return {
        f"{short_type(one['type'])}/{one['urn'].rpartition('::')[2]}": {**one.get("outputs", {}), "id": one.get("id")}
        for one in rows
    }


def _answer(wanted: Reference, known: Mapping[str, Mapping[str, Json]]) -> str:
    value: Json = known.get(wanted.key)
    for step in wanted.attribute.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        return value
    raise ValueError(f"the state says nothing of {wanted.attribute} of {wanted.key}: was `pulumi up` finished?")


def main() -> None:
    """Write the objects of the stack that is named."""
    from cluster.graph.capture import capture_stack  # noqa: PLC0415 — Pulumi is imported only by who needs it
    from cluster.stacks import stack  # noqa: PLC0415

    try:
        found = objects(capture_stack(stack(sys.argv[1])), json.load(sys.stdin))
    except (ValueError, KeyError) as error:
        sys.exit(f"cluster.manifests: {error.args[0]}")
    sys.stdout.write(yaml.safe_dump_all(found, sort_keys=False, allow_unicode=True))


if __name__ == "__main__":
    main()
