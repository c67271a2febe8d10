"""Between what the Pulumi SDK sends and plain JSON values.

In:  the properties of a registration, as protobuf.
Out: JSON values in which a secret is `{"$secret": "(hidden)"}`, a resource is the reference to its id, and whole
     numbers are ints; and back, for the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf import struct_pb2
from google.protobuf.json_format import MessageToDict

from cluster.graph.model import HIDDEN, SECRET, Json

SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The key that marks a value as more than plain data; its value says as what."""
SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 — a constant of Pulumi's protocol
RESOURCE_SIGNATURE = "5cf8f73096256a8f31e491e813e4eb8e"


def decode(properties: struct_pb2.Struct, reference: Callable[[str], str]) -> dict[str, Json]:
    """Return the properties as JSON values; `reference` writes a resource's URN as a reference to it."""
    plain: dict[str, Json] = _plain(MessageToDict(properties), reference)
    return plain


def _plain(value: Any, reference: Callable[[str], str]) -> Json:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(item, reference) for item in value]
    if not isinstance(value, dict):
        return value
    signature = value.get(SIGNATURE)
    if signature == RESOURCE_SIGNATURE:
        return reference(value["urn"])
    if signature == SECRET_SIGNATURE:
        return {SECRET: HIDDEN}
    if signature is not None:
        raise ValueError(f"a kind of value that the graph does not know: {sorted(value)}")
    # Protobuf keeps maps in no order: sorted, two captures are the same.
    return {name: _plain(item, reference) for name, item in sorted(value.items())}


def encode(values: Mapping[str, Json]) -> struct_pb2.Struct:
    """Return JSON values as protobuf."""
    message = struct_pb2.Struct()
    message.update(values)
    return message


def resource_value(urn: str, identity: str) -> dict[str, str]:
    """Return the value that stands for a resource itself."""
    return {SIGNATURE: RESOURCE_SIGNATURE, "urn": urn, "id": identity}
