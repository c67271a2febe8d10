"""Evaluate jq paths in a process of its own, which can be killed: a jq program may run for ever or eat all memory.

Reads lines of JSON `[expression, object or null]`, answers each with `{"paths": [...]}` or `{"error": "..."}`.
With null the expression is only compiled. Started by `jq_paths`; imports nothing of the engine, so it starts quickly.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any

import jq

_MEMORY = 256 * 1024 * 1024


def answer(expression: str, manifest: Any) -> dict[str, Any]:
    """Return the paths that an expression names in an object."""
    try:
        program = jq.compile(f"path({expression})")
        return {"paths": program.input_value(manifest).all() if manifest is not None else []}
    except ValueError as error:
        return {"error": str(error)}


def main() -> None:
    """Answer until the input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(*json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
