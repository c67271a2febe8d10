"""The two kinds of glob Argo CD has.

Value files: `*` and `?` stay within a folder, `**` crosses folders. Directory include/exclude: `*` crosses folders,
too. Both know `[abc]`, `[a-z]`, `[!a]` and `{a,b}`.
Trade-off: matched by following all places a path can be at, and not as a regular expression: patterns come from
whoever writes an Application, and an expression that tries one way after the other can take for ever.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

LONGEST, NESTED = 1000, 10
SPECIAL = frozenset("*?[{")


def is_glob(path: str) -> bool:
    """Whether a value file's path is a pattern."""
    return not SPECIAL.isdisjoint(path)


def base_of(pattern: str) -> str:
    """The deepest folder that holds everything a pattern can match: `envs/*/a.yaml` → `envs`."""
    fixed = []
    for part in pattern.split("/")[:-1]:
        if is_glob(part):
            break
        fixed.append(part)
    return "/".join(fixed)


@dataclass(frozen=True, slots=True)
class Run:
    """`*` or `**`: any number of characters, `crossing` folders or not."""

    crossing: bool


@dataclass(frozen=True, slots=True)
class Folders:
    """`**/`: any number of whole folders."""


@dataclass(frozen=True, slots=True)
class One:
    """One character."""

    expression: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Either:
    """`{a,b}`."""

    ways: tuple[tuple[Part, ...], ...]


Part = str | Run | Folders | One | Either


@dataclass(frozen=True, slots=True)
class Glob:
    """A pattern; its time grows with the length of the pattern times that of the path, whatever they are."""

    parts: tuple[Part, ...]

    def match(self, path: str) -> bool:
        """Whether it matches the whole path."""
        return len(path) in _ends(self.parts, path, {0})


def _ends(parts: Sequence[Part], path: str, places: set[int]) -> set[int]:
    """Where the parts can end in the path, begun at any of the places."""
    for part in parts:
        if not places:
            break
        match part:
            case str():
                places = {at + len(part) for at in places if path.startswith(part, at)}
            case One():
                places = {at + 1 for at in places if part.expression.match(path[at : at + 1])}
            case Run():
                places = _run(path, places, crossing=part.crossing)
            case Folders():
                places = _folders(path, places)
            case Either():
                places = set().union(*(_ends(way, path, places) for way in part.ways))
    return places


def _run(path: str, places: set[int], *, crossing: bool) -> set[int]:
    found: set[int] = set()
    for at in sorted(places):
        if at not in found:
            end = -1 if crossing else path.find("/", at)
            found.update(range(at, (len(path) if end < 0 else end) + 1))
    return found


def _folders(path: str, places: set[int]) -> set[int]:
    found: set[int] = set()
    for start in places:
        at = start
        while at not in found:
            found.add(at)
            end = path.find("/", at)
            if end > at:
                at = end + 1
    return found


@functools.lru_cache(maxsize=512)
def compiled(pattern: str, *, crossing: bool) -> Glob:
    """The pattern, to match whole paths; `crossing` lets `*` match `/`. Raises ValueError for a bad pattern."""
    if len(pattern) > LONGEST:
        raise ValueError(f"a glob of {len(pattern)} characters is too long: {LONGEST} at most")
    try:
        ways, _ = _parsed(pattern, 0, 0, crossing=crossing)
    except re.error:
        raise ValueError(f"{pattern!r} is not a glob") from None
    return Glob(ways[0])


def _parsed(pattern: str, at: int, depth: int, *, crossing: bool) -> tuple[tuple[tuple[Part, ...], ...], int]:
    """The ways from a place to the end of its braces (outside of any: the one way to the end), and that end."""
    ways: list[list[Part]] = [[]]
    while at < len(pattern):
        char = pattern[at]
        if depth and char == "}":
            return tuple(tuple(way) for way in ways), at + 1
        if depth and char == ",":
            ways.append([])
            at += 1
        elif char == "{":
            if depth == NESTED:
                raise ValueError(f"{pattern!r} has braces in braces more than {NESTED} deep")
            below, at = _parsed(pattern, at + 1, depth + 1, crossing=crossing)
            ways[-1].append(Either(below))
        else:
            part, at = _simple(pattern, at, crossing=crossing)
            ways[-1].append(part)
    if depth:
        raise ValueError(f"{pattern!r} is not a glob")
    return tuple(tuple(way) for way in ways), at


def _simple(pattern: str, at: int, *, crossing: bool) -> tuple[Part, int]:
    char = pattern[at]
    if pattern.startswith("**/", at) and not crossing:
        return Folders(), at + 3
    if char == "*":
        twice = pattern.startswith("**", at)
        return Run(crossing or twice), at + 1 + twice
    if char == "?":
        return One(re.compile("." if crossing else "[^/]", re.DOTALL)), at + 1
    if char == "[" and (end := pattern.find("]", at + 2)) > 0:
        body = pattern[at + 1 : end].replace("\\", r"\\").replace("[", r"\[")
        return One(re.compile(f"[{'^' + body[1:] if body[0] in '!^' else body}]")), end + 1
    if char == "\\" and at + 1 < len(pattern):
        return pattern[at + 1], at + 2
    return char, at + 1
