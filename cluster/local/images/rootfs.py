"""Root file systems of Debian packages, made by mmdebstrap; apt verifies them by Debian's archive keys.

Works for root on Debian and Ubuntu, without a container engine. On Debian the host's own mirror is used.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

from cluster.local.commands import Command, locked, output, run
from cluster.local.errors import MachineError
from cluster.local.images.archive import EPOCH_S, Layer, keep_layer, read_layer
from cluster.local.packages import install
from cluster.local.progress import Progress
from cluster.local.settings import Settings

RECIPES = Path(__file__).parents[1] / "recipes" / "rootfs"
SUITE = "bookworm"
# Not needed to run anything, and a third of the size.
EXCLUDED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/lintian/*")


def ensure(settings: Settings, name: str, progress: Progress) -> Layer:
    """The layer with the packages listed in recipes/rootfs/<name>, built when the cache lacks it."""
    target = path(settings, name)
    with locked(
        settings.cache_dir / "locks" / target.name, lambda: progress.say(f"{name}: another process builds it, waiting")
    ) as lock:
        found = read_layer(target)
        if found:
            return found
        _require(settings, progress)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(target.name + ".partial.tar")
        log = settings.cache_dir / "logs" / f"rootfs-{name}.log"
        with progress.step(f"assemble Debian packages for {name}"):
            run(
                Command(
                    _arguments(packages(name), partial),
                    title=f"mmdebstrap {name}",
                    env={"SOURCE_DATE_EPOCH": str(EPOCH_S)},
                    log=log,
                    keep=[lock],
                )
            )
        return keep_layer(partial, target)


def packages(name: str) -> list[str]:
    """The package names of a recipe; lines that start with # say why."""
    lines = (RECIPES / name).read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def path(settings: Settings, name: str) -> Path:
    """Where the layer is, once built: named by the recipe's content."""
    key = hashlib.sha256(repr((SUITE, EXCLUDED, packages(name))).encode()).hexdigest()[:16]
    return settings.cache_dir / "images" / "layers" / f"rootfs-{name}-{key}.tar"


def _arguments(names: list[str], target: Path) -> list[str | Path]:
    options = [f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDED]
    options += [f"--aptopt={line.rstrip(';')}" for line in _host_proxies()]
    mirrors = _host_mirrors()
    return [
        "mmdebstrap",
        "--variant=essential",
        f"--include={','.join(names)}",
        *options,
        "--format=tar",
        SUITE,
        target,
        *mirrors,
    ]


def _require(settings: Settings, progress: Progress) -> None:
    if shutil.which("mmdebstrap"):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise MachineError(
            "no image registry answers, and images are built only by root on Debian or Ubuntu",
            "let the container engine reach a registry, or set AMX_REGISTRY_MIRROR",
        )
    with progress.step("install mmdebstrap"):
        install(["mmdebstrap", "debian-archive-keyring"], settings.cache_dir / "logs" / "install-mmdebstrap.log")


def _host_mirrors() -> list[str]:
    """Source lines for SUITE with the mirrors of a Debian host; none (mmdebstrap's own default) elsewhere."""
    if not re.search(r"^ID=debian$", Path("/etc/os-release").read_text(), re.MULTILINE):
        return []
    files = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    text = "\n".join(file.read_text() for file in files if file.suffix in {".list", ".sources"} and file.is_file())
    found = re.findall(r"^(?:URIs:|deb\s+(?:\[[^]]*\]\s+)?)\s*(\S+/debian(?:-security)?)/?(?:\s|$)", text, re.MULTILINE)
    main = [uri for uri in dict.fromkeys(found) if uri.endswith("/debian")][:1]
    security = [uri for uri in dict.fromkeys(found) if uri.endswith("-security")][:1]
    lines = [f"deb {uri} {suite} main" for uri in main for suite in (SUITE, f"{SUITE}-updates")]
    return lines + [f"deb {uri} {SUITE}-security main" for uri in security] if main else []


def _host_proxies() -> list[str]:
    """The host's proxy settings of apt: a machine behind a proxy reaches its mirror only so."""
    lines = output(Command(["apt-config", "dump"])).splitlines()
    return [line for line in lines if line.startswith(("Acquire::http::Proxy", "Acquire::https::Proxy"))]
