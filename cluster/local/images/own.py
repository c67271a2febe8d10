"""Own images: this checkout's code on the base file system. Their tags are their content.

`platform` holds operators, cluster and amx with their dependencies; `hub` the sample tenant, on the same
dependencies, so that loading both moves the large layers once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from cluster.local.images.archive import Built, Config, Layer
from cluster.local.images.build import PYTHON_ENV, USER, base_layers, packages_layer, source_layer
from cluster.local.progress import Progress
from cluster.local.settings import ROOT, Settings

HOME = "/opt/automatrix"
SITE = f"{HOME}/site"
LOCK = ROOT / "requirements.lock"
HUB = ROOT / "gitops" / "apps" / "hub" / "src"


def platform(settings: Settings, progress: Progress) -> Built:
    """`automatrix/platform`: every operator, the storage provisioner and the command line."""
    folders = [(ROOT / name, f"{HOME}/{name}") for name in ("amx", "cluster", "operators")]
    code = source_layer(settings, "platform", folders)
    return _built("platform", [*_common(settings, progress), code], HOME)


def hub(settings: Settings, progress: Progress) -> Built:
    """`automatrix/hub`: the sample tenant."""
    code = source_layer(settings, "hub", [(HUB, "/opt/hub")])
    return _built("hub", [*_common(settings, progress), code], "/opt/hub")


OWN: dict[str, Callable[[Settings, Progress], Built]] = {"platform": platform, "hub": hub}


def pod_network(settings: Settings, progress: Progress) -> Built:
    """What nodes built here use to join their pods; in the node image, under a name its manifest knows."""
    place = "cluster/local/network"
    code = source_layer(settings, "pod-network", [(ROOT / place, f"{HOME}/{place}")])
    config = Config(("python3", "-m", "cluster.local.network"), env={**PYTHON_ENV, "PYTHONPATH": HOME}, folder=HOME)
    return Built("docker.io/automatrix/pod-network:1", [*base_layers(settings, progress), code], config)


def common(settings: Settings, progress: Progress) -> Built:
    """The layers that own images share, in the node image so that loading one later moves little more than its code."""
    return Built("docker.io/automatrix/common:1", _common(settings, progress), Config())


def _common(settings: Settings, progress: Progress) -> list[Layer]:
    return [*base_layers(settings, progress), packages_layer(settings, LOCK, SITE, progress)]


def _built(name: str, layers: list[Layer], folder: str) -> Built:
    env = {**PYTHON_ENV, "PYTHONPATH": f"{folder}:{SITE}", "HOME": "/tmp"}  # noqa: S108 — the only place to write
    env["PATH"] = f"{env['PATH']}:{SITE}/bin"
    config = Config(user=f"{USER}:{USER}", folder=folder, env=env)
    tag = hashlib.sha256("".join(layer.digest for layer in layers).encode() + repr(config).encode()).hexdigest()[:12]
    return Built(f"automatrix/{name}:{tag}", layers, config)
