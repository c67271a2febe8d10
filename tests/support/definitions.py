"""The kinds that canaries stand on, made known to an API server: Canary, and those of the Gateway API."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import yaml

from cluster.local.settings import ROOT
from operators import crds
from operators.crds import without_defaults
from operators.kit.crds import crd
from operators.kit.errors import NotFound
from operators.kit.kube import KubeApi, Manifest

GATEWAY_API = ROOT / "charts/gateway-api/files"
ROUTES = GATEWAY_API / "gateway.networking.k8s.io_httproutes.yaml"


def canary() -> Manifest:
    """Return the definition of Canary."""
    return without_defaults(crd(crds.CANARY))


def gateway_api(paths: Iterable[Path] = ()) -> list[Manifest]:
    """Read definitions of the Gateway API, all of them where none is named; by the C parser, for they are long."""
    chosen = list(paths) or sorted(GATEWAY_API.glob("*.yaml"))
    return [yaml.load(path.read_text(), yaml.CSafeLoader) for path in chosen]


async def serve(api: KubeApi, definitions: Iterable[Manifest]) -> None:
    """Apply definitions and wait until their kinds are served; they stay."""
    for definition in definitions:
        await api.apply(definition, field_manager="test", force=True)
        spec = definition["spec"]
        version = next(one["name"] for one in spec["versions"] if one["storage"])
        async with asyncio.timeout(60):
            # Discovery may name a kind a moment before it is served.
            while not await _lists(api, spec["group"], version, spec["names"]["kind"]):
                await asyncio.sleep(0.05)


async def _lists(api: KubeApi, *kind: str) -> bool:
    try:
        await api.list(*kind)
    except NotFound:
        return False
    return True
