"""JSON schema as pydantic writes it → the structural OpenAPI v3 schema that a CRD needs: pure.

`$ref` is inlined, `X | None` becomes nullable, titles go, exclusive bounds take OpenAPI's form, int-or-string and
free-form objects get their extensions. Unions, tuples and recursion, which it cannot say, raise TypeError.
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]

PRESERVE = "x-kubernetes-preserve-unknown-fields"
INT_OR_STRING = "x-kubernetes-int-or-string"

# Kept as they are; anything else pydantic writes is either translated below or refused.
_KEPT = frozenset(
    {
        "type",
        "description",
        "enum",
        "pattern",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "multipleOf",
        "minItems",
        "maxItems",
        "minProperties",
        "maxProperties",
        "required",
        "nullable",
    }
)
_DROPPED = frozenset({"title", "examples", "deprecated", "readOnly", "writeOnly", "$defs", "contentMediaType"})
# Other formats (pydantic's duration, path, ...) are not the API server's, or mean something else there.
_FORMATS = frozenset(
    {"date-time", "date", "int32", "int64", "float", "double", "byte", "uri", "email", "ipv4", "ipv6", "uuid"}
)
_INLINE = ("$ref", "allOf", "anyOf", "oneOf")


def structural_schema(model: type[BaseModel], path: str = "") -> Schema:
    """Return the schema of a model, with camelCase aliases where the model has them."""
    schema = model.model_json_schema(mode="validation", by_alias=True)
    return _convert(schema, schema.get("$defs") or {}, path or model.__name__, ())


def _convert(
    schema: Mapping[str, Any], definitions: Mapping[str, Schema], path: str, within: tuple[str, ...]
) -> Schema:
    schema, within = _resolve(schema, definitions, path, within)
    out: Schema = {}
    for key, value in schema.items():
        if key in _KEPT or key.startswith("x-kubernetes-"):
            out[key] = value
        elif key not in _DROPPED:
            out.update(_translate(key, value, schema, path))
    if "properties" in schema:
        out["properties"] = {
            name: _convert(below, definitions, f"{path}.{name}", within) for name, below in schema["properties"].items()
        }
    if "items" in schema:
        out["items"] = _convert(schema["items"], definitions, f"{path}[]", within)
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict) and extra:
        _refuse_both(schema, path)
        out["additionalProperties"] = _convert(extra, definitions, f"{path}.*", within)
    elif extra is True or extra == {}:
        out[PRESERVE] = True
    return _finish(out, path)


def _finish(out: Schema, path: str) -> Schema:
    """Mend what is valid word by word and means something else to the API server."""
    if out.get("default", 0) is None:
        del out["default"]  # null is what an absent field is anyway
    if "type" not in out and not out.get(INT_OR_STRING):
        out[PRESERVE] = True  # Any
    if out.get("nullable") and "enum" in out:
        # An enum refuses null, and a null among its values reaches the server as the word "null".
        if out.get("type") != "string":
            raise TypeError(f"{path}: an optional choice must be one of strings")
        out["pattern"] = f"^({'|'.join(map(re.escape, out.pop('enum')))})$"
    return out


def _translate(key: str, value: Any, schema: Mapping[str, Any], path: str) -> Schema:
    """Translate one keyword; raises TypeError for one that no structural schema has."""
    # An object's own fields carry their defaults; repeated on it, they would have to be repeated exactly.
    default = {} if isinstance(value, dict) and "properties" in schema else {"default": value}
    known: dict[str, Schema] = {
        "const": {"enum": [value]},
        "exclusiveMinimum": {"minimum": value, "exclusiveMinimum": True},
        "exclusiveMaximum": {"maximum": value, "exclusiveMaximum": True},
        "format": {"format": value} if key == "format" and value in _FORMATS else {},
        "uniqueItems": {"x-kubernetes-list-type": "set"},
        "default": default,
        "properties": {},
        "items": {},
        "additionalProperties": {},
    }
    if key not in known:
        raise TypeError(f"{path}: a CRD's schema cannot say {key!r}")
    return known[key]


def _resolve(
    schema: Mapping[str, Any], definitions: Mapping[str, Schema], path: str, within: tuple[str, ...]
) -> tuple[Schema, tuple[str, ...]]:
    """Inline references and optional types until the schema says its type itself; its own keywords win."""
    resolved = dict(schema)
    while inline := next((key for key in _INLINE if key in resolved), None):
        value = resolved.pop(inline)
        if inline == "$ref":
            name = value.rpartition("/")[2]
            if name in within:
                raise TypeError(f"{path}: {name} contains itself, which a CRD's schema cannot say")
            within = (*within, name)
            resolved = {**definitions[name], **resolved}
        elif inline == "allOf" and len(value) == 1:
            resolved = {**value[0], **resolved}
        else:
            resolved = {**_choose(value, path), **resolved}
    return resolved, within


def _choose(options: list[Schema], path: str) -> Schema:
    """Reduce `X | None` to a nullable X and `int | str` to int-or-string; any other union is refused."""
    present = [option for option in options if option.get("type") != "null"]
    nullable: Schema = {"nullable": True} if len(present) < len(options) else {}
    if len(present) == 1:
        return {**present[0], **nullable}
    if {option.get("type") for option in present} == {"integer", "string"}:
        return {INT_OR_STRING: True, **nullable}
    names = " | ".join(str(option.get("$ref", option.get("type", "?"))).rpartition("/")[2] for option in present)
    raise TypeError(
        f"{path}: a union ({names}) cannot be said in a CRD; use one model, and CEL rules for what excludes what"
    )


def _refuse_both(schema: Mapping[str, Any], path: str) -> None:
    if "properties" in schema:
        raise TypeError(f"{path}: named fields and typed extra fields exclude each other in a CRD")
