"""What a write does to an object and to its managedFields: pure, so that the fake API only looks up and stores."""

from __future__ import annotations

from dataclasses import dataclass

from operators.kit.errors import Conflict
from operators.kit.kube import Manifest, Ref

from .faults import copy
from .fields import MISSING, Paths, from_fields_v1, lookup, merge, owned_by_apply, remove, to_fields_v1

_SYSTEM = (
    "uid",
    "creationTimestamp",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "resourceVersion",
)


@dataclass(frozen=True)
class Author:
    """Who writes: the field manager, and by `Apply` or `Update`."""

    manager: str
    operation: str
    time: str


_Key = tuple[str, str, str]  # manager, operation, subresource


def apply(manifest: Manifest, live: Manifest | None, author: Author, *, force: bool) -> Manifest:
    """Merge an applied manifest into the live object; take out what its manager applied before and no longer does."""
    key = (author.manager, author.operation, "")
    entries = _entries(live)
    owned = owned_by_apply(manifest)
    disputed = _disputed(manifest, live, owned, {k: paths for k, paths in entries.items() if k != key})
    if disputed and not force:
        claims = "; ".join(
            f'conflict with "{who[0]}": {", ".join(sorted(map(_dotted, p)))}' for who, p in disputed.items()
        )
        raise Conflict(f"{Ref.of(manifest)}: apply failed with conflicts: {claims}")
    for who, paths in disputed.items():
        entries[who] = entries[who] - paths
    after = merge(copy(live or {}), manifest)
    after["metadata"].pop("managedFields", None)
    dropped = entries.get(key, frozenset()) - owned
    entries[key] = owned
    everyones = frozenset().union(*entries.values())
    for path in sorted(dropped, key=len):  # an item of a list before its key, by which it is found
        if path not in everyones and not any(other[: len(path)] == path for other in everyones):
            remove(after, path, everyones)
    return _with_entries(after, entries, live, author)


def update(after: Manifest, live: Manifest | None, author: Author, *, subresource: str = "") -> Manifest:
    """Give the author what he has changed, and take from everybody what is changed or gone."""
    before = owned_by_apply(live) if live else frozenset()
    now = owned_by_apply(after)
    changed = frozenset(path for path in now if path not in before or lookup(after, path) != lookup(live or {}, path))
    # An item of a list stays its owner's when one of its fields changes.
    changed = frozenset(path for path in changed if path not in before or not path[-1].startswith("k:"))
    entries = {who: paths - changed - (before - now) for who, paths in _entries(live).items()}
    key = (author.manager, author.operation, subresource)
    entries[key] = entries.get(key, frozenset()) | changed
    return _with_entries(after, entries, live, author)


def carry_system_metadata(after: Manifest, live: Manifest) -> Manifest:
    """Keep what only the server sets."""
    for key in _SYSTEM:
        after["metadata"].pop(key, None)
        if key in live["metadata"]:
            after["metadata"][key] = live["metadata"][key]
    return after


def is_same(after: Manifest, live: Manifest) -> bool:
    """Whether a write would change nothing."""
    return _without_version(after) == _without_version(live)


def counts_as_generation(after: Manifest, live: Manifest, *, has_status: bool) -> bool:
    """Whether the change moves metadata.generation: anything outside metadata and the status subresource."""
    outside = {"metadata", "status"} if has_status else {"metadata"}
    return any(after.get(key) != live.get(key) for key in (set(after) | set(live)) - outside)


def check_version(manifest: Manifest, live: Manifest) -> None:
    """Refuse a write that was made from an older state."""
    given = (manifest.get("metadata") or {}).get("resourceVersion")
    if given and given != live["metadata"]["resourceVersion"]:
        raise Conflict(f"{Ref.of(live)}: the object has been modified; please apply your changes to the latest version")


def defined_kind(crd: Manifest) -> tuple[str, str]:
    """Return group and kind that a CustomResourceDefinition defines."""
    return crd["spec"]["group"], crd["spec"]["names"]["kind"]


def _disputed(manifest: Manifest, live: Manifest | None, owned: Paths, entries: dict[_Key, Paths]) -> dict[_Key, Paths]:
    if live is None:
        return {}
    wanted = frozenset(
        path
        for path in owned
        if not path[-1].startswith(("k:", "v:")) and _differs(lookup(live, path), lookup(manifest, path))
    )
    return {who: paths & wanted for who, paths in entries.items() if paths & wanted}


def _differs(live: object, applied: object) -> bool:
    if applied in ({}, []) and type(live) is type(applied):
        return False  # an empty map or list adds nothing to what is there
    return live is not MISSING and live != applied


def _entries(live: Manifest | None) -> dict[_Key, Paths]:
    fields = (live or {}).get("metadata", {}).get("managedFields") or ()
    return {
        (entry["manager"], entry["operation"], entry.get("subresource", "")): from_fields_v1(
            entry.get("fieldsV1") or {}
        )
        for entry in fields
    }


def _with_entries(after: Manifest, entries: dict[_Key, Paths], live: Manifest | None, author: Author) -> Manifest:
    """Write managedFields; an unchanged entry keeps its time, so that an apply without effect writes nothing."""
    old = {(e["manager"], e["operation"], e.get("subresource", "")): e for e in _managed(live)}
    managed = []
    for (manager, operation, subresource), paths in entries.items():
        if not paths:
            continue
        entry = {
            "manager": manager,
            "operation": operation,
            "apiVersion": after["apiVersion"],
            "time": author.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": to_fields_v1(paths),
        }
        if subresource:
            entry["subresource"] = subresource
        before = old.get((manager, operation, subresource))
        if before is not None and before.get("fieldsV1") == entry["fieldsV1"]:
            entry = copy(before)
        managed.append(entry)
    after["metadata"]["managedFields"] = managed
    return after


def _managed(live: Manifest | None) -> list[Manifest]:
    return list((live or {}).get("metadata", {}).get("managedFields") or ())


def _without_version(manifest: Manifest) -> Manifest:
    metadata = {k: v for k, v in manifest["metadata"].items() if k not in ("resourceVersion", "generation")}
    return {**manifest, "metadata": metadata}


def _dotted(path: tuple[str, ...]) -> str:
    return "".join(f".{step[2:]}" if step.startswith("f:") else f"[{step[2:]}]" for step in path)
