"""What the charts make of unusual values is what the API server takes: tried, not installed."""

from __future__ import annotations

import asyncio

import pytest

from operators.kit.kubernetes_api import KubernetesApi
from tests.apiserver.charts.unusual import ROWS, Row
from tests.support.helm import ROOT, Helm


@pytest.fixture(scope="module", autouse=True)
def definitions(helm: Helm) -> None:
    """Install the definitions that routes and Gateways need."""
    helm("install", "gateway-api", str(ROOT / "charts/gateway-api"), "--namespace", "hub-dev", "--create-namespace")


@pytest.fixture(autouse=True)
async def served(api: KubernetesApi) -> None:
    """Wait until the server serves them, a moment after they were made."""
    async with asyncio.timeout(60):
        while ("gateway.networking.k8s.io", "v1", "HTTPRoute") not in (await api.discover(fresh=True)).resources:
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_the_server_accepts_what_unusual_values_make(api: KubernetesApi, helm: Helm, row: Row) -> None:
    objects = helm.template(ROOT / "charts" / row.chart, row.values, row.release)
    for name in {one["metadata"].get("namespace") for one in objects} - {None}:
        assert isinstance(name, str), f"the namespace {name!r} is no text"
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        await api.apply(namespace, field_manager="tests", force=True)
    for one in objects:
        await api.apply(one, field_manager="tests", dry_run=True)
