"""Watches: nothing is missed, nothing is told twice in vain, and no server is hammered."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from operators.kit import watches as watches_module
from operators.kit.errors import Forbidden, NotFound, Unavailable
from operators.kit.kube import Manifest, Ref
from operators.kit.queue import Backoff
from operators.kit.testing import FakeKubeApi
from operators.kit.watches import KindWatch, Watched, Watches

CONFIGS = Watched("", "v1", "ConfigMap")


def config(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}}


class Told:
    """What the callbacks heard: name → resourceVersion or None."""

    def __init__(self) -> None:
        self.events: list[tuple[str, bool]] = []
        self.changed = asyncio.Event()
        self.synced = asyncio.Event()

    def on_event(self, ref: Ref, manifest: Manifest | None) -> None:
        self.events.append((ref.name, manifest is not None))
        self.changed.set()

    async def until(self, name: str, *, exists: bool) -> None:
        async with asyncio.timeout(10):
            while (name, exists) not in self.events:
                self.changed.clear()
                await self.changed.wait()


async def turns() -> None:
    """Let everything run that waits for no time to pass."""
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.fixture
def api() -> FakeKubeApi:
    return FakeKubeApi()


@pytest.fixture
async def told(api: FakeKubeApi) -> Told:
    return Told()


@pytest.fixture
async def watch(api: FakeKubeApi, told: Told) -> AsyncIterator[KindWatch]:
    watch = KindWatch(api, CONFIGS, told.on_event, told.synced.set, pause=Backoff(0.01, 2, 0.05))
    task = asyncio.create_task(watch.run())
    yield watch
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_is_there_and_what_comes_and_goes(api: FakeKubeApi, told: Told, watch: KindWatch) -> None:
    api.seed(config("before"))
    await asyncio.wait_for(told.synced.wait(), 10)
    await api.create(config("new"))
    await api.delete(Ref.of(config("before")))
    await told.until("before", exists=False)
    assert told.events == [("before", True), ("new", True), ("before", False)]
    assert {ref.name for ref in watch.known} == {"new"}


async def test_after_gone_it_lists_again_and_tells_what_vanished_meanwhile(
    api: FakeKubeApi, told: Told, watch: KindWatch
) -> None:
    api.seed(config("stays"), config("goes"))
    await asyncio.wait_for(told.synced.wait(), 10)
    api.store.cut()
    del api.store.objects[Ref.of(config("goes"))]
    api.store.compact()
    await told.until("goes", exists=False)


async def test_a_watch_that_closes_at_once_is_not_repeated_in_a_hurry(
    api: FakeKubeApi, told: Told, watch: KindWatch
) -> None:
    await asyncio.wait_for(told.synced.wait(), 10)
    for _ in range(200):
        api.store.cut()
        await asyncio.sleep(0.001)
    assert len([call for call in api.calls if call.verb == "watch"]) < 30
    assert len([call for call in api.calls if call.verb == "list"]) == 1


async def test_an_outage_backs_off_and_is_caught_up_with(api: FakeKubeApi, told: Told, watch: KindWatch) -> None:
    await asyncio.wait_for(told.synced.wait(), 10)
    api.faults.add(lambda call: call.verb == "watch", Unavailable(503, "", "down"), times=3)
    api.store.cut()
    await api.create(config("during"))
    await told.until("during", exists=True)
    assert watch.error is None


async def test_a_kind_that_is_not_served_is_no_reason_to_restart(api: FakeKubeApi) -> None:
    told = Told()
    watches = Watches(api, told.on_event)
    missing = Watched("example.org", "v1", "Widget")
    watches.follow([missing])
    await turns()
    assert watches.complaints() == []
    assert "no matches for kind" in watches.refusals()[0]
    assert not watches.synced
    await watches.close()


async def test_probes_hear_of_silence_and_of_a_dead_task(api: FakeKubeApi) -> None:
    def broken(_ref: Ref, _manifest: Manifest | None) -> None:
        raise RuntimeError("a bug")

    watches = Watches(api, broken)
    watches.follow([CONFIGS])
    await turns()
    assert watches.complaints() == []
    await asyncio.sleep(0.01)
    assert "silent for" in watches.complaints(fresh_s=0.005)[0]
    await api.create(config("x"))
    await turns()
    assert "has died" in watches.complaints()[0]
    await watches.close()


async def test_the_set_follows_what_is_wanted(api: FakeKubeApi) -> None:
    synced: list[Watched] = []
    watches = Watches(api, lambda _ref, _manifest: None, synced.append)
    secrets = Watched("", "v1", "Secret")
    watches.follow([CONFIGS, secrets])
    await turns()
    assert sorted(synced) == [CONFIGS, secrets]
    assert watches.synced
    watches.follow([secrets])
    assert CONFIGS not in watches
    assert watches.is_synced(secrets)
    await watches.close()


async def test_a_kind_that_vanishes_keeps_what_was_known(api: FakeKubeApi, told: Told, watch: KindWatch) -> None:
    api.seed(config("here"))
    await asyncio.wait_for(told.synced.wait(), 10)
    api.faults.add(lambda call: call.verb in ("list", "watch"), NotFound(404, "NotFound", "no such kind"))
    api.store.cut()
    async with asyncio.timeout(10):
        while not isinstance(watch.error, NotFound):
            await asyncio.sleep(0.01)
    assert told.events == [("here", True)]


async def test_a_watch_that_is_refused_later_is_not_synced_until_it_is_allowed_again(
    api: FakeKubeApi, told: Told, watch: KindWatch
) -> None:
    await asyncio.wait_for(told.synced.wait(), 10)
    api.faults.add(lambda call: call.verb in ("list", "watch"), Forbidden(403, "Forbidden", "no rights"))
    api.store.cut()
    async with asyncio.timeout(10):
        while watch.synced:
            await asyncio.sleep(0.01)
    told.synced.clear()
    api.faults.clear()
    await asyncio.wait_for(told.synced.wait(), 10)
    assert watch.synced
    assert watch.error is None


@pytest.mark.parametrize(
    ("error", "is_silence"),
    [
        pytest.param(Unavailable(500, "InternalError", "a conversion webhook is down"), False, id="an answer"),
        pytest.param(Unavailable(0, "Timeout", "no answer"), True, id="no answer"),
    ],
)
async def test_a_kind_that_always_fails_is_no_reason_to_restart_and_no_answer_is(
    api: FakeKubeApi, error: Unavailable, *, is_silence: bool
) -> None:
    api.faults.add(lambda call: call.verb == "list", error)
    watch = KindWatch(api, CONFIGS, lambda _ref, _manifest: None, pause=Backoff(0.01, 1, 0.01))
    made_at = watch._heard_at
    task = asyncio.create_task(watch.run())
    async with asyncio.timeout(10):
        while len(api.calls) < 5:
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert watch.error is error
    assert (watch._heard_at == made_at) is is_silence


async def test_a_watch_that_fails_for_long_is_not_synced_until_it_has_listed_again(
    api: FakeKubeApi, told: Told, watch: KindWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watches_module, "FAILING_S", 0.05)
    await asyncio.wait_for(told.synced.wait(), 10)
    api.faults.add(lambda call: call.verb in ("list", "watch"), Unavailable(503, "", "down"))
    api.store.cut()
    async with asyncio.timeout(10):
        while watch.synced:
            await asyncio.sleep(0.01)
    told.synced.clear()
    api.faults.clear()
    await asyncio.wait_for(told.synced.wait(), 10)
    assert watch.error is None
