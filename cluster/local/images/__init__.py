"""All images of the local cluster: pulled where a registry answers, else built into the cache.

`node` is kind's node image with every third-party image in it; `platform` and `hub` are our own.
"""

from __future__ import annotations

from collections.abc import Iterable

from cluster.local import engine as engines
from cluster.local.images import node, own, transfer
from cluster.local.images.node import kubelet_configuration
from cluster.local.progress import Progress
from cluster.local.settings import Settings

__all__ = ["ensure", "ensure_node_image", "ensure_own", "kubelet_configuration"]


def ensure(settings: Settings, names: Iterable[str], progress: Progress) -> dict[str, str]:
    """References, in the engine's store, of the wanted ones of `node`, `platform` and `hub`. Raises MachineError."""
    wanted = list(names)
    found = ensure_own(settings, [name for name in wanted if name != "node"], progress)
    if "node" in wanted:
        found["node"] = ensure_node_image(settings, progress)
    return found


def ensure_node_image(settings: Settings, progress: Progress) -> str:
    """The reference of the node image."""
    return node.ensure(settings, engines.ensure(settings, progress), progress)


def ensure_own(settings: Settings, names: Iterable[str], progress: Progress) -> dict[str, str]:
    """References of own images by short name (`platform`, `hub`); an unchanged checkout builds nothing."""
    engine = engines.ensure(settings, progress)
    built = {name: own.OWN[name](settings, progress) for name in names}
    missing = [image for image in built.values() if not transfer.has(engine, image.name)]
    if missing:
        with progress.step(f"load {', '.join(image.name for image in missing)} into the engine"):
            transfer.load(engine, missing)
    return {name: image.name for name, image in built.items()}
