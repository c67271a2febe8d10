"""The live view follows a kind through its versions."""

import asyncio

from operators.gitops.live import Live
from operators.kit.kube import Manifest, Ref
from operators.kit.testing import FakeKubeApi

OLD, NEW = ("example.org", "v1beta1", "Widget"), ("example.org", "v1", "Widget")


def widget(name: str, version: str) -> Manifest:
    metadata = {
        "name": name,
        "namespace": "default",
        "annotations": {"argocd.argoproj.io/tracking-id": f"app:example.org/Widget:default/{name}"},
    }
    return {"apiVersion": f"example.org/{version}", "kind": "Widget", "metadata": metadata}


async def test_a_watch_moves_to_a_served_version_when_its_own_is_taken_from_the_crd() -> None:
    api = FakeKubeApi()
    for group, version, kind in (OLD, NEW):
        api.kinds.add(group, version, kind)
    api.seed(widget("stays", "v1beta1"), widget("goes", "v1beta1"))
    live = Live(api, lambda _application: None)
    try:
        assert await live.follow([OLD]) == frozenset()
        assert await live.follow([NEW]) == frozenset()
        assert {manifest["apiVersion"] for manifest in live.tracked("app")} == {"example.org/v1beta1"}
        del api.kinds.table[OLD]
        del api.store.objects[Ref.of(widget("goes", "v1"))]
        api.seed(widget("stays", "v1"))
        api.store.cut()
        async with asyncio.timeout(30):
            while live.watches.synced:
                await asyncio.sleep(0.01)
        assert await live.follow([NEW]) == frozenset()
        assert [manifest["apiVersion"] for manifest in live.tracked("app")] == ["example.org/v1"]
        assert not live.exists(Ref.of(widget("goes", "v1")))
    finally:
        await live.close()
