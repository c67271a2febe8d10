"""All images of the local cluster: pulled where a registry answers, else built into the cache.

`node` is kind's node image with every third-party image in it; `platform` and `hub` are our own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from cluster.local import engine as engines
from cluster.local.images import node, own, transfer
from cluster.local.images.node import kubelet_configuration
from cluster.local.progress import Progress
from cluster.local.settings import Settings

__all__ = ["ensure", "ensure_node_image", "ensure_own", "kubelet_configuration", "load"]


def ensure(settings: Settings, names: Iterable[str], progress: Progress) -> dict[str, str]:
    """References of the wanted ones of `node` (in the engine's store), `platform` and `hub`. Raises MachineError."""
    wanted = list(names)
    found = ensure_own(settings, [name for name in wanted if name != "node"], progress)
    if "node" in wanted:
        found["node"] = ensure_node_image(settings, progress)
    return found


def ensure_node_image(settings: Settings, progress: Progress) -> str:
    """The reference of the node image."""
    return node.ensure(settings, engines.ensure(settings, progress), progress)


def ensure_own(settings: Settings, names: Iterable[str], progress: Progress) -> dict[str, str]:
    """Build own images by short name (`platform`, `hub`) into the cache; an unchanged checkout builds nothing.

    They go to the nodes by `load`, past the engine: its store does not have them.
    """
    return {name: own.OWN[name](settings, progress).name for name in names}


def load(settings: Settings, nodes: Sequence[str], names: Sequence[str], progress: Progress) -> dict[str, str]:
    """Have own images in the running nodes (container names), all at once; returns their references.

    The node image holds the layers they share, so this moves little more than code. Raises CommandFailed.
    """
    engine = engines.ensure(settings, progress)
    built = [own.OWN[name](settings, progress) for name in names]

    def one(node: str) -> None:
        if transfer.load_into_node(engine, node, built):
            step.advance()

    with progress.step("load own images into the nodes", total=len(nodes)) as step, ThreadPoolExecutor(3) as pool:
        list(pool.map(one, nodes))
    return {name: image.name for name, image in zip(names, built, strict=True)}
