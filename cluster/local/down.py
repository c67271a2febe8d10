"""Remove the local cluster and everything it left on this machine but the cache.

Repeating it removes what an interrupted call left. Loop devices go with the nodes: the kernel frees each with its last
mount. What is found all the same (a kernel that was slower) is waited for, and named if it stays.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from cluster.local import engine, kind, packages, state
from cluster.local.commands import locked
from cluster.local.engine import Engine
from cluster.local.errors import MachineError
from cluster.local.progress import Progress
from cluster.local.settings import Settings
from cluster.local.storage.disk import ROOT as VOLUMES

LOOPS_S = 20


@dataclass(frozen=True, slots=True)
class Down:
    """What was removed."""

    cluster: str
    nodes: tuple[str, ...]
    engine_stopped: bool


def down(settings: Settings, progress: Progress | None = None) -> Down:
    """Remove nodes, network and state; stop an engine of the platform's own that nothing else uses."""
    progress = progress or Progress()
    waiting = f"another amx works on cluster {settings.cluster_name}, waiting for it"
    with locked(kind.lock_file(settings), lambda: progress.say(waiting)):
        packages.tidy()
        present = engine.find() or revive(settings, progress)
        nodes = remove(settings, present, progress) if present else ()
        stopped = bool(present and engine.stop_unused(present))
        if stopped:
            progress.say("stopped the container engine: nothing else used it")
        if state.is_ours(settings) and (left := state.remove(settings)):
            progress.say(f"{settings.cluster_dir} stays, for it holds what is not amx's: {state.listed(left)}")
    return Down(settings.cluster_name, nodes, stopped)


def revive(settings: Settings, progress: Progress) -> Engine | None:
    """Start the stopped engine that holds this checkout's nodes; None when there is nothing to remove."""
    if not kind.owner_folder(settings).exists():
        return None
    if not engine.DATA.exists():
        raise MachineError("no container engine answers, and the nodes are in one", "start it, then: amx down")
    return engine.ensure(settings, progress)


def remove(settings: Settings, present: Engine, progress: Progress) -> tuple[str, ...]:
    """Remove the nodes and the network of this checkout's cluster; return the nodes' names."""
    found = kind.nodes(present, settings.cluster_name)
    if found and not kind.is_abandoned(found[0].owner):
        kind.check_owner(settings, found)
        state.claim(settings)  # the nodes prove it; should this call be killed, the next one knows it without them
    if found:
        with progress.step(f"remove the cluster ({len(found)} nodes)"):
            before = loop_files()
            kind.delete(present, found)
            wait_for_loops(before)
    kind.delete_network(present, settings.cluster_name)
    return tuple(node.name for node in found)


def loop_files() -> dict[str, str]:
    """Return the backing files of volumes by loop device; node-side paths, those of all clusters of this machine."""
    found = {}
    for path in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            backing = path.read_text().strip()
        except OSError:  # freed meanwhile
            continue
        if VOLUMES.name in Path(backing.removesuffix(" (deleted)")).parts:
            found[path.parts[3]] = backing
    return found


def wait_for_loops(before: dict[str, str]) -> None:
    """Wait until the loop devices whose files were just deleted are free; raises MachineError for those that stay."""
    deadline = time.monotonic() + LOOPS_S
    while left := {name for name, backing in loop_files().items() if name in before and backing.endswith(" (deleted)")}:
        if time.monotonic() > deadline:
            devices = " ".join(f"/dev/{name}" for name in sorted(left))
            raise MachineError(f"loop devices of removed volumes are still in use: {devices}", f"losetup -d {devices}")
        time.sleep(0.2)
