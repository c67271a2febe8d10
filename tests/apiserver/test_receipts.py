"""Receipts as the real API server keeps them."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from amx import receipt as retold
from operators.gitops.receipts import Applied, Healthy, Receipts, Rendered
from operators.gitops.receipts_store import KEPT
from operators.kit.kube import KubeApi, ObjectList

A = "a" * 40


async def stored(api: KubeApi, namespace: str) -> ObjectList:
    return await api.list("", "v1", "ConfigMap", namespace=namespace, label_selector=retold.SELECTOR)


async def stop(writer: asyncio.Task[None]) -> None:
    await asyncio.sleep(0)
    writer.cancel()
    with suppress(asyncio.CancelledError):
        await writer


async def test_an_engine_leaves_a_receipt_that_amx_and_the_next_engine_read(api: KubeApi, namespace: str) -> None:
    first = Receipts(api, namespace=namespace)
    writer = asyncio.create_task(first.run())
    first.announced("http://git/platform.git", "0" * 40, A)
    first.expect(A, ["hub-dev"], unchanged=2)
    first.note("hub-dev", A, Rendered(7, 2))
    first.note("hub-dev", A, Applied(0.8))
    await stop(writer)

    second = Receipts(api, namespace=namespace)
    await second.load()
    writer = asyncio.create_task(second.run())
    second.note("hub-dev", A, Healthy(3.1))
    await stop(writer)

    receipt = retold.load((await stored(api, namespace)).items, "aaaaaaa")
    assert retold.lines(receipt)[1:] == [
        "gitops  hub-dev  rendered 7 objects · 2 changed · applied 0.8 s · healthy 3.1 s",
        "gitops  2 applications unchanged",
    ]


async def test_old_receipts_make_room(api: KubeApi, namespace: str) -> None:
    receipts = Receipts(api, namespace=namespace)
    writer = asyncio.create_task(receipts.run())
    for number in range(KEPT + 3):
        receipts.expect(f"{number:012x}{'0' * 28}", ["hub-dev"])
    await stop(writer)
    assert len((await stored(api, namespace)).items) == KEPT
