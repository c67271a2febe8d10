"""Checks of the machine and of the node containers, from outside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from cluster.local import invocation, preflight
from cluster.local.engine import Engine
from cluster.local.errors import MachineError
from cluster.local.kind import Node
from cluster.local.settings import Settings

from . import Check


def check_disk(settings: Settings, present: Engine | None, found: Sequence[Node]) -> Check:
    """Room on the disks for what the cluster will yet write: what `amx up` asks for, too."""
    there = preflight.Present.of(settings, present, found)
    check = from_error("disk", lambda: preflight.check_disk(preflight.disk_needs(settings, there)))
    if check.ok or present is None or str(there.data) not in check.problem:
        return check
    return Check("disk", check.problem, invocation.paste(["docker", "image", "prune"], present.env))


def check_memory() -> Check:
    """Memory for a cluster that is not running yet."""
    return from_error("memory", lambda: preflight.check_memory(0))


def check_ports(settings: Settings) -> list[Check]:
    """The host ports of a cluster that is not running yet."""
    ports = {"AMX_HTTP_PORT": settings.http_port, "AMX_GIT_PORT": settings.git_port}
    return [from_error(f"port {port}", partial(preflight.check_ports, {name: port})) for name, port in ports.items()]


def from_error(name: str, look: Callable[[], None]) -> Check:
    """Turn a check that raises into one of ours."""
    try:
        look()
    except MachineError as wrong:
        return Check(name, wrong.message, wrong.remedy)
    return Check(name)


def check_nodes(settings: Settings, found: list[Node]) -> Check:
    """The node containers are there and run."""
    up = invocation.amx(settings, "up")
    if not found:
        return Check("cluster", f"there is no cluster {settings.cluster_name}", up)
    stopped = [node.name for node in found if not node.running]
    return Check("cluster", f"stopped: {', '.join(stopped)}" if stopped else "", up if stopped else "")


def check_kubeconfig(settings: Settings) -> Check:
    """The cluster's own kubeconfig is there and private."""
    path = settings.kubeconfig
    if not path.is_file():
        return Check("kubeconfig", f"{path} is missing", invocation.amx(settings, "up"))
    if path.stat().st_mode & 0o077:
        return Check("kubeconfig", f"{path} can be read by others", invocation.paste(["chmod", "600", str(path)]))
    return Check("kubeconfig")
