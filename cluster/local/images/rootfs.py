"""Root file systems of Debian packages, made by mmdebstrap; apt verifies them by Debian's archive keys.

Root on Debian or Ubuntu needs no container engine for it. Everybody else runs mmdebstrap in a container of the Debian
image that the engine pulls. On a Debian host its own mirror is used.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster.local import engine as engines
from cluster.local.commands import Command, locked, output, run
from cluster.local.engine import Engine
from cluster.local.errors import MachineError
from cluster.local.images import transfer
from cluster.local.images.archive import EPOCH_S, Layer, keep_layer, read_layer
from cluster.local.images.catalogue import DEBIAN
from cluster.local.packages import install
from cluster.local.progress import Progress
from cluster.local.settings import Settings

RECIPES = Path(__file__).parents[1] / "recipes" / "rootfs"
SUITE = "bookworm"
# Not needed to run anything, and a third of the size.
EXCLUDED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/lintian/*")
CONTAINED = """
command -v mmdebstrap >/dev/null || {
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq && apt-get install -qq -y --no-install-recommends mmdebstrap ca-certificates
} >&2
exec mmdebstrap "$@"
"""


def ensure(settings: Settings, name: str, progress: Progress) -> Layer:
    """The layer with the packages listed in recipes/rootfs/<name>, built when the cache lacks it."""
    target = path(settings, name)
    with locked(
        settings.cache_dir / "locks" / target.name, lambda: progress.say(f"{name}: another process builds it, waiting")
    ) as lock:
        found = read_layer(target)
        if found:
            return found
        ground = _ground(settings, progress)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(target.name + ".partial.tar")
        log = settings.cache_dir / "logs" / f"rootfs-{name}.log"
        with progress.step(f"assemble Debian packages for {name}"):
            run(
                Command(
                    [*ground.start(partial), *_options(packages(name)), SUITE, ground.written(partial), *_mirrors()],
                    title=f"mmdebstrap {name}",
                    env={"SOURCE_DATE_EPOCH": str(EPOCH_S), **ground.env},
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


@dataclass(frozen=True, slots=True)
class _Ground:
    """Where mmdebstrap runs: on this host, or in a container of the Debian image of `engine`."""

    engine: Engine | None = None

    @property
    def env(self) -> Mapping[str, str]:
        return self.engine.env if self.engine else {}

    def start(self, target: Path) -> Sequence[str | Path]:
        """The words before mmdebstrap's own, its name included."""
        if self.engine is None:
            return ["mmdebstrap"]
        # Mounting /proc for the packages' scripts needs more than a plain container may; so does kind, which follows.
        options = ("--rm", "--privileged", "--network=host", f"--env=SOURCE_DATE_EPOCH={EPOCH_S}")
        contained = self.engine.command(
            "run", *options, f"--volume={target.parent}:/out", DEBIAN, "sh", "-c", CONTAINED
        )
        return [*contained.argv, "mmdebstrap"]

    def written(self, target: Path) -> Path:
        """The file as mmdebstrap sees it."""
        return Path("/out") / target.name if self.engine else target


def _ground(settings: Settings, progress: Progress) -> _Ground:
    """Root with apt builds here; anybody else needs an engine that can pull. Raises MachineError with the remedy."""
    if os.geteuid() == 0 and (shutil.which("mmdebstrap") or shutil.which("apt-get")):
        if not shutil.which("mmdebstrap"):
            with progress.step("install mmdebstrap"):
                install(
                    ["mmdebstrap", "debian-archive-keyring"], settings.cache_dir / "logs" / "install-mmdebstrap.log"
                )
        return _Ground()
    engine = engines.find()
    if engine is None or not transfer.pulls(settings, engine):
        raise MachineError(
            "no image registry answers, and only root on Debian or Ubuntu can build images without one",
            "let the container engine reach a registry, set AMX_REGISTRY_MIRROR, or call it as root",
        )
    with progress.step(f"pull {DEBIAN}"):
        if not transfer.pull(settings, engine, DEBIAN):
            raise MachineError(f"the registry does not have {DEBIAN}", "put it there, or call it as root on Debian")
    return _Ground(engine)


def _options(names: list[str]) -> list[str]:
    excluded = [f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDED]
    proxies = [f"--aptopt={line.rstrip(';')}" for line in _host_proxies()]
    return ["--variant=essential", f"--include={','.join(names)}", *excluded, *proxies, "--format=tar"]


def _mirrors() -> list[str]:
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
    if not shutil.which("apt-config"):
        return []
    lines = output(Command(["apt-config", "dump"])).splitlines()
    return [line for line in lines if line.startswith(("Acquire::http::Proxy", "Acquire::https::Proxy"))]
