"""Durations as Go programs write them: `5s`, `1m30s`, `2h`, or a bare number of seconds."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


def parse(text: str, default: timedelta) -> timedelta:
    """Read a duration; '' is `default`; raise ValueError with the accepted form for anything else."""
    text = text.strip()
    if not text:
        return default
    try:
        return _read(text)
    except OverflowError:
        raise ValueError(f"{text[:40]!r} is a longer time than there is") from None


def _read(text: str) -> timedelta:
    if text.isdecimal():
        return timedelta(seconds=int(text))
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration: write seconds or a form such as 30s or 1m30s")
    return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text)))
