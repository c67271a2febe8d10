"""The two kinds of glob Argo CD has, as regular expressions.

Value files: `*` and `?` stay within a folder, `**` crosses folders. Directory include/exclude: `*` crosses folders,
too. Both know `[abc]`, `[a-z]`, `[!a]` and `{a,b}`.
"""

from __future__ import annotations

import functools
import re

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


@functools.lru_cache(maxsize=512)
def compiled(pattern: str, *, crossing: bool) -> re.Pattern[str]:
    """The expression that matches whole paths; `crossing` lets `*` match `/`. Raises ValueError for a bad pattern."""
    try:
        return re.compile(_translated(pattern, crossing=crossing) + r"\Z", re.DOTALL)
    except re.error:
        raise ValueError(f"{pattern!r} is not a glob") from None


def _translated(pattern: str, *, crossing: bool) -> str:
    one, many = (".", ".*") if crossing else ("[^/]", "[^/]*")
    out, at, depth = [], 0, 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*" and pattern[at : at + 1] == "*":
            at += 1
            if pattern[at : at + 1] == "/" and not crossing:
                at += 1
                out.append("(?:[^/]+/)*")
            else:
                out.append(".*")
        elif char in "*?":
            out.append(many if char == "*" else one)
        elif char == "[" and (end := pattern.find("]", at + 1)) > 0:
            body = pattern[at:end].replace("\\", r"\\").replace("[", r"\[")
            out.append(f"[{'^' + body[1:] if body[0] in '!^' else body}]")
            at = end + 1
        elif char == "\\" and at < len(pattern):
            out.append(re.escape(pattern[at]))
            at += 1
        else:
            depth += {"{": 1, "}": -1}.get(char, 0)
            out.append(_brace(char, depth))
    return "".join(out)


def _brace(char: str, depth: int) -> str:
    if char == "{":
        return "(?:"
    if char == "}":
        return ")" if depth >= 0 else re.escape(char)
    return "|" if char == "," and depth > 0 else re.escape(char)
