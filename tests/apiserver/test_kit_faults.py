"""The client against a real API server behind a proxy that fails: every failure says nothing about the object."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from operators.kit.errors import Unavailable
from operators.kit.kube import Manifest, Ref
from operators.kit.kubernetes_api import KubernetesApi
from operators.kit.queue import Backoff
from operators.kit.testing.proxy import Fault, FaultProxy
from operators.kit.watches import KindWatch, Watched


def config(namespace: str, name: str = "c") -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}}


@pytest.fixture
async def proxied(fault_proxy: FaultProxy) -> AsyncIterator[KubernetesApi]:
    async with await KubernetesApi.connect(fault_proxy.kubeconfig) as connected:
        await connected.discover()
        yield connected


@pytest.mark.parametrize(
    "fault",
    [
        Fault("/configmaps", status=500),
        Fault("/configmaps", status=503),
        Fault("/configmaps", status=429),
        Fault("/configmaps", mode="reset"),
    ],
    ids=["500", "503", "429", "reset"],
)
async def test_no_answer_is_not_an_absence(
    fault_proxy: FaultProxy, proxied: KubernetesApi, namespace: str, fault: Fault
) -> None:
    fault_proxy.faults.append(fault)
    with pytest.raises(Unavailable):
        await proxied.get(Ref.of(config(namespace)))
    with pytest.raises(Unavailable):
        await proxied.delete(Ref.of(config(namespace)))
    with pytest.raises(Unavailable):
        await proxied.list("", "v1", "ConfigMap", namespace=namespace)


async def test_a_server_that_says_when_is_asked_again_then(
    fault_proxy: FaultProxy, proxied: KubernetesApi, namespace: str
) -> None:
    fault_proxy.faults.append(Fault("/configmaps", status=429, headers={"Retry-After": "1"}, times=1))
    applied = await proxied.apply(config(namespace), field_manager="m")
    assert applied["metadata"]["uid"]
    assert len([request for request in fault_proxy.requests if request.startswith("PATCH")]) == 2


async def test_a_lost_answer_may_have_taken_effect(
    fault_proxy: FaultProxy, proxied: KubernetesApi, api: KubernetesApi, namespace: str
) -> None:
    fault_proxy.faults.append(Fault("/configmaps", method="PATCH", mode="lost", times=1))
    with pytest.raises(Unavailable):
        await proxied.apply(config(namespace), field_manager="m")
    assert await api.get(Ref.of(config(namespace))) is not None


async def test_a_page_that_fails_fails_the_whole_list(
    fault_proxy: FaultProxy, proxied: KubernetesApi, api: KubernetesApi, namespace: str
) -> None:
    await asyncio.gather(*(api.create(config(namespace, f"c{number}")) for number in range(501)))
    fault_proxy.faults.append(Fault("continue=", status=500))
    with pytest.raises(Unavailable):
        await proxied.list("", "v1", "ConfigMap", namespace=namespace)


async def test_discovery_that_fails_is_not_an_unknown_kind(fault_proxy: FaultProxy, namespace: str) -> None:
    fault_proxy.faults.append(Fault("^/apis$", status=503))
    async with await KubernetesApi.connect(fault_proxy.kubeconfig) as fresh:
        with pytest.raises(Unavailable):
            await fresh.get(Ref("apps", "Deployment", namespace, "web"))


class Told:
    def __init__(self) -> None:
        self.events: list[tuple[str, bool]] = []
        self.synced = asyncio.Event()

    def on_event(self, ref: Ref, manifest: Manifest | None) -> None:
        self.events.append((ref.name, manifest is not None))

    async def until(self, name: str, *, exists: bool) -> None:
        async with asyncio.timeout(30):
            while (name, exists) not in self.events:
                await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("watch=true", status=410, times=2),
        Fault("watch=true", status=500, times=2),
        Fault("watch=true", mode="reset", times=2),
        Fault("watch=true", mode="cut", times=2),
    ],
    ids=["gone", "500", "reset", "closes at once"],
)
async def test_a_watch_misses_nothing(
    fault_proxy: FaultProxy, proxied: KubernetesApi, api: KubernetesApi, namespace: str, fault: Fault
) -> None:
    await api.create(config(namespace, "before"))
    fault_proxy.faults.append(fault)
    told = Told()
    watch = KindWatch(
        proxied, Watched("", "v1", "ConfigMap", namespace), told.on_event, told.synced.set, pause=Backoff(0.05, 2, 0.5)
    )
    task = asyncio.create_task(watch.run())
    try:
        await asyncio.wait_for(told.synced.wait(), 30)
        await api.delete(Ref.of(config(namespace, "before")))
        await api.create(config(namespace, "during"))
        await told.until("before", exists=False)
        await told.until("during", exists=True)
        async with asyncio.timeout(30):
            while fault.times:  # the list after the first fault may have told all that
                await asyncio.sleep(0.02)
        await api.create(config(namespace, "after"))
        await told.until("after", exists=True)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_server_that_keeps_closing_is_not_flooded(
    fault_proxy: FaultProxy, proxied: KubernetesApi, namespace: str
) -> None:
    fault_proxy.faults.append(Fault("watch=true", mode="cut"))
    told = Told()
    watched = Watched("", "v1", "ConfigMap", namespace)
    task = asyncio.create_task(KindWatch(proxied, watched, told.on_event, told.synced.set).run())
    await asyncio.wait_for(told.synced.wait(), 30)
    await asyncio.sleep(2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len([request for request in fault_proxy.requests if "watch=true" in request]) <= 4


def open_sockets() -> set[str]:
    """What this process has open to anybody."""
    found = set[str]()
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the folder's own
            found.add(str(entry.readlink()))
    return {name for name in found if name.startswith("socket:")}


async def test_requests_that_were_given_up_leave_no_socket_behind(kubeconfig: Path) -> None:
    before = open_sockets()
    for halves_ms in range(40):  # while it connects, says hello, asks, listens
        async with await KubernetesApi.connect(kubeconfig) as api:
            asking = [asyncio.create_task(api.discover(fresh=True)) for _ in range(3)]
            await asyncio.sleep(halves_ms / 2000)
            for one in asking:
                one.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
        assert open_sockets() <= before
