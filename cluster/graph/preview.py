"""The second, independent way to the graph: what `pulumi preview --json` says, compared with what was captured.

In:  the preview of a stack without resources yet, or with all of them: one JSON object, `PreviewDigest` of Pulumi's
     SDK, whose `steps` have `op`, `urn` and `newState` with `type`, `custom`, `inputs`.
Out: differences. A resource must be in both under the same URN; every input that the capture knows must be what the
     engine got. What a preview does not know yet, what it hides, and what it adds by itself is no difference.

    pulumi preview --json --show-sames --stack dev > preview.json
    python -m cluster.graph.preview dev preview.json     # exit code 0 when both agree, 3 when not
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster.graph.model import SECRET, Graph, Json, Resource, references

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What stands in a preview for a value that nobody knows yet (sdk/go/common/resource/plugin/rpc.go)."""
BLINDED = "[secret]"
STACK = "pulumi:pulumi:Stack"
GONE = frozenset({"delete", "delete-replaced", "discard-replaced", "read", "remove-pending-replace"})
"""Operations that leave nothing of the program's own."""
DIFFERS = 3


@dataclass(frozen=True, slots=True)
class Difference:
    """Something in which the two ways do not agree."""

    urn: str
    says: str
    path: str = ""

    def __str__(self) -> str:
        return f"{self.urn}{f' {self.path}' if self.path else ''}: {self.says}"


class NoPreviewError(ValueError):
    """What was given is no preview, or one that failed; the message says why."""


def differences(graph: Graph, preview: Mapping[str, Json]) -> tuple[Difference, ...]:
    """Return where a capture and a preview disagree; NoPreviewError when the preview is none."""
    previewed = dict(_states(preview))
    captured = {one.urn: one for one in graph if not one.is_declared}
    found = [Difference(urn, "is in the graph and not in the preview") for urn in captured.keys() - previewed.keys()]
    found += [Difference(urn, "is in the preview and not in the graph") for urn in previewed.keys() - captured.keys()]
    for urn in captured.keys() & previewed.keys():
        found += _inputs(captured[urn], previewed[urn])
    return tuple(sorted(found, key=str))


def _states(preview: Mapping[str, Json]) -> Iterator[tuple[str, Mapping[str, Json]]]:
    if not isinstance(preview.get("steps"), list):
        raise NoPreviewError("there are no steps: this is not what `pulumi preview --json` writes")
    failed = [one.get("message", "") for one in preview.get("diagnostics", []) if one.get("severity") == "error"]
    if failed:
        raise NoPreviewError(f"the preview failed: {failed[0].strip()}")
    for step in preview["steps"]:
        state = step.get("newState")
        if step["op"] not in GONE and state and state["type"] != STACK:
            yield step["urn"], state


def _inputs(one: Resource, state: Mapping[str, Json]) -> Iterator[Difference]:
    if one.is_component or one.type.startswith("pulumi:providers:"):
        return  # a component's inputs stay in the program; a provider's are written as text by the SDK
    for path, says in _compared(one.inputs, state.get("inputs", {}), ""):
        yield Difference(one.urn, says, path)


def _compared(ours: Json, theirs: Json, path: str) -> Iterator[tuple[str, str]]:
    if theirs in (UNKNOWN, BLINDED) or _is_open(ours):
        return
    if isinstance(ours, Mapping):
        if not isinstance(theirs, Mapping):
            yield path, f"is {_short(theirs)} in the preview, and has parts in the graph"
            return
        for name, value in ours.items():
            yield from _compared(value, theirs.get(name), f"{path}.{name}" if path else name)
    elif isinstance(ours, list) and isinstance(theirs, Sequence) and not isinstance(theirs, str):
        if len(ours) != len(theirs):
            yield path, f"has {len(theirs)} parts in the preview, {len(ours)} in the graph"
            return
        for at, (value, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from _compared(value, other, f"{path}.{at}")
    elif _plain(ours) != _plain(theirs):
        yield path, f"is {_short(theirs)} in the preview, {_short(ours)} in the graph"


def _is_open(ours: Json) -> bool:
    """Whether the capture does not know a value: a secret, or text that hangs on another resource."""
    if isinstance(ours, Mapping):
        return SECRET in ours
    return isinstance(ours, str) and bool(references(ours))


def _plain(value: Json) -> Json:
    """Return a value without what JSON may write differently."""
    if isinstance(value, str) and value[:1] in "{[":
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _short(value: Json) -> str:
    text = "missing" if value is None else json.dumps(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def main(arguments: Sequence[str]) -> int:
    """Compare an environment with a preview's file; return the exit code."""
    from cluster.graph.capture import capture_stack  # noqa: PLC0415 — the comparison itself needs no program
    from cluster.stacks import stack  # noqa: PLC0415

    if len(arguments) != 2:
        sys.stderr.write("usage: python -m cluster.graph.preview <environment> <preview.json>\n")
        return 2
    graph = capture_stack(stack(arguments[0]))
    try:
        found = differences(graph, json.loads(Path(arguments[1]).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{arguments[1]}: {error}\n")
        return 1
    for one in found:
        sys.stdout.write(f"{one}\n")
    count = sum(not one.is_declared for one in graph)
    sys.stdout.write(f"{arguments[0]}: {count} resources compared, {len(found)} differences\n")
    return DIFFERS if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
