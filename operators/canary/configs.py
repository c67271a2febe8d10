"""ConfigMaps and Secrets that pods refer to: found in a pod template, hashed, and replaced by copies. Pure."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from operators.kit.kube import Manifest

from .seen import ConfigSeen

ROTATED_BY = frozenset({"Database", "ExternalSecret"})
"""Owners that change a Secret when they must; an old password would be a revoked one."""
COPY_OF = "automatrix.dev/copy-of"
_KINDS: Mapping[str, Literal["ConfigMap", "Secret"]] = {
    "configMap": "ConfigMap",
    "configMapRef": "ConfigMap",
    "configMapKeyRef": "ConfigMap",
    "secret": "Secret",
    "secretRef": "Secret",
    "secretKeyRef": "Secret",
}


@dataclass(frozen=True)
class Reference:
    """One place in a pod template that names a ConfigMap or Secret."""

    kind: Literal["ConfigMap", "Secret"]
    name: str
    optional: bool
    holder: dict[str, Any]
    """The dict that names it, to be changed in a copy of the template."""
    key: str


def references(pod: Any) -> Iterator[Reference]:
    """Go through a pod spec's volumes and containers; what the kubelet reads for itself (pull secrets) is left out."""
    parts = ("volumes", "containers", "initContainers")
    stack = [pod[part] for part in parts if isinstance(pod, dict) and pod.get(part)]
    while stack:
        found = stack.pop()
        if isinstance(found, list):
            stack.extend(found)
        elif isinstance(found, dict):
            for key, value in found.items():
                if key in _KINDS and isinstance(value, dict):
                    yield from _reference(_KINDS[key], value)
                stack.append(value)


def _reference(kind: Literal["ConfigMap", "Secret"], holder: dict[str, Any]) -> Iterator[Reference]:
    key = "secretName" if "secretName" in holder else "name"
    if holder.get(key):
        yield Reference(kind, holder[key], bool(holder.get("optional")), holder, key)


def content_hash(manifest: Manifest) -> str:
    """Hash what pods can read of a ConfigMap or Secret."""
    contents = {key: manifest.get(key) or {} for key in ("data", "binaryData")}
    return digest([manifest["kind"], manifest["metadata"]["name"], contents, manifest.get("type") or ""])


def is_rotated(manifest: Manifest) -> bool:
    """Whether its owner changes it, so that an old state would be wrong; of a token its controller removes copies."""
    metadata = manifest["metadata"]
    owners = {owner.get("kind") for owner in metadata.get("ownerReferences") or ()}
    is_token = manifest.get("type") == "kubernetes.io/service-account-token"
    return bool(owners & ROTATED_BY) or is_token


def revision_of(template: Manifest, configs: tuple[ConfigSeen, ...]) -> str:
    """Hash what a Deployment's pods would be: their template and the contents that are copied with it."""
    contents = sorted((config.kind, config.name, config.hash) for config in configs if config.copied and config.hash)
    return digest([template["spec"]["template"], contents])


def digest(value: Any) -> str:
    """Hash JSON data, to ten characters that fit into a name."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def copy_name(canary: str, config: ConfigSeen) -> str:
    """The name of the copy of one state of a ConfigMap or Secret."""
    return f"{canary}-{config.kind.lower()}-{config.hash}"


def with_copies(pod_template: Manifest, names: Mapping[tuple[str, str], str]) -> Manifest:
    """Return the pod template with references to `names` (kind and name → name of the copy) replaced."""
    changed = copy.deepcopy(pod_template)
    for reference in list(references(changed["spec"])):
        reference.holder[reference.key] = names.get((reference.kind, reference.name), reference.name)
    return changed


def named(pod_template: Manifest) -> frozenset[tuple[str, str]]:
    """Kind and name of everything a pod template refers to."""
    return frozenset((one.kind, one.name) for one in references(pod_template.get("spec") or {}))
