"""What a resource answers before it exists.

In:  the type and inputs of a resource.
Out: its outputs: the inputs, and for every attribute that is a string the reference to it. A name that the program
     chose comes back as a reference, too, so that whoever uses it gains an edge; `Graph.resolved` reads through it.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from functools import cache

from cluster.graph.model import HIDDEN, SECRET, Json, Reference

_TYPE = re.compile(r"aws:(?P<module>\w+)/\w+:(?P<name>\w+)")

_VALIDATION = ("domainName", "resourceRecordName", "resourceRecordType", "resourceRecordValue")
NESTED: Mapping[str, Mapping[str, Json]] = {
    "aws:acm/certificate:Certificate": {
        "domainValidationOptions": [
            {name: f"domainValidationOptions.0.{name}" for name in _VALIDATION},
        ],
    },
    "aws:rds/cluster:Cluster": {"masterUserSecrets": [{"secretArn": "masterUserSecrets.0.secretArn"}]},
    "aws:rds/instance:Instance": {"masterUserSecrets": [{"secretArn": "masterUserSecrets.0.secretArn"}]},
    "aws:eks/cluster:Cluster": {
        "identities": [{"oidcs": [{"issuer": "identities.0.oidcs.0.issuer"}]}],
        "certificateAuthority": {"data": "certificateAuthority.data"},
        "vpcConfig": {"clusterSecurityGroupId": "vpcConfig.clusterSecurityGroupId"},
    },
}
"""Outputs with a structure that the program reads, with the path of each as its value."""


@cache
def _class(token: str) -> type | None:
    match = _TYPE.fullmatch(token)
    if not match:
        return None
    found: type = getattr(importlib.import_module(f"pulumi_aws.{match['module']}"), match["name"])
    return found


@cache
def string_outputs(token: str) -> tuple[str, ...]:
    """Return the attributes of an AWS type that are strings, by their names in the provider's schema."""
    found = []
    for attribute in vars(_class(token) or object).values():
        getter = attribute.fget if isinstance(attribute, property) else None
        if getter is None or "return" not in getter.__annotations__:
            continue
        if re.fullmatch(r".*Output\[(typing\.)?(Optional\[)?(\w+\.)?str\]+", str(getter.__annotations__["return"])):
            found.append(getattr(getter, "_pulumi_name", getter.__name__))
    return tuple(found)


def is_taggable(token: str) -> bool:
    """Whether an AWS type has tags that follow the provider's defaults."""
    return hasattr(_class(token) or object, "tags_all")


def outputs(token: str, key: str, inputs: Mapping[str, Json]) -> dict[str, Json]:
    """Return the stand-ins for everything that a resource would answer."""
    nested = {name: _named(key, value) for name, value in NESTED.get(token, {}).items()}
    merged = {
        name: {**inputs[name], **value} if isinstance(inputs.get(name), dict) else value
        for name, value in nested.items()
    }
    return {**_readable(inputs), **{name: str(Reference(key, name)) for name in string_outputs(token)}, **merged}


def _readable(value: Json) -> Json:
    """Return inputs as the SDK takes them back: for a secret something that has its type."""
    if isinstance(value, Mapping):
        return HIDDEN if SECRET in value else {name: _readable(item) for name, item in value.items()}
    return [_readable(item) for item in value] if isinstance(value, list) else value


def _named(key: str, value: Json) -> Json:
    if isinstance(value, str):
        return str(Reference(key, value))
    if isinstance(value, list):
        return [_named(key, item) for item in value]
    return {name: _named(key, item) for name, item in value.items()}
