"""Reads the samples of a Prometheus exposition that matter, and no other: a gateway may expose a hundred thousand.

In: the text and the name of a metric. Out: labels and value of each of its samples. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


def samples(text: str, metric: str, holding: str = "") -> Iterator[tuple[Mapping[str, str], float]]:
    """Yield each sample of exactly this metric whose labels hold `holding`; raises ValueError for a broken value."""
    for found in re.finditer(rf"^{re.escape(metric)}\{{(.*)\}} (\S+)", text, re.MULTILINE):
        if holding in found[1]:
            yield {name: _unescape(value) for name, value in _LABEL.findall(found[1])}, float(found[2])


def _unescape(value: str) -> str:
    return re.sub(r"\\.", lambda found: _ESCAPES.get(found[0], found[0]), value) if "\\" in value else value
