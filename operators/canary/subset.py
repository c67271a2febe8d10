"""Whether an object already says what is wanted: pure."""

from __future__ import annotations

from typing import Any


def covers(live: Any, wanted: Any) -> bool:
    """Whether everything in `wanted` is in `live`; what else a server or somebody else put there does not matter.

    Lists are compared item by item: one with more items is another list.
    """
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(_covers_key(live, key, value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(live, list) and len(live) == len(wanted) and all(map(covers, live, wanted))
    return bool(live == wanted)


def _covers_key(live: dict[str, Any], key: str, wanted: Any) -> bool:
    if key not in live:
        return wanted in (None, {}, [])
    return covers(live[key], wanted)
