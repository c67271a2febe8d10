"""The API server serves Canaries and HTTPRoutes, once for all scenarios."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import yaml

from cluster.local.settings import ROOT
from operators import crds
from operators.crds import without_defaults
from operators.kit.crds import crd
from operators.kit.errors import NotFound
from operators.kit.kubernetes_api import KubernetesApi
from tests.support import canary_stage
from tests.support.canary_stage import GATEWAY, Stage

ROUTES = ROOT / "charts/gateway-api/files/gateway.networking.k8s.io_httproutes.yaml"


@pytest.fixture(autouse=True)
async def _served(api: KubernetesApi) -> None:
    """Apply the definitions and wait until their kinds are served; they stay for the next test."""
    for definition in (without_defaults(crd(crds.CANARY)), yaml.safe_load(ROUTES.read_text())):
        await api.apply(definition, field_manager="test", force=True)
    async with asyncio.timeout(60):
        for kind in (("automatrix.dev", "v1alpha1", "Canary"), (GATEWAY, "v1", "HTTPRoute")):
            while not await _lists(api, *kind):
                await asyncio.sleep(0.05)


async def _lists(api: KubernetesApi, *kind: str) -> bool:
    try:
        await api.list(*kind)
    except NotFound:
        return False
    return True


@pytest.fixture
async def stage(api: KubernetesApi, namespace: str) -> AsyncIterator[Stage]:
    """Yield a stage with a Deployment that serves; no operator runs yet."""
    async with canary_stage.stage(api, namespace) as ready:
        yield ready
