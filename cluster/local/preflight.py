"""What this machine must offer before anything is created: each lack is one line with its remedy.

In:  settings, the number of workers, and what is there: a cluster (then most of the disk is its own already) that runs
     (then ports and memory are), a filled cache, and where the engine keeps its data.
Out: nothing, or the first MachineError. `amx doctor` asks the same questions one by one.
Trade-off: the limits are what a cluster was measured to need, with some air; a machine that is just below might have
made it, but would have failed late and unclear.
"""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import shutil
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster.local import engine
from cluster.local.engine import Engine
from cluster.local.errors import MachineError
from cluster.local.images import node
from cluster.local.kind import Node
from cluster.local.settings import Settings

GIB = 1024**3
MEMORY_CLUSTER = int(2.0 * GIB)
MEMORY_WORKER = int(0.25 * GIB)
DISK_CLUSTER = 6 * GIB
"""For the node's file system, its images, and a first few volumes."""
DISK_BUILD = 14 * GIB
"""More, while an empty cache is filled: compilers, sources and images."""
DISK_LAST = 4 * GIB
"""Of that, what its last step takes, however much is in the cache already: the node image and the copy that is kept."""
DISK_MADE = GIB
"""For what a cluster that is there will yet write."""
SYSTEMS = {("Linux", "x86_64"), ("Linux", "aarch64")}
MAX_WORKERS = 9


@dataclass(frozen=True, slots=True)
class Present:
    """What there is before `amx up` begins."""

    made: bool
    """The cluster's nodes, running or not."""
    running: bool
    cached: bool
    data: Path
    """Where the container engine keeps, or will keep, its data."""

    @classmethod
    def of(cls, settings: Settings, present: Engine | None, found: Sequence[Node]) -> Present:
        """Look at what there is, with the engine that answers and the cluster's nodes in it."""
        running = any(one.running for one in found)
        return cls(bool(found), running, is_filled(settings), engine.data_root(present))


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes that are needed on the disk of a folder; `movable` when the cache is to be on it."""

    folder: Path
    wanted: int
    movable: bool = False


def check(settings: Settings, workers: int, present: Present) -> None:
    """Raise MachineError for the first thing that stands in the way of a cluster with `workers` workers."""
    check_platform()
    check_workers(workers)
    if not present.running:
        check_ports({"AMX_HTTP_PORT": settings.http_port, "AMX_GIT_PORT": settings.git_port})
        check_memory(workers)
    check_disk(disk_needs(settings, present))


def check_platform() -> None:
    """Linux on a processor that images exist for."""
    here = platform.system(), platform.machine()
    if here not in SYSTEMS:
        raise MachineError(f"{here[0]} on {here[1]} is not supported", "use Linux on x86_64 or aarch64")


def check_workers(workers: int) -> None:
    """A number of workers that a machine and a pod network of this size can carry."""
    if not 0 <= workers <= MAX_WORKERS:
        raise MachineError(f"{workers} workers are not possible", f"use --workers 0 to {MAX_WORKERS}")


def check_ports(ports: dict[str, int]) -> None:
    """Every port, by the name of its setting, can be listened on, and no two are the same."""
    if len(set(ports.values())) < len(ports):
        names = " and ".join(sorted(ports))
        raise MachineError(f"{names} are both {next(iter(ports.values()))}", "give them different ports")
    for setting, port in ports.items():
        if is_taken(port):
            holder = find_listener(port)
            remedy = f"stop it, or choose another: {setting}={free_port(set(ports.values()))}"
            raise MachineError(f"port {port} is taken{f' by {holder}' if holder else ''}", remedy)


def check_memory(workers: int) -> None:
    """Enough memory is available now for the cluster's processes."""
    wanted, free = memory_wanted(workers), memory_available()
    if free < wanted:
        raise MachineError(
            f"{free / GIB:.1f} GiB of memory are available, a cluster with {workers} workers needs {wanted / GIB:.1f}",
            "close other programs or use fewer workers",
        )


def check_disk(needs: Sequence[Need]) -> None:
    """Enough room on every disk."""
    for need in needs:
        free = disk_free(need.folder)
        if free < need.wanted:
            cache = ", or move the cache: AMX_CACHE_DIR=<folder on another disk>" if need.movable else ""
            raise MachineError(
                f"the disk of {need.folder} has {free / GIB:.1f} GiB free, {need.wanted / GIB:.1f} are needed",
                f"free some{cache or ' there'}",
            )


def memory_wanted(workers: int) -> int:
    """Bytes that a cluster with so many workers takes."""
    return MEMORY_CLUSTER + workers * MEMORY_WORKER


def memory_available() -> int:
    """Bytes that new processes can have without swapping: the machine's, or less where a cgroup limits us."""
    lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    available = int(lines["MemAvailable"].split()[0]) * 1024
    for limit, usage in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        with contextlib.suppress(OSError, ValueError):  # no such file, or the word "max"
            available = min(available, int(Path(limit).read_text()) - int(Path(usage).read_text()))
    return available


def disk_needs(settings: Settings, present: Present) -> list[Need]:
    """List what is needed for the engine's data and, while it is not filled, for the cache; one entry for each disk."""
    needs = [Need(present.data, DISK_MADE if present.made else DISK_CLUSTER)]
    if not (present.made or present.cached):
        left = max(DISK_LAST, DISK_BUILD - bytes_below(settings.cache_dir))
        needs.append(Need(settings.cache_dir, left, movable=True))
    by_disk: dict[int, Need] = {}
    for need in needs:
        disk = existing(need.folder).stat().st_dev
        first = by_disk.get(disk)
        by_disk[disk] = Need(first.folder, first.wanted + need.wanted, movable=True) if first else need
    return list(by_disk.values())


def is_filled(settings: Settings) -> bool:
    """Whether the cache has the node image of this checkout: it is the last thing that a first build puts there."""
    names = (node.reference(way).rpartition(":")[2] for way in ("built", "pulled"))
    return any((settings.cache_dir / "images" / f"{name}.tar").is_file() for name in names)


def bytes_below(folder: Path) -> int:
    """Bytes that a folder's files take on the disk."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # gone meanwhile
                total += os.lstat(f"{path}/{name}").st_blocks * 512
    return total


def disk_free(path: Path) -> int:
    """Bytes free for this user on the disk where `path` is or will be."""
    return shutil.disk_usage(existing(path)).free


def existing(path: Path) -> Path:
    """Return the path, or its nearest parent that exists."""
    return next(parent for parent in (path, *path.parents) if parent.exists())


def is_taken(port: int) -> bool:
    """Whether somebody listens on this loopback port. A port that only root may bind is none: the engine can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection in TIME_WAIT is no listener
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as refused:
            return refused.errno == errno.EADDRINUSE
    return False


def free_port(excluded: Iterable[int] = ()) -> int:
    """Return a loopback port that nobody listens on now."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in set(excluded):
            return port


def find_listener(port: int) -> str:
    """Name the process that listens on a port (`nginx (pid 17)`); empty when it belongs to another user."""
    inodes = set(listening_inodes(port))
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(link in inodes for link in open_files(process)):
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
    return ""


def open_files(process: Path) -> Iterator[str]:
    """Yield what a process's descriptors point at, as far as they last and may be seen."""
    for entry in list((process / "fd").iterdir()):
        with contextlib.suppress(OSError):
            yield str(entry.readlink())


def listening_inodes(port: int) -> Iterator[str]:
    """Yield the sockets (as /proc/<pid>/fd names them) in state LISTEN on a port."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    yield f"socket:[{fields[9]}]"
