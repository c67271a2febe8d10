"""YAML and JSON texts to plain objects, with the meanings kubectl and Helm give them.

In:  a text. Out: its documents with the line each begins at, or a `SourceError` with the line.
PyYAML reads scalars as YAML 1.1 does, Go's parser as kubectl's users know them: `22:22` is a text and not the
number 1342, `2024-01-01` is a text, `1e3` is a number. A key that stands twice is refused: one of the two values
would be lost without a word.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.resolver import Resolver

from operators.gitops.sources import SourceError

DEPTH = 100
"""Levels of nesting of one text. libyaml's reader and what comes later recurse, and the former does so in C: without
a limit a hundred thousand brackets end the process. Kubernetes' deepest schemas have about forty."""
NODES = 2_000_000
"""Of one text, its aliases written out: more is a bomb, not a manifest."""

TOO_DEEP = f"it is nested too deeply: more than {DEPTH} levels"

INTEGER = re.compile(r"[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|0|[1-9][0-9_]*)")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
DIGITS = 400  # no floating number has more in front of its point; Python converts longer ones slowly, or refuses
JSON_INTEGER = 1e21  # Go's JSON writes whole numbers below this without an exponent


class _Resolver(Resolver):
    yaml_implicit_resolvers = {}  # noqa: RUF012  # PyYAML copies it before the first change
    _depth = 0

    def descend_resolver(self, current_node: yaml.Node | None, current_index: Any) -> None:  # noqa: ARG002
        """Called by libyaml's reader before it goes into each node: the place to stop it."""
        self._depth += 1
        if self._depth > DEPTH:
            raise ConstructorError(None, None, TOO_DEEP, current_node.start_mark if current_node else None)

    def ascend_resolver(self) -> None:
        """Called when it comes back."""
        self._depth -= 1


_Resolver.add_implicit_resolver(
    "tag:yaml.org,2002:bool",
    re.compile(r"(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$"),
    list("yYnNtTfFoO"),
)
_Resolver.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(f"(?:{INTEGER.pattern})$"), list("-+0123456789"))
_Resolver.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(f"(?:{FLOAT.pattern})$"), list("-+.0123456789"))
_Resolver.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Resolver.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"(?:<<)$"), ["<"])


class _Constructor(SafeConstructor):
    """Mappings and numbers; PyYAML finds the constructors in the class."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            if not isinstance(key, yaml.ScalarNode):
                raise ConstructorError(None, None, "a key must be a plain value", key.start_mark)
            if key.value in seen:
                raise ConstructorError(None, None, f"the key {key.value!r} stands twice", key.start_mark)
            seen.add(key.value)
        built = super().construct_mapping(node, deep=deep)
        return {key if isinstance(key, str) else _as_json(key): value for key, value in built.items()}

    def construct_number(self, node: yaml.ScalarNode) -> float | str:
        text = str(node.value)
        try:
            return _number(text.replace("_", ""))
        except ValueError:
            return text


class _Loader(_Constructor, _Resolver, yaml.CSafeLoader):  # libyaml's parser; the first bases come first
    """libyaml's parser with this module's meanings."""


for _tag in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _Loader.construct_number)  # type: ignore[type-var]  # the stubs know no subclass


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a text; `line` is where it begins, from 1."""

    value: Any
    line: int


def parse_yaml(text: str, file: str) -> list[Document]:
    """All documents of a YAML text that are not empty; raises SourceError with file and line."""
    try:
        return list(_documents(text))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "not YAML"
        raise SourceError(f"{file}: {problem}", file=file, line=mark.line + 1 if mark else 0) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = TOO_DEEP if isinstance(error, RecursionError) else str(error).partition("\n")[0]
        raise SourceError(f"{file}: {reason}", file=file) from None


def parse_json(text: str, file: str) -> list[Document]:
    """The one object of a JSON text."""

    def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        built: dict[str, Any] = {}
        for name, value in pairs:
            if name in built:
                raise SourceError(f"{file}: the key {name!r} stands twice", file=file)
            built[name] = value
        return built

    try:
        value = json.loads(
            text, object_pairs_hook=no_duplicates, parse_int=_whole, parse_float=_finite, parse_constant=_finite
        )
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise SourceError(f"{file}: {error.msg}", file=file, line=error.lineno) from None
    except RecursionError:
        raise SourceError(f"{file}: {TOO_DEEP}", file=file) from None
    except UnicodeEncodeError:
        raise SourceError(f"{file}: half of a pair of \\u escapes is no character", file=file) from None
    except ValueError as error:
        raise SourceError(f"{file}: {error}", file=file) from None
    if _is_too_deep(value):
        raise SourceError(f"{file}: {TOO_DEEP}", file=file)
    return [Document(value, 1)]


def _documents(text: str) -> Iterator[Document]:
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is None:
                continue
            if "*" in text:
                _size(node, {})
            value = loader.construct_document(node)
            if value is not None:
                yield Document(value, node.start_mark.line + 1)
    finally:
        loader.dispose()


def _size(node: yaml.Node, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """How many nodes and how many levels there are with every alias written out; the same node is counted once."""
    if id(node) in known:
        if not known[id(node)][0]:
            raise ConstructorError(None, None, "an alias contains itself", node.start_mark)
        return known[id(node)]
    known[id(node)] = (0, 0)
    below: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        below = [item for pair in node.value for item in pair]
    elif isinstance(node, yaml.SequenceNode):
        below = node.value
    size, depth = 1, 1
    for item in below:
        more, deeper = _size(item, known)
        size, depth = size + more, max(depth, deeper + 1)
    if size > NODES:
        raise ConstructorError(None, None, "the aliases stand for too much", node.start_mark)
    if depth > DEPTH:
        raise ConstructorError(None, None, TOO_DEEP, node.start_mark)
    known[id(node)] = (size, depth)
    return size, depth


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEPTH):
        level = [
            item
            for above in level
            if isinstance(above, dict | list)
            for item in (above.values() if isinstance(above, dict) else above)
        ]
        if not level:
            return False
    return True


def _number(text: str) -> float | str:
    digits = text.lstrip("+-").lower()
    sign = -1 if text.startswith("-") else 1
    if digits.startswith(("0x", "0b", "0o")):
        return _within(sign * int(digits, 0))
    if len(digits) > 1 and digits.startswith("0") and digits.isdigit():
        return _within(sign * int(digits, 8))
    if digits.isdigit() and len(digits) <= DIGITS:
        return _within(sign * int(digits))
    number = float(digits) * sign if "n" not in digits else float("nan")
    if not math.isfinite(number):
        raise ValueError(text)  # JSON has no such number
    return int(number) if number.is_integer() and abs(number) < JSON_INTEGER else number


def _within(number: int) -> float | int:
    """Go knows whole numbers of 64 bits; beyond, they are floating."""
    if -(1 << 63) <= number < 1 << 64:
        return number
    try:
        return _finite(float(number))
    except OverflowError:
        raise ValueError("a number is too large") from None


def _finite(text: str | float) -> float | int:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large, or none that JSON knows")
    return int(number) if number.is_integer() and isinstance(text, float) and abs(number) < JSON_INTEGER else number


def _whole(text: str) -> float | int:
    return _within(int(text)) if len(text) <= DIGITS else _finite(text)


def _as_json(key: object) -> str:
    """A key that is no text, as Go writes it: `8080: x` has the key "8080", `on: x` the key "true"."""
    return json.dumps(key)


def as_node(text: str) -> yaml.Node | None:
    """The first document with its places in the text; None where it is not YAML."""
    try:
        return yaml.compose(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError):
        return None
