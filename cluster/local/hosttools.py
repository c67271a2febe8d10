"""Programs the platform runs on the host: go, helm, kind, kubectl."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cluster.local import binaries, toolchain
from cluster.local.progress import Progress
from cluster.local.settings import Settings


def ensure(settings: Settings, names: Iterable[str], progress: Progress) -> dict[str, Path]:
    """Paths of the wanted ones of `go`, `helm`, `kind`, `kubectl`; fetched or built when missing."""
    wanted = list(names)
    found = binaries.ensure(settings, [name for name in wanted if name in {"kind", "kubectl"}], progress)
    if "go" in wanted:
        found["go"] = toolchain.go(settings, progress)
    if "helm" in wanted:
        found["helm"] = toolchain.helm()
    return found
