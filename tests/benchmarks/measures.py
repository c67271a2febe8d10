"""The measurements: what is done, what is timed, and which figure it becomes."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from operators.kit.kube import WatchEvent
from tests.benchmarks import tenants
from tests.benchmarks.figures import Figure, Section, median_and_p95
from tests.benchmarks.sampling import MIB, Watch, cpu, resident
from tests.benchmarks.stage import FIELD_MANAGER, HANGS_S, Stage, message_ref

PUSHES = 20
OTHERS = 100
HEALS = 20
IDLE_S = 60.0
SETTLE_S = 5.0
GAP_S = 3.0
"""Between a push seen and the next: an engine must not be measured while it still works on the push before."""


class Messages:
    """When which message was seen in which ConfigMap, by a watch of its own."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], float] = {}
        self._more = asyncio.Condition()

    async def note(self, event: WatchEvent) -> None:
        """Take down an event with the time it came (seconds since the epoch)."""
        now = time.time()
        key = event.object["metadata"]["name"], (event.object.get("data") or {}).get("message", "")
        async with self._more:
            self._seen.setdefault(key, now)
            self._more.notify_all()

    async def when(self, name: str, message: str) -> float:
        """Wait for a message and return when it came."""
        async with asyncio.timeout(HANGS_S), self._more:
            await self._more.wait_for(lambda: (name, message) in self._seen)
            return self._seen[name, message]

    async def forget(self, name: str, message: str) -> None:
        """Take a message as not seen, so that its return can be timed."""
        async with self._more:
            self._seen.pop((name, message), None)


@asynccontextmanager
async def listening(stage: Stage) -> AsyncIterator[Messages]:
    """Watch the ConfigMaps of all applications."""
    messages = Messages()
    listed = await stage.api.list("", "v1", "ConfigMap", namespace=tenants.NAMESPACE)

    async def follow() -> None:
        version = listed.resource_version
        while True:
            async for event in stage.api.watch(
                "", "v1", "ConfigMap", namespace=tenants.NAMESPACE, resource_version=version
            ):
                version = event.object["metadata"]["resourceVersion"]
                if event.type != "BOOKMARK":
                    await messages.note(event)

    task = asyncio.create_task(follow())
    try:
        yield messages
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def push_latency(stage: Stage, name: str, label: str) -> list[float]:
    """Push `PUSHES` changes of one application, one after the other; seconds from post-receive to the watch event."""
    times = []
    async with listening(stage) as messages:
        for number in range(PUSHES + 1):
            message = f"{label} {number}"
            tenants.write_message(stage.checkout.path, name, message)
            received = await asyncio.to_thread(stage.push, message)
            seen = await messages.when(name, message)
            if number:  # the first warms up
                times.append(seen - received)
            await asyncio.sleep(GAP_S)
    return times


ENGINE = (
    "The engine runs as a process of its own (`python3 -m operators.gitops`) against a real etcd, kube-apiserver and "
    "kube-controller-manager, with the Git server of `charts/git` on loopback. Peer figures are Argo CD 3.2.1's, "
    "default settings, measured on such a machine."
)


async def alone(stage: Stage) -> Section:
    """Push to one application that is the only one."""
    name = "solo"
    tenants.write_chart(stage.checkout.path, name)
    await asyncio.to_thread(stage.push, "Add an application")
    await stage.create_applications([name])
    await stage.wait_synced([name])
    times = await push_latency(stage, name, "alone")
    how = (
        f"{ENGINE} From the start of the post-receive hook to the watch event with the new value; {GAP_S:.0f} s apart."
    )
    return Section("Push, one application", how, tuple(median_and_p95("push → applied", times, (0.35, 0.6), "0.47 s")))


async def first_sync(stage: Stage) -> list[Section]:
    """Bring 100 applications up, let them rest, edit them by hand, and push among them."""
    names = [tenants.name_of(number) for number in range(OTHERS)]
    for name in names:
        tenants.write_chart(stage.checkout.path, name)
    await asyncio.to_thread(stage.push, "Add a hundred charts")
    await asyncio.sleep(SETTLE_S)
    pid = stage.engine.pid
    with Watch(pid) as watch:
        started = time.monotonic()
        await stage.create_applications(names)
        await stage.wait_synced(names)
        seconds = time.monotonic() - started
    figures = (
        Figure("first sync of 100 applications", seconds, "s", 10.0, peer="36 s"),
        Figure("CPU of the engine and its children", watch.cpu.total, "s", peer="37 s"),
        Figure("engine process, peak", watch.own_peak / MIB, "MiB", 200, peer="465 to 495 MiB"),
        Figure("with its children, peak", watch.tree_peak / MIB, "MiB", 350, peer="725 to 995 MiB"),
    )
    how = "A hundred Applications of one small chart each are created at once; until all are Synced."
    return [Section("100 applications, first sync", how, figures), await idle(stage), await heal(stage, names)]


async def idle(stage: Stage) -> Section:
    """Leave the engine alone with its hundred applications."""
    pid = stage.engine.pid
    await asyncio.sleep(SETTLE_S * 2)
    before, started = cpu(pid), time.monotonic()
    await asyncio.sleep(IDLE_S)
    share = (cpu(pid) - before).total / (time.monotonic() - started) * 100
    figures = (
        Figure("engine process, idle", resident(pid) / MIB, "MiB", 120, peer="345 to 400 MiB"),
        Figure(f"CPU over {IDLE_S:.0f} s", share, "% of a core", 2.0),
    )
    return Section("100 applications, idle", "Nothing is pushed and nothing changes.", figures)


async def heal(stage: Stage, names: list[str]) -> Section:
    """Edit objects of different applications by hand, each for the first time, and time their return."""
    times = []
    async with listening(stage) as messages:
        for name in names[:HEALS]:
            await messages.forget(name, "first")
            edited = {"data": {"message": "by hand"}}
            await stage.api.patch(message_ref(name), edited, field_manager=f"{FIELD_MANAGER}-edit")
            begun = time.time()
            times.append(max(0.0, await messages.when(name, "first") - begun))
            await asyncio.sleep(0.5)
    figure = Figure(f"edit → healed, median of {len(times)}", statistics.median(times), "s", 0.3, peer="0.3 s")
    how = "From the answer to the edit to the watch event with the value of Git; the first edit of each application."
    return Section("Self-heal", how, (figure,))


async def among_others(stage: Stage) -> Section:
    """Push to one application among a hundred others of the same repository."""
    times = await push_latency(stage, "solo", "among others")
    figures = median_and_p95("push → applied", times, (0.35, 0.6), "5.8 s; 0.60 s with its path annotation")
    return Section("Push, among 100 other applications", "As alone.", tuple(figures))
