"""Discovery of the real API server, also while an aggregated API does not answer."""

import asyncio

import pytest

from operators.kit import served
from operators.kit.errors import NotFound, Unavailable
from operators.kit.kube import Manifest, Ref
from operators.kit.kubernetes_api import KubernetesApi
from operators.kit.testing.proxy import Fault, FaultProxy

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


async def until_asked(proxy: FaultProxy, *paths: str) -> None:
    async with asyncio.timeout(30):
        while not {f"GET {path}" for path in paths} <= set(proxy.requests):
            await asyncio.sleep(0.01)


async def test_nobody_waits_while_discovery_is_renewed(
    fault_proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "DISCOVERY_KEEP_S", 0.05)
    monkeypatch.setattr(served, "STALE_TIMES", 1000)
    async with await KubernetesApi.connect(fault_proxy.kubeconfig) as api:
        first = await api.discover()
        fault_proxy.requests.clear()
        fault_proxy.faults.append(Fault("^/apis$", mode="hang"))
        await until_asked(fault_proxy, "/apis")
        assert await asyncio.wait_for(api.discover(), 10) is first


async def test_discovery_is_renewed_without_anybody_asking_and_outlives_an_outage(
    fault_proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "DISCOVERY_KEEP_S", 0.05)
    monkeypatch.setattr(served, "STALE_TIMES", 1000)
    async with await KubernetesApi.connect(fault_proxy.kubeconfig) as api:
        first = await api.discover()
        fault_proxy.faults.append(Fault("^/apis$", status=500, times=1))
        async with asyncio.timeout(30):
            while await api.discover() is first:
                await asyncio.sleep(0.01)
        assert fault_proxy.faults[0].times == 0


async def test_what_is_too_old_is_not_served_when_it_cannot_be_renewed(
    fault_proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await KubernetesApi.connect(fault_proxy.kubeconfig) as api:
        await api.discover()
        monkeypatch.setattr(served, "STALE_TIMES", 0)
        fault_proxy.faults.append(Fault("^/apis$", status=500))
        with pytest.raises(Unavailable):
            await api.discover()


async def test_both_documents_are_asked_for_at_once(fault_proxy: FaultProxy) -> None:
    fault_proxy.faults += [Fault("^/api$", mode="hang", times=1), Fault("^/apis$", mode="hang", times=1)]
    async with await KubernetesApi.connect(fault_proxy.kubeconfig) as api:
        asking = asyncio.create_task(api.discover())
        await until_asked(fault_proxy, "/api", "/apis")
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def test_an_apply_of_a_kind_that_is_not_known_asks_anew(fault_proxy: FaultProxy) -> None:
    widget = {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "default"}}
    async with await KubernetesApi.connect(fault_proxy.kubeconfig) as api:
        await api.discover()
        fault_proxy.requests.clear()
        with pytest.raises(NotFound, match="no matches for kind"):
            await api.apply(widget, field_manager="m")
        assert "GET /apis" in fault_proxy.requests
