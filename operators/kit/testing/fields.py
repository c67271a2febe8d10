"""Field ownership: which leaves of an object a manager has set, and how two objects merge.

In: manifests. Out: sets of paths, written as the API server writes them in `metadata.managedFields[].fieldsV1`
(https://github.com/kubernetes-sigs/structured-merge-diff). Trade-off: without the OpenAPI schema, lists are merged by
key where a table of the built-in kinds says so, and are atomic everywhere else, custom resources included.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Path = tuple[str, ...]
Paths = frozenset[Path]

MISSING = object()

# Set by the server, never owned by a manager.
_SYSTEM_METADATA = frozenset(
    {
        "name",
        "namespace",
        "generateName",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
        "managedFields",
    }
)
_LIST_KEYS: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "imagePullSecrets": ("name",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
    "webhooks": ("name",),
}
_SETS = frozenset({"finalizers"})
_ATOMIC_MAPS = frozenset(
    {"selector", "configMapKeyRef", "secretKeyRef", "fieldRef", "resourceFieldRef", "scaleTargetRef"}
)
_EVERYWHERE = frozenset({"ownerReferences", "finalizers"})
_DEFAULTS = {"protocol": "TCP"}


def is_builtin(manifest: Mapping[str, Any]) -> bool:
    """Whether the kind is the API server's own, so that the table of list keys holds for it."""
    group = str(manifest.get("apiVersion", "")).rpartition("/")[0]
    return "." not in group or (group.endswith(".k8s.io") and not group.startswith("gateway."))


def owned_by_apply(manifest: Mapping[str, Any]) -> Paths:
    """Return what a manager that applies `manifest` owns."""
    return frozenset(_walk(_ownable(manifest), (), builtin=is_builtin(manifest)))


def merge(live: Mapping[str, Any], applied: Mapping[str, Any]) -> dict[str, Any]:
    """Lay `applied` over `live`; what only `live` has stays."""
    merged: dict[str, Any] = _merge(live, applied, "", builtin=is_builtin(applied))
    return merged


def lookup(manifest: Mapping[str, Any], path: Path) -> Any:
    """Return the value at `path`, or MISSING."""
    value: Any = manifest
    for number, step in enumerate(path):
        value = _child(value, step, path[number - 1][2:] if number else "")
        if value is MISSING:
            return MISSING
    return value


def remove(manifest: dict[str, Any], path: Path, keep: Paths) -> None:
    """Take the value at `path` out, and every map that is empty then, unless it is itself in `keep`."""
    parent = lookup(manifest, path[:-1])
    step = path[-1]
    if isinstance(parent, dict):
        parent.pop(step[2:], None)
    elif isinstance(parent, list):
        gone = _child(parent, step, path[-2][2:])
        if gone is not MISSING:
            parent.remove(gone)
    else:
        return
    if len(path) > 1 and parent in ({}, []) and path[:-1] not in keep:
        remove(manifest, path[:-1], keep)


def to_fields_v1(paths: Iterable[Path]) -> dict[str, Any]:
    """Nest paths as in `fieldsV1`; a node that is owned and has owned children carries a '.'."""
    tree: dict[str, Any] = {}
    for path in sorted(paths):
        node = tree
        for step in path:
            node = node.setdefault(step, {})
    return _dot_parents(tree, frozenset(paths), ())


def from_fields_v1(tree: Mapping[str, Any], prefix: Path = ()) -> Paths:
    """Read `fieldsV1` back into paths."""
    found: set[Path] = set()
    for step, below in tree.items():
        if step == ".":
            found.add(prefix)
        elif below:
            found |= from_fields_v1(below, (*prefix, step))
        else:
            found.add((*prefix, step))
    return frozenset(found)


def _dot_parents(tree: dict[str, Any], paths: Paths, prefix: Path) -> dict[str, Any]:
    dotted: dict[str, Any] = {".": {}} if prefix in paths and tree else {}
    for step, below in tree.items():
        if step != ".":
            dotted[step] = _dot_parents(below, paths, (*prefix, step))
    return dotted


def _ownable(manifest: Mapping[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in manifest.items() if key not in ("apiVersion", "kind", "metadata")}
    metadata = {k: v for k, v in (manifest.get("metadata") or {}).items() if k not in _SYSTEM_METADATA}
    return {"metadata": metadata, **rest} if metadata else rest


def _walk(value: Any, path: Path, *, builtin: bool) -> Iterable[Path]:
    name = path[-1][2:] if path else ""
    if isinstance(value, dict) and value and name not in _ATOMIC_MAPS:
        for key, below in value.items():
            if below is not None:
                yield from _walk(below, (*path, f"f:{key}"), builtin=builtin)
    elif isinstance(value, list) and value and (name in _EVERYWHERE or builtin):
        keyed = [(_step(name, item), item) for item in value]
        if any(step is None for step, _ in keyed):
            yield path
            return
        for step, item in keyed:
            yield (*path, str(step))
            if isinstance(item, dict):
                yield from _walk(item, (*path, str(step)), builtin=builtin)
    elif path:
        yield path


def _step(name: str, item: Any) -> str | None:
    """How `fieldsV1` names an item of the list `name`; None where that list is atomic."""
    if name in _SETS:
        return f"v:{json.dumps(item)}"
    keys = _list_keys(name, item)
    if not keys:
        return None
    values = {key: item.get(key, _DEFAULTS.get(key)) for key in sorted(keys)}
    return f"k:{json.dumps(values, separators=(',', ':'))}"


def _list_keys(name: str, item: Any) -> tuple[str, ...]:
    if not isinstance(item, dict):
        return ()
    if name == "ports":  # of a container or of a Service; a NetworkPolicy's lie in an atomic list
        return ("containerPort", "protocol") if "containerPort" in item else ("port", "protocol")
    return _LIST_KEYS.get(name, ())


def _child(value: Any, step: str, name: str) -> Any:
    if step.startswith("f:"):
        return value.get(step[2:], MISSING) if isinstance(value, dict) else MISSING
    if not isinstance(value, list):
        return MISSING
    return next((item for item in value if _step(name, item) == step), MISSING)


def _merge(live: Any, applied: Any, name: str, *, builtin: bool) -> Any:
    if isinstance(live, dict) and isinstance(applied, dict) and name not in _ATOMIC_MAPS:
        merged = dict(live)
        for key, value in applied.items():
            if value is not None:
                merged[key] = _merge(live.get(key), value, key, builtin=builtin)
        return merged
    if isinstance(live, list) and isinstance(applied, list) and (builtin or name in _EVERYWHERE):
        return _merge_lists(live, applied, name, builtin=builtin)
    return _without_nulls(applied)


def _merge_lists(live: Sequence[Any], applied: Sequence[Any], name: str, *, builtin: bool) -> list[Any]:
    old = {_step(name, item): item for item in live}
    new = {_step(name, item): item for item in applied}
    if None in new:
        return list(applied)
    # The applied order wins unless somebody else has items of his own in the list.
    order = list(new) if set(old) <= set(new) else [*old, *(step for step in new if step not in old)]
    return [_merge(old.get(s), new[s], "", builtin=builtin) if s in new else old[s] for s in order]


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(below) for key, below in value.items() if below is not None}
    return value
