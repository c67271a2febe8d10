"""`ignoreDifferences`: fields in which a difference does not count. Pure, but for jq.

In: the rules and objects. Out: objects with those fields taken out, or, for RespectIgnoreDifferences, the desired
object with the live values put in, so that an apply leaves them alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from operators.kit.errors import Invalid
from operators.kit.kube import Manifest, Ref

from .fields import MISSING, Path, leaves, look_up, owned, with_value, without
from .jq_paths import JQ, TooSlow
from .models import IgnoreDifference


def rules_for(rules: Iterable[IgnoreDifference], ref: Ref) -> tuple[IgnoreDifference, ...]:
    """Return the rules about one object."""
    return tuple(
        rule
        for rule in rules
        if fnmatchcase(ref.group, rule.group)
        and fnmatchcase(ref.kind, rule.kind)
        and rule.name in ("", ref.name)
        and rule.namespace in ("", ref.namespace)
    )


def check(rules: Sequence[IgnoreDifference]) -> None:
    """Raise Invalid for an expression that cannot be read."""
    for number, rule in enumerate(rules):
        field = f"spec.ignoreDifferences[{number}]"
        for pointer in rule.json_pointers:
            if not pointer.startswith("/"):
                raise Invalid(f"{field}.jsonPointers", f"{pointer!r} must start with '/'")
        for expression in rule.jq_path_expressions:
            try:
                JQ.check(expression)
            except ValueError as error:
                raise Invalid(f"{field}.jqPathExpressions", f"{expression!r}: {error}") from None


def pointer_path(pointer: str) -> Path:
    """Read an RFC 6901 pointer."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def _paths(rules: Iterable[IgnoreDifference], manifest: Manifest, live: Manifest) -> list[Path]:
    found: list[Path] = []
    for rule in rules:
        found += [pointer_path(pointer) for pointer in rule.json_pointers]
        for expression in rule.jq_path_expressions:
            try:
                found += [tuple(path) for path in JQ.paths(expression, manifest)]
            except TooSlow as error:
                raise Invalid("spec.ignoreDifferences", f"jqPathExpressions: {expression!r}: {error}") from None
            except ValueError:
                continue  # the expression does not fit this object: it has nothing to ignore
        for manager in rule.managed_fields_managers:
            found += list(leaves(owned(live, manager) or {}))
    return [path for path in found if path]


def without_ignored(rules: Sequence[IgnoreDifference], manifest: Manifest, live: Manifest) -> Manifest:
    """Return the manifest without the fields that do not count; `live` tells who owns what."""
    # Later list items first, or taking one out would move the others.
    for path in sorted(_paths(rules, manifest, live), key=_later_first, reverse=True):
        manifest = _cut(manifest, path)
    return manifest


def _cut(manifest: Manifest, path: Path) -> Manifest:
    """Take a field out, and what it leaves empty: whether its holder is there at all does not count either."""
    manifest = without(manifest, path)
    for end in range(len(path) - 1, 0, -1):
        if not isinstance(path[end - 1], str) or look_up(manifest, path[:end]) not in ({}, [], None, MISSING):
            break
        manifest = without(manifest, path[:end])
    return manifest


def with_live_values(rules: Sequence[IgnoreDifference], desired: Manifest, live: Manifest) -> Manifest:
    """Return the desired object with the ignored fields as they are live (RespectIgnoreDifferences)."""
    paths = {*_paths(rules, desired, live), *_paths(rules, live, live)}
    for path in sorted(paths, key=_later_first, reverse=True):
        value = look_up(live, path)
        desired = without(desired, path) if value is MISSING else with_value(desired, path, value)
    return desired


def _later_first(path: Path) -> tuple[tuple[int, str], ...]:
    return tuple((step, "") if isinstance(step, int) else (0, str(step)) for step in path)
