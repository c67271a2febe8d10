"""JSON patch (RFC 6902: add, remove, replace, test) and label selectors, on plain JSON data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from operators.kit.errors import ApiError, Conflict


def json_patch(target: Any, operations: Sequence[Mapping[str, Any]]) -> Any:
    """Apply the operations to `target` in place and return it; a failed `test` raises Conflict."""
    for operation in operations:
        steps = [step.replace("~1", "/").replace("~0", "~") for step in operation["path"].split("/")[1:]]
        parent = target
        for step in steps[:-1]:
            parent = parent[int(step)] if isinstance(parent, list) else _enter(parent, step)
        _operate(parent, steps[-1], operation)
    return target


def matches_labels(selector: str, labels: Mapping[str, str]) -> bool:
    """Whether labels satisfy a selector (`a=b,c!=d,e,!f,g in (x,y),h notin (z)`)."""
    return all(_holds(part.strip(), labels) for part in re.split(r",(?![^(]*\))", selector) if part.strip())


def _enter(parent: Any, step: str) -> Any:
    if not isinstance(parent, dict) or step not in parent:
        raise ApiError(422, "Invalid", f"the server cannot find the path to {step} for this JSON patch")
    return parent[step]


def _operate(parent: Any, step: str, operation: Mapping[str, Any]) -> None:
    kind = operation["op"]
    key: Any = step
    if isinstance(parent, list):
        key = len(parent) if step == "-" else int(step)
    exists = key in parent if isinstance(parent, dict) else key < len(parent)
    if kind == "test":
        if (parent[key] if exists else None) != operation.get("value"):
            raise Conflict(f"testing path {operation['path']} failed")
    elif kind == "add" and isinstance(parent, list):
        parent.insert(key, operation["value"])
    elif kind == "add" or (kind == "replace" and exists):
        parent[key] = operation["value"]
    elif kind == "remove" and exists:
        del parent[key]
    else:
        raise ApiError(422, "Invalid", f"{kind} operation does not apply: doc is missing path {operation['path']}")


def _holds(part: str, labels: Mapping[str, str]) -> bool:
    if found := re.fullmatch(r"(\S+)\s+(in|notin)\s+\((.*)\)", part):
        inside = labels.get(found[1]) in [value.strip() for value in found[3].split(",")]
        return inside if found[2] == "in" else not inside
    if "!=" in part:
        key, _, value = part.partition("!=")
        return labels.get(key.strip()) != value.strip()
    if "=" in part:
        key, _, value = part.replace("==", "=").partition("=")
        return labels.get(key.strip()) == value.strip()
    return part[1:] not in labels if part.startswith("!") else part in labels
