"""The API server serves Canaries, once for all scenarios."""

from __future__ import annotations

import asyncio

import pytest

from operators import crds
from operators.crds import without_defaults
from operators.kit.crds import crd
from operators.kit.errors import NotFound
from operators.kit.kubernetes_api import KubernetesApi


@pytest.fixture(autouse=True)
async def _served(api: KubernetesApi) -> None:
    """Apply the definition and wait until its kind is served; it stays for the next test."""
    await api.apply(without_defaults(crd(crds.CANARY)), field_manager="test", force=True)
    async with asyncio.timeout(60):
        while True:
            try:
                await api.list("automatrix.dev", "v1alpha1", "Canary")
            except NotFound:
                await asyncio.sleep(0.05)
            else:
                return
