"""Paths through an object: read from managedFields, walked, taken out and put in. Pure.

A step is a key of a map (str), a position in a list (int), a `Key` (the list item with these field values), or a
`Value` (the list item that equals this). The last two are how managedFields (KEP-555) name list items.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

FieldsV1 = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Key:
    """The list item that has these values."""

    fields: tuple[tuple[str, Any], ...]

    def matches(self, item: object) -> bool:
        """Whether it is that item; a field it does not have may have been filled in by a default."""
        if not isinstance(item, dict) or not any(name in item for name, _ in self.fields):
            return False
        return all(item.get(name, value) == value for name, value in self.fields)


@dataclass(frozen=True, slots=True)
class Value:
    """The list item that equals this."""

    value: Any

    def matches(self, item: object) -> bool:
        """Whether it is that item."""
        return bool(item == self.value)


Step = str | int | Key | Value
Path = tuple[Step, ...]
MISSING = object()


def step_of(name: str) -> Step:
    """Read one key of FieldsV1: `f:image`, `k:{"name":"web"}`, `v:"finalizer"`, `i:0`."""
    kind, _, text = name.partition(":")
    match kind:
        case "k":
            return Key(tuple(sorted(json.loads(text).items())))
        case "v":
            return Value(json.loads(text))
        case "i":
            return int(text)
    return text


def owned(live: Mapping[str, Any], manager: str, operation: str = "") -> FieldsV1 | None:
    """Return what a manager owns of a live object outside subresources; None where it owns nothing."""
    found: FieldsV1 | None = None
    for entry in (live.get("metadata") or {}).get("managedFields") or []:
        same = entry.get("manager") == manager and operation in ("", entry.get("operation"))
        if same and not entry.get("subresource"):
            found = entry.get("fieldsV1") or {}
    return found


def leaves(fields: FieldsV1, prefix: Path = ()) -> Iterator[Path]:
    """Walk FieldsV1 down to what is owned as a whole."""
    for name, below in fields.items():
        if name == ".":
            continue
        path = (*prefix, step_of(name))
        inner = [key for key in below if key != "."]
        if inner:
            yield from leaves(below, path)
        else:
            yield path


def _position(holder: object, step: Step) -> str | int | None:
    """Return where a step leads in a map or list, None where nowhere."""
    if isinstance(holder, dict):
        return step if isinstance(step, str) and step in holder else None
    if not isinstance(holder, list):
        return None
    if isinstance(step, Key | Value):
        return next((index for index, item in enumerate(holder) if step.matches(item)), None)
    index = int(step) if isinstance(step, int) or step.isdigit() else -1
    return index if 0 <= index < len(holder) else None


def look_up(holder: Any, path: Path) -> Any:
    """Return what is at a path, MISSING where nothing is."""
    for step in path:
        position = _position(holder, step)
        if position is None:
            return MISSING
        holder = holder[position]
    return holder


def without(holder: Any, path: Path) -> Any:
    """Return a copy without what is at the path; only the containers on the way are copied."""
    position = _position(holder, path[0]) if path else None
    if position is None:
        return holder
    copy = holder.copy()
    if len(path) == 1:
        del copy[position]
    else:
        copy[position] = without(copy[position], path[1:])
    return copy


def with_value(holder: Any, path: Path, value: Any) -> Any:
    """Return a copy with a value at the path; maps on the way are made, list items are not."""
    step = path[0]
    if isinstance(holder, dict) and isinstance(step, str):
        inner = value if len(path) == 1 else with_value(holder.get(step, {}), path[1:], value)
        return {**holder, step: inner}
    position = _position(holder, step)
    if position is None:
        return holder
    copy = holder.copy()
    copy[position] = value if len(path) == 1 else with_value(copy[position], path[1:], value)
    return copy


def show(path: Path) -> str:
    """Write a path for people: `spec.template.spec.containers[name=web].image`. Never a value."""
    text = ""
    for step in path:
        match step:
            case Key(fields):
                text += "[" + ",".join(f"{name}={value}" for name, value in fields) + "]"
            case Value():
                text += "[…]"
            case int():
                text += f"[{step}]"
            case _:
                text += f".{step}" if text else str(step)
    return text
