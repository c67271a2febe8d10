"""The work queue: one key, one worker, as often as needed and no more."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from operators.kit.errors import Conflict, Retry, Unavailable
from operators.kit.queue import Backoff, WorkQueue

Handle = Callable[[str], Awaitable[float | None]]
Make = Callable[..., WorkQueue[str]]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    made: list[WorkQueue[str]] = []

    def build(handle: Handle, *, backoff: Backoff | None = None, **options: object) -> WorkQueue[str]:
        queue: WorkQueue[str] = WorkQueue("test", handle, backoff=backoff or Backoff(0.01, 2, 0.05), **options)  # type: ignore[arg-type]
        made.append(queue)
        return queue

    yield build
    for queue in made:
        await queue.close(0)


async def test_a_key_that_waits_is_not_added_twice_and_the_urgent_goes_first(make: Make) -> None:
    done: list[str] = []

    async def handle(key: str) -> None:
        done.append(key)

    queue = make(handle, workers=1)
    for key in ("a", "b", "a", "c", "b"):
        queue.add(key)
    queue.add("c", priority=1)
    queue.start()
    await queue.idle()
    assert done == ["c", "a", "b"]


async def test_one_worker_per_key_and_once_more_for_what_came_meanwhile(make: Make) -> None:
    gate = asyncio.Event()
    running = 0
    runs = 0

    async def handle(_key: str) -> None:
        nonlocal running, runs
        running, runs = running + 1, runs + 1
        assert running == 1
        await gate.wait()
        running -= 1

    queue = make(handle, workers=8)
    queue.start()
    queue.add("a")
    await asyncio.sleep(0)
    for _ in range(20):
        queue.add("a")
    gate.set()
    await queue.idle()
    assert runs == 2


async def test_no_more_than_the_workers_run_at_once(make: Make) -> None:
    running, most = 0, 0

    async def handle(_key: str) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1

    queue = make(handle, workers=3)
    queue.start()
    for number in range(30):
        queue.add(str(number))
    await queue.idle()
    assert most == 3


async def test_requeue_after_and_the_sooner_wish_wins(make: Make) -> None:
    times: list[float] = []
    loop = asyncio.get_running_loop()
    third = asyncio.Event()

    async def handle(_key: str) -> float | None:
        times.append(loop.time())
        if len(times) == 3:
            third.set()
        return {1: 3600.0, 2: 0.05}.get(len(times))

    queue = make(handle)
    queue.start()
    queue.add("a")
    await queue.idle()
    queue.add("a", after_s=7200)
    queue.add("a")
    await asyncio.wait_for(third.wait(), 10)
    assert times[2] - times[1] >= 0.05


async def test_failures_wait_longer_each_time_and_success_forgives(make: Make) -> None:
    waits: list[float] = []
    done = asyncio.Event()

    async def handle(_key: str) -> None:
        if len(waits) < 5:
            raise OSError("broken")
        done.set()

    queue = make(handle, backoff=Backoff(0.01, 2, 0.05), on_error=lambda _key, _error, retry_s: waits.append(retry_s))
    queue.start()
    queue.add("a")
    await asyncio.wait_for(done.wait(), 10)
    assert waits == [pytest.approx(expected, rel=0.11) for expected in (0.01, 0.02, 0.04, 0.05, 0.05)]
    await queue.idle()
    assert queue.failures("a") == 0


@pytest.mark.parametrize(
    ("error", "wait_s"),
    [
        pytest.param(Retry("later", after_s=7), 7, id="a wait that was asked for is kept"),
        pytest.param(Conflict("changed"), 0, id="a conflict looks again at once"),
        pytest.param(Unavailable(429, "", "busy"), 0.01, id="an answer that says nothing backs off"),
    ],
)
async def test_what_an_error_asks_for(make: Make, error: Exception, wait_s: float) -> None:
    waits: list[float] = []

    async def handle(_key: str) -> None:
        if not waits:
            raise error

    queue = make(handle, on_error=lambda _key, _error, retry_s: waits.append(retry_s))
    queue.start()
    queue.add("a")
    await queue.idle()
    assert waits == [pytest.approx(wait_s, rel=0.11)]


async def test_a_server_that_says_when_is_listened_to(make: Make) -> None:
    busy = Unavailable(429, "", "busy")
    busy.retry_after_s = 30.0
    waits: list[float] = []

    async def handle(_key: str) -> None:
        raise busy

    queue = make(handle, on_error=lambda _key, _error, retry_s: waits.append(retry_s))
    queue.start()
    queue.add("a")
    await queue.idle()
    assert waits == [30.0]


async def test_one_bad_key_does_not_stop_the_others(make: Make) -> None:
    done: list[str] = []

    async def handle(key: str) -> None:
        if key == "bad":
            raise RuntimeError(key)
        done.append(key)

    queue = make(handle, workers=1, backoff=Backoff(3600, 1, 3600))
    queue.start()
    for key in ("bad", "a", "b"):
        queue.add(key)
    await queue.idle()
    assert done == ["a", "b"]


async def test_a_forgotten_key_is_not_worked_on(make: Make) -> None:
    done: list[str] = []

    async def handle(key: str) -> None:
        done.append(key)

    queue = make(handle)
    queue.add("a")
    queue.add("b", after_s=0.01)
    queue.forget("a")
    queue.forget("b")
    queue.start()
    await asyncio.sleep(0.03)
    assert done == []
    assert len(queue) == 0


async def test_shutdown_lets_work_finish_and_cancels_what_does_not(make: Make) -> None:
    ended: dict[str, str] = {}

    async def handle(key: str) -> None:
        try:
            await asyncio.sleep(0.01 if key == "quick" else 3600)
            ended[key] = "finished"
        except asyncio.CancelledError:
            ended[key] = "cancelled"
            raise

    queue = make(handle, workers=2)
    queue.start()
    for key in ("quick", "slow", "never"):
        queue.add(key)
    await asyncio.sleep(0)
    await queue.close(grace_s=1)
    assert ended == {"quick": "finished", "slow": "cancelled"}


def test_backoff_of_a_thousand_failures_is_the_cap() -> None:
    assert Backoff(1, 2, 300).after(5000) <= 330
