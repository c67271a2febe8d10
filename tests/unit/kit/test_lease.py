"""The Lease: one holder, a fast successor, and an end when it is lost."""

import asyncio

import pytest

from operators.kit.errors import Unavailable
from operators.kit.kube import Ref
from operators.kit.lease import Lease, LeaseSettings
from operators.kit.testing import FakeKubeApi

REF = Ref("coordination.k8s.io", "Lease", "default", "engine")


def lease(api: FakeKubeApi, identity: str) -> Lease:
    return Lease(api, LeaseSettings("default", "engine", identity, duration_s=2.0, deadline_s=1.2, retry_s=0.05))


def holder(api: FakeKubeApi) -> str:
    found = api.find(REF)
    assert found is not None
    return str(found["spec"]["holderIdentity"])


async def test_a_free_lease_is_taken_renewed_and_handed_back() -> None:
    api = FakeKubeApi()
    async with lease(api, "one").held(lambda: pytest.fail("lost")):
        assert holder(api) == "one"
        async with asyncio.timeout(10):
            while len([call for call in api.calls if call.verb == "replace"]) < 3:
                await asyncio.sleep(0.01)
    assert holder(api) == ""


async def test_a_successor_waits_and_takes_over_when_it_is_handed_back() -> None:
    api = FakeKubeApi()
    second = lease(api, "two")
    async with lease(api, "one").held(lambda: pytest.fail("lost")):
        waiting = asyncio.create_task(second.acquire())
        await asyncio.sleep(2.5)  # longer than the lease lasts: renewals keep the rival out
        assert not waiting.done()
        assert holder(api) == "one"
    await asyncio.wait_for(waiting, 10)
    found = api.find(REF)
    assert found is not None
    assert found["spec"]["holderIdentity"] == "two"
    assert found["spec"]["leaseTransitions"] == 1


async def test_a_dead_holder_is_succeeded_when_its_lease_has_run_out() -> None:
    api = FakeKubeApi()
    await lease(api, "dead").acquire()
    loop = asyncio.get_running_loop()
    started = loop.time()
    await asyncio.wait_for(lease(api, "two").acquire(), 10)
    assert loop.time() - started >= 2.0
    assert holder(api) == "two"


async def test_a_rivals_clock_does_not_matter() -> None:
    api = FakeKubeApi()
    await lease(api, "one").acquire()
    stale = {"spec": {"renewTime": "2001-01-01T00:00:00.000000Z"}}
    await api.patch(REF, stale)
    waiting = asyncio.create_task(lease(api, "two").acquire())
    await asyncio.sleep(0.3)
    assert not waiting.done()
    waiting.cancel()


async def test_who_cannot_renew_stops_before_anybody_may_take_over() -> None:
    api = FakeKubeApi()
    order: list[str] = []

    async def succeed() -> None:
        await lease(api, "two").acquire()
        order.append("succeeded")

    async with lease(api, "one").held(lambda: order.append("lost")):
        cut_off = lambda call: call.verb == "replace" and call.body["spec"]["holderIdentity"] == "one"  # noqa: E731
        api.faults.add(cut_off, Unavailable(503, "", "down"))
        await asyncio.wait_for(asyncio.create_task(succeed()), 30)
    assert order == ["lost", "succeeded"]


async def test_a_stolen_lease_is_noticed_and_not_handed_back() -> None:
    api = FakeKubeApi()
    lost = asyncio.Event()
    async with lease(api, "one").held(lost.set):
        await api.patch(REF, {"spec": {"holderIdentity": "thief"}})
        await asyncio.wait_for(lost.wait(), 10)
    assert holder(api) == "thief"


async def test_somebody_else_touching_the_record_is_not_a_loss() -> None:
    api = FakeKubeApi()
    async with lease(api, "one").held(lambda: pytest.fail("lost")):
        await api.patch(REF, {"metadata": {"labels": {"seen": "true"}}})
        await asyncio.sleep(0.2)
        assert holder(api) == "one"


def test_times_that_would_allow_two_holders_are_refused() -> None:
    with pytest.raises(ValueError, match="two processes"):
        Lease(FakeKubeApi(), LeaseSettings("default", "engine", duration_s=10, deadline_s=10))
