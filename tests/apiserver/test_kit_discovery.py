"""Discovery of the real API server, also while an aggregated API does not answer."""

import asyncio

import pytest

from operators.kit.errors import Unavailable
from operators.kit.kube import Manifest, Ref
from operators.kit.kubernetes_api import KubernetesApi

BROKEN: Manifest = {
    "apiVersion": "apiregistration.k8s.io/v1",
    "kind": "APIService",
    "metadata": {"name": "v1beta1.broken.example.org"},
    "spec": {
        "group": "broken.example.org",
        "version": "v1beta1",
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "insecureSkipTLSVerify": True,
        "service": {"name": "nobody", "namespace": "default"},
    },
}


async def test_it_knows_what_helm_and_the_engine_ask_for(api: KubernetesApi) -> None:
    found = await api.discover()
    assert found.kube_version.startswith("v1.35")
    assert {"v1", "apps/v1", "apps/v1/Deployment", "v1/ConfigMap"} <= found.api_versions
    assert found.resources[("apps", "v1", "Deployment")].plural == "deployments"
    assert not found.resources[("", "v1", "Namespace")].namespaced
    assert "watch" in found.resources[("", "v1", "Secret")].verbs
    assert found.complete


async def test_a_broken_api_service_makes_it_incomplete_and_no_kind_of_it_absent(api: KubernetesApi) -> None:
    await api.create(BROKEN)
    try:
        async with asyncio.timeout(30):
            while (await api.discover(fresh=True)).complete:
                await asyncio.sleep(0.1)
        found = await api.discover()
        assert ("apps", "v1", "Deployment") in found.resources
        with pytest.raises(Unavailable, match="discovery is incomplete"):
            await api.get(Ref("broken.example.org", "Widget", "default", "w", "v1beta1"))
        assert await api.get(Ref("", "ConfigMap", "default", "none")) is None
    finally:
        await api.delete(Ref.of(BROKEN))
    async with asyncio.timeout(30):
        while not (await api.discover(fresh=True)).complete:
            await asyncio.sleep(0.1)
