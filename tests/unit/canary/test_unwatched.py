"""Secrets are read by name now and then, and only a change of one wakes the Canaries that have read it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from operators.canary.unwatched import Unwatched, version_of
from operators.kit.errors import Unavailable
from operators.kit.kube import Ref
from operators.kit.testing import FakeKubeApi

PERIOD_S = 0.02
SECRET = Ref("", "Secret", "shop", "keys")
ONE, OTHER = (Ref("automatrix.dev", "Canary", "shop", name, "v1alpha1") for name in ("one", "other"))


def stored() -> tuple[FakeKubeApi, str]:
    api = FakeKubeApi()
    api.seed({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys", "namespace": "shop"}, "data": {}})
    return api, version_of(api.find(SECRET))


@asynccontextmanager
async def running(api: FakeKubeApi, woken: asyncio.Queue[Ref]) -> AsyncIterator[Unwatched]:
    unwatched = Unwatched(api, woken.put_nowait, PERIOD_S)
    task = asyncio.create_task(unwatched.run())
    try:
        yield unwatched
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def reads(api: FakeKubeApi, count: int) -> None:
    """Wait for so many more reads."""
    until = len(api.calls) + count
    async with asyncio.timeout(10):
        while len(api.calls) < until:
            await asyncio.sleep(PERIOD_S / 4)


async def test_who_has_read_an_older_version_is_woken_and_nobody_else() -> None:
    (api, version), woken = stored(), asyncio.Queue[Ref]()
    unwatched = Unwatched(api, woken.put_nowait, PERIOD_S)
    unwatched.note(ONE, {SECRET: version})
    await api.patch(SECRET, {"data": {"key": "bmV3"}})
    unwatched.note(OTHER, {SECRET: version_of(api.find(SECRET))})
    task = asyncio.create_task(unwatched.run())
    async with asyncio.timeout(10):
        assert await woken.get() == ONE
    unwatched.note(ONE, {SECRET: version_of(api.find(SECRET))})
    while not woken.empty():
        woken.get_nowait()
    await reads(api, 3)
    task.cancel()
    assert woken.empty()


async def test_a_secret_that_comes_or_goes_is_a_change() -> None:
    (api, version), woken = stored(), asyncio.Queue[Ref]()
    async with running(api, woken) as unwatched:
        unwatched.note(ONE, {SECRET: ""})
        async with asyncio.timeout(10):
            assert await woken.get() == ONE
        await api.delete(SECRET)
        unwatched.note(ONE, {SECRET: version})
        async with asyncio.timeout(10):
            assert await woken.get() == ONE


async def test_an_outage_wakes_nobody_and_ends_nothing() -> None:
    (api, version), woken = stored(), asyncio.Queue[Ref]()
    api.faults.add(lambda call: call.verb == "get", Unavailable(503, "", "down"), times=2)
    async with running(api, woken) as unwatched:
        unwatched.note(ONE, {SECRET: version})
        await reads(api, 4)
        assert woken.empty()
        await api.patch(SECRET, {"data": {"key": "bmV3"}})
        async with asyncio.timeout(10):
            assert await woken.get() == ONE


async def test_a_secret_of_many_canaries_is_read_once_and_not_at_all_without_them() -> None:
    (api, version), woken = stored(), asyncio.Queue[Ref]()
    unwatched = Unwatched(api, woken.put_nowait, PERIOD_S)
    for canary in (ONE, OTHER):
        unwatched.note(canary, {SECRET: version})
    assert len(unwatched._due) == 1
    unwatched.note(ONE, {})
    assert len(unwatched._due) == 1
    unwatched.note(OTHER, {})
    assert not unwatched._due
    assert not unwatched._read
    assert not unwatched._readers
