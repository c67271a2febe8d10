"""What stands in the recovery Region when the first is lost, as Pulumi imports it.

In:  `wanted.json`, which `pulumi preview --stack prod-recovered --import-file wanted.json` writes: all that would be
     made; and `standing.json`, the output `standing` of the stack that is lost: ids by key.
Out: on standard output the same file with the ids of what stands, its components, and nothing of what is to be made.

    python -m cluster.standing wanted.json standing.json > import.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cluster.graph.model import short_type


def importing(wanted: Mapping[str, Any], standing: Mapping[str, str]) -> dict[str, Any]:
    """Return what is to be imported; ValueError names what stands and is not wanted."""
    rows = [*wanted.get("resources", [])]
    taken = [
        {**one, "id": standing[key]} for one in rows if (key := f"{short_type(one['type'])}/{one['name']}") in standing
    ]
    known = {f"{short_type(one['type'])}/{one['name']}" for one in taken}
    missing = sorted(set(standing) - known)
    if missing:
        raise ValueError(f"stands there, and nobody wants it: {', '.join(missing)}")
    parents = {str(one.get("parent", "")) for one in taken}
    above = [one for one in rows if one.get("component") and one.get("logicalName", one["name"]) in parents]
    return {**wanted, "resources": [*above, *taken]}


def main() -> None:
    """Write what is to be imported."""
    wanted, standing = (json.loads(Path(place).read_text(encoding="utf-8")) for place in sys.argv[1:3])
    try:
        sys.stdout.write(json.dumps(importing(wanted, standing), indent=2) + "\n")
    except ValueError as error:
        sys.exit(f"cluster.standing: {error}")


if __name__ == "__main__":
    main()
