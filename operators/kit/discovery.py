"""What an API server serves, out of its aggregated discovery documents (KEP-3352): pure.

In: the bodies of /api and /apis asked for as `APIGroupDiscoveryList`, and the version. Out: `Discovery`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .kube import Discovery, Manifest, Resource

ACCEPT = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def parse(kube_version: str, documents: Iterable[Manifest]) -> Discovery:
    """Merge the documents; a version marked stale (its APIService does not answer) makes the answer incomplete."""
    names: set[str] = set()
    resources: dict[tuple[str, str, str], Resource] = {}
    complete = True
    for document in documents:
        for item in document.get("items") or ():
            group = (item.get("metadata") or {}).get("name") or ""
            for served in item.get("versions") or ():
                complete = complete and served.get("freshness", "Current") == "Current"
                version = served["version"]
                api_version = f"{group}/{version}" if group else version
                names.add(api_version)
                for kind, resource in _resources(served):
                    names.add(f"{api_version}/{kind}")
                    resources[(group, version, kind)] = resource
    return Discovery(kube_version, frozenset(names), resources, complete)


def _resources(served: dict[str, Any]) -> Iterable[tuple[str, Resource]]:
    for resource in served.get("resources") or ():
        kind = (resource.get("responseKind") or {}).get("kind") or ""
        if kind:
            verbs = frozenset(resource.get("verbs") or ())
            yield kind, Resource(resource["resource"], resource.get("scope") == "Namespaced", verbs)
