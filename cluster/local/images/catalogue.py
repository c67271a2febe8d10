"""The catalogue: every third-party image of the local cluster, and the recipe that builds an equivalent one.

`name` is what manifests write, and what is pulled when a registry answers. Without one the recipe builds an
image of the same name from published sources; where the published patch level differs, the recipe's holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cluster.local.settings import KUBERNETES_VERSION

NODE = f"docker.io/kindest/node:{KUBERNETES_VERSION}"
DEBIAN = "docker.io/library/debian:bookworm-slim"
PROBE = "registry.k8s.io/pause:3.10.1"


@dataclass(frozen=True, slots=True)
class GoImage:
    """One compiled program (a name of `binaries.PROGRAMS`) at `path`; on the base file system or on nothing."""

    program: str
    path: str
    on_base: bool = False
    user: str = ""
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WheelImage:
    """Python wheels of a hashed lock (recipes/wheels/<lock>) on the base file system."""

    lock: str
    entrypoint: tuple[str, ...]
    user: str = "65532:65532"


@dataclass(frozen=True, slots=True)
class Image:
    """One third-party image by its full name."""

    name: str
    recipe: GoImage | WheelImage
    in_node: bool = False
    """Whether the official node image brings it."""


def _kubernetes(program: str, *, on_base: bool = False) -> Image:
    return Image(
        f"registry.k8s.io/{program}:{KUBERNETES_VERSION}",
        GoImage(program, f"/usr/local/bin/{program}", on_base),
        in_node=True,
    )


CATALOGUE = (
    # What kubeadm starts: the names of `kubeadm config images list`.
    _kubernetes("kube-apiserver"),
    _kubernetes("kube-controller-manager"),
    _kubernetes("kube-scheduler"),
    _kubernetes("kube-proxy", on_base=True),  # it calls nft
    Image("registry.k8s.io/etcd:3.6.6-0", GoImage("etcd", "/usr/local/bin/etcd"), in_node=True),
    Image("registry.k8s.io/coredns/coredns:v1.13.1", GoImage("coredns", "/coredns", user="65532:65532"), in_node=True),
    Image(PROBE, GoImage("pause", "/pause", user="65535:65535"), in_node=True),
    # The platform's own needs.
    Image("docker.io/library/traefik:v3.6.0", GoImage("traefik", "/usr/local/bin/traefik")),
    Image(
        "quay.io/prometheus/prometheus:v3.13.5",
        GoImage("prometheus", "/bin/prometheus", user="65534:65534"),
    ),
    Image(
        "registry.k8s.io/metrics-server/metrics-server:v0.9.0",
        GoImage("metrics-server", "/metrics-server", user="65534:65534"),
    ),
    Image(
        "docker.io/motoserver/moto:5.2.5",
        WheelImage("moto.lock", ("python3", "-m", "moto.server", "--host", "0.0.0.0")),  # noqa: S104 — in a pod
    ),
)
