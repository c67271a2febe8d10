"""Whether a live object is as Git wants it. Pure.

Two ways, the cheap one first. `is_as_desired` reads managedFields: every desired value is there, and the engine owns
nothing that is no longer desired; it never says yes wrongly, but defaults and rewritten quantities make it say no.
Then the API server itself is asked by a dry-run apply, and `differences` compares its answer with the live object.
Only paths of fields are ever returned, never values.
"""

from __future__ import annotations

import base64
from typing import Any

from operators.kit.kube import Manifest

from .fields import FieldsV1, Key, Path, Value, owned, show, step_of
from .scrub import is_secret

MANAGER = "argocd-controller"
"""Argo CD's field manager, so that either engine can take over from the other."""

_IDENTITY = frozenset({"name", "namespace", "generateName"})
_VOLATILE = frozenset(
    {"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink", "deletionTimestamp"}
    | {"deletionGracePeriodSeconds"}
)


def comparable(manifest: Manifest) -> Manifest:
    """Return the part of an object that counts: no status, nothing that only the server sets."""
    metadata = {k: v for k, v in (manifest.get("metadata") or {}).items() if k not in _VOLATILE}
    return {**{k: v for k, v in manifest.items() if k != "status"}, "metadata": metadata}


def with_secret_data(manifest: Manifest) -> Manifest:
    """Return a Secret with `stringData` folded into `data`, as the server would store it; others as they are.

    One whose values are not all texts stays as it is, too: it is for the API server to refuse.
    """
    texts, data = manifest.get("stringData"), manifest.get("data") or {}
    if not is_secret(manifest) or not isinstance(texts, dict) or not isinstance(data, dict):
        return manifest
    if not all(isinstance(value, str) for value in texts.values()):
        return manifest
    encoded = {name: base64.b64encode(value.encode()).decode() for name, value in texts.items()}
    rest = {key: value for key, value in manifest.items() if key != "stringData"}
    return {**rest, "data": {**data, **encoded}}


def is_as_desired(desired: Manifest, live: Manifest) -> bool:
    """Whether an apply would certainly change nothing; False means only that the server must be asked."""
    fields = owned(live, MANAGER, "Apply")
    if fields is None or desired.get("apiVersion") != live.get("apiVersion"):
        return False
    wanted = {k: v for k, v in desired.items() if k not in ("apiVersion", "kind", "status")}
    metadata = {k: v for k, v in (desired.get("metadata") or {}).items() if k not in _IDENTITY | _VOLATILE}
    wanted = {**wanted, "metadata": metadata} if metadata else {k: v for k, v in wanted.items() if k != "metadata"}
    return _map_holds(wanted, live, fields)


def _map_holds(desired: dict[str, Any], live: dict[str, Any], fields: FieldsV1) -> bool:
    for name in fields:
        if name != "." and name[2:] not in desired:
            return False  # applied once and gone from Git: an apply would remove it
    return all(_holds(value, live.get(key), fields.get(f"f:{key}")) for key, value in desired.items())


def _holds(desired: Any, live: Any, fields: FieldsV1 | None) -> bool:
    if isinstance(desired, dict) and isinstance(live, dict) and fields:
        return _map_holds(desired, live, fields)
    if isinstance(desired, list) and isinstance(live, list) and fields:
        return _list_holds(desired, live, fields)
    # A leaf, or a container owned as a whole: it must be the same to the last default.
    return type(desired) is type(live) and bool(desired == live)


def _list_holds(desired: list[Any], live: list[Any], fields: FieldsV1) -> bool:
    items = [(step_of(name), below) for name, below in fields.items() if name != "."]
    if len(items) != len(desired):
        return False
    places: list[tuple[int, int]] = []
    for step, below in items:
        if not isinstance(step, Key | Value):
            return False
        wanted = [index for index, item in enumerate(desired) if step.matches(item)]
        found = [index for index, item in enumerate(live) if step.matches(item)]
        if len(wanted) != 1 or len(found) != 1:
            return False
        places.append((wanted[0], found[0]))
        if isinstance(step, Key) and not _map_holds(desired[wanted[0]], live[found[0]], below):
            return False
    # Items of others may stand between ours; but ours count in their order (initContainers, env).
    in_live = [found for _, found in sorted(places)]
    return in_live == sorted(in_live)


def differences(predicted: Manifest, live: Manifest) -> tuple[str, ...]:
    """Return the paths in which two complete objects differ, in order; empty when they are equal in what counts."""
    return tuple(sorted({show(path) for path in _differing(comparable(predicted), comparable(live), ())}))


def _differing(one: Any, other: Any, path: Path) -> list[Path]:
    if isinstance(one, dict) and isinstance(other, dict):
        found = []
        for key in {*one, *other}:
            if one.get(key) is None and other.get(key) is None:
                continue  # null is absent; {} and [] are not: an empty selector selects everything
            found += _differing(one.get(key), other.get(key), (*path, key))
        return found
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [inner for index, (a, b) in pairs for inner in _differing(a, b, (*path, index))]
    return [] if one == other else [path]
