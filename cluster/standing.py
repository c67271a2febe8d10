"""What stands in the recovery Region when the first is lost, as Pulumi imports it.

In:  `wanted.json`, which `pulumi preview --stack prod-recovered --import-file wanted.json` writes: all that would be
     made; and the state of the stack that is lost, as its bucket's copy has it: its output `standing` has ids by key.
     The file is read as it is, because Pulumi would ask the lost Region's key before it showed any of it.
Out: on standard output the first file with the ids of what stands, its components, and nothing of what is to be made.

    python -m cluster.standing wanted.json prod.json > import.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cluster.graph.model import short_type


def importing(wanted: Mapping[str, Any], found: Mapping[str, str]) -> dict[str, Any]:
    """Return what is to be imported; ValueError names what stands and is not wanted."""
    rows = [*wanted.get("resources", [])]
    taken = [{**one, "id": found[key]} for one in rows if (key := f"{short_type(one['type'])}/{one['name']}") in found]
    known = {f"{short_type(one['type'])}/{one['name']}" for one in taken}
    missing = sorted(set(found) - known)
    if missing:
        raise ValueError(f"stands there, and nobody wants it: {', '.join(missing)}")
    parents = {str(one.get("parent", "")) for one in taken}
    above = [one for one in rows if one.get("component") and one.get("logicalName", one["name"]) in parents]
    return {**wanted, "resources": [*above, *taken]}


def standing(state: Mapping[str, Any]) -> dict[str, str]:
    """Return the output `standing` of a stack's state; ValueError where it has none."""
    for one in state["checkpoint"]["latest"]["resources"]:
        if one["type"] == "pulumi:pulumi:Stack" and "standing" in one.get("outputs", {}):
            return dict(one["outputs"]["standing"])
    raise ValueError("the state has no output `standing`: its stack has no pilot light")


def main() -> None:
    """Write what is to be imported."""
    wanted, state = (json.loads(Path(place).read_text(encoding="utf-8")) for place in sys.argv[1:3])
    try:
        sys.stdout.write(json.dumps(importing(wanted, standing(state)), indent=2) + "\n")
    except ValueError as error:
        sys.exit(f"cluster.standing: {error}")


if __name__ == "__main__":
    main()
