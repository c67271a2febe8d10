"""The node image of kind, with all third-party images in it.

Pulling, it stands on kind's official node image; else on Debian packages and the compiled programs. Either way
the images of the catalogue are imported into the containerd inside, so that a cluster starts without
loading any of them. The result is kept in the cache as well: an engine with an empty store gets it from there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import tarfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.local import binaries
from cluster.local.commands import Command, locked, output, run
from cluster.local.engine import Engine, missing_capabilities
from cluster.local.errors import CommandFailed, MachineError
from cluster.local.images import build, own, rootfs, transfer
from cluster.local.images.archive import Built, Config, Entry, Layer, read_layer, write_layer, write_layout
from cluster.local.images.catalogue import CATALOGUE, NODE, Image
from cluster.local.progress import Progress
from cluster.local.settings import KUBERNETES_VERSION, ROOT, Settings

NAME = "automatrix/node"
HERE = ROOT / "cluster" / "local"
RECIPE = HERE / "recipes" / "node"
ENTRYPOINT = "/usr/local/bin/entrypoint"
CONTAINERD_S = 120.0
# Hangs are the only thing to catch: a busy disk makes the engine slow with two gigabytes.
ENGINE_S = 900.0
# kind copies /var of the image into a volume of each node. The images' content is kept out of that copy; what is
# unpacked from it must stay there, for one overlay file system cannot be written into another.
SEED = """
set -e
store=/var/lib/containerd/io.containerd.content.v1.content
[ -e "$store" ] || { mkdir -p /kind/content /var/lib/containerd; ln -s /kind/content "$store"; }
exec containerd
"""


def ensure(settings: Settings, engine: Engine, progress: Progress) -> str:
    """The node image's reference, in the engine's store: found, loaded from the cache, or made. Raises MachineError."""
    built = reference("built")
    if transfer.has(engine, built) and settings.images != "pull":
        return built
    pulling = transfer.pulls(settings, engine)
    wanted = reference("pulled" if pulling else "built")
    lock = settings.cache_dir / "locks" / wanted.replace("/", "-").replace(":", "-")
    with locked(lock, lambda: progress.say("another process is making the node image, waiting")):
        if transfer.has(engine, wanted):
            return wanted
        saved = settings.cache_dir / "images" / f"{wanted.rpartition(':')[2]}.tar"
        if saved.exists():
            with progress.step("load the node image from the cache"):
                run(engine.command("load", "--quiet", "--input", saved, title="docker load"))
            return wanted
        make(Making(settings, engine, progress, wanted, pulling))
        with progress.step("keep the node image in the cache"):
            _save(engine, wanted, saved)
        with progress.step("remove what only compiling needed from the cache"):
            binaries.trim(settings)
        _forget_older(settings, engine, wanted)
    return wanted


def _forget_older(settings: Settings, engine: Engine, wanted: str) -> None:
    """Remove node images that another state of the recipes made (2 GB each), from the engine and from the cache.

    One that a cluster's nodes still stand on stays in the engine: it cannot be removed while they are there.
    """
    way = wanted.rpartition("-")[0]
    for reference in output(engine.command("images", "--format={{.Repository}}:{{.Tag}}", NAME)).split():
        if reference.startswith(f"{way}-") and reference != wanted:
            with contextlib.suppress(CommandFailed):
                output(engine.command("rmi", reference), timeout_s=ENGINE_S)
    for saved in (settings.cache_dir / "images").glob(f"{way.rpartition(':')[2]}-*.tar"):
        if saved.stem != wanted.rpartition(":")[2]:
            saved.unlink(missing_ok=True)


def reference(way: str) -> str:
    """`automatrix/node:<way>-<key>`; the key is the content of everything that takes part in making it."""
    digest = hashlib.sha256(str(missing_capabilities()).encode())
    takes_part = [HERE / "binaries.py", HERE / "settings.py"]
    for folder in ("recipes", "images", "network"):
        takes_part += sorted(path for path in (HERE / folder).rglob("*") if path.is_file() and path.suffix != ".pyc")
    for path in takes_part:
        digest.update(str(path.relative_to(HERE)).encode() + path.read_bytes())
    return f"{NAME}:{way}-{digest.hexdigest()[:16]}"


def kubelet_configuration(node: str) -> dict[str, Any]:
    """What the KubeletConfiguration of a cluster of this node image needs, on this machine's kernel."""
    if ":pulled-" in node:
        return {"failCgroupV1": False}
    return {"failCgroupV1": False, "cgroupDriver": "cgroupfs", "resolvConf": "/kind/resolv.conf"}


@dataclass(frozen=True, slots=True)
class Making:
    """One node image to make: under which name, whether by pulling, and with which images in it."""

    settings: Settings
    engine: Engine
    progress: Progress
    wanted: str
    pulling: bool
    catalogue: Sequence[Image] = CATALOGUE


def make(making: Making) -> None:
    """Make the image in the engine's store. Raises MachineError."""
    settings, engine, progress = making.settings, making.engine, making.progress
    official = making.pulling and _pull(making, NODE)
    base = NODE
    if not official:
        bare = _bare(settings, progress)
        base = bare.name
        with progress.step("load the bare node image"):
            transfer.load(engine, [bare])
    images = [image for image in making.catalogue if not (official and image.in_node)]
    pulled = [image for image in images if making.pulling and _pull(making, image.name)]
    built = [build.build(settings, image, progress) for image in images if image not in pulled]
    if not official:
        built.append(own.pod_network(settings, progress))
    built.append(own.common(settings, progress))
    with progress.step(f"put {len(images)} images into the node image"), seeding(engine, base) as seed:
        importing = engine.command(
            "exec", "--interactive", seed, *transfer.IMPORT, title="import images into the node image"
        )
        transfer.feed(importing, lambda out: write_layout(built, out))
        for image in pulled:
            _import_pulled(engine, seed, image)
        if official and missing_capabilities():
            _install_shim(settings, engine, progress, seed)
        output(engine.command("stop", "--time=20", seed), timeout_s=ENGINE_S)
        entrypoint = [ENTRYPOINT, "/sbin/init"] if official else [ENTRYPOINT]
        changes = ("--change", f"ENTRYPOINT {json.dumps(entrypoint)}", "--change", "CMD []")
        output(engine.command("commit", *changes, seed, making.wanted), timeout_s=ENGINE_S)
    if not official:
        output(engine.command("rmi", "--no-prune", base), timeout_s=ENGINE_S)


def _pull(making: Making, name: str) -> bool:
    with making.progress.step(f"pull {name}"):
        return transfer.pull(making.settings, making.engine, name)


def _bare(settings: Settings, progress: Progress) -> Built:
    """The node without images: packages, programs, and what kind expects to find."""
    programs = binaries.ensure(settings, ("kubelet", "kubeadm", "kubectl", "runc-shim"), progress)
    entries = [
        *(Entry(f"/usr/bin/{name}", programs[name], mode=0o755) for name in ("kubelet", "kubeadm", "kubectl")),
        Entry(ENTRYPOINT, RECIPE / "entrypoint", mode=0o755),
        Entry("/etc/containerd/config.toml", RECIPE / "containerd.toml"),
        Entry("/etc/machine-id", text=""),
        Entry("/etc/cni/net.d", mode=0o755),
        Entry("/kind", mode=0o755),
        Entry("/kind/version", text=KUBERNETES_VERSION),
        Entry("/kind/manifests", mode=0o755),
        *(Entry(f"/kind/manifests/{name}", RECIPE / name) for name in ("default-cni.yaml", "default-storage.yaml")),
    ]
    if missing_capabilities():
        entries += _shimmed(settings, programs["runc-shim"], progress)
    key = hashlib.sha256()
    for entry in entries:
        key.update(f"{entry.path}\0{entry.text}\0{entry.link}".encode())
        if entry.source:
            key.update(entry.source.read_bytes())
    target = settings.cache_dir / "images" / "layers" / f"node-{key.hexdigest()[:16]}.tar"
    layer: Layer = read_layer(target) or write_layer(entries, target)
    layers = [rootfs.ensure(settings, "node", progress), layer]
    config = Config((ENTRYPOINT,), env=build.PLAIN_ENV, stop_signal="SIGRTMIN+3")
    return Built(f"{NAME}-bare:{key.hexdigest()[:16]}", layers, config)


def _shimmed(settings: Settings, shim: Path, progress: Progress) -> Iterator[Entry]:
    """The shim in runc's place inside the node, the real one beside it."""
    yield Entry("/usr/sbin/runc", shim, mode=0o755)
    yield Entry("/usr/sbin/runc.real", _runc(settings, progress), mode=0o755)


def _runc(settings: Settings, progress: Progress) -> Path:
    """The runc of the node's own packages, taken out of its layer."""
    layer = rootfs.ensure(settings, "node", progress)
    target = settings.cache_dir / "images" / f"runc-{layer.digest[:16]}"
    if not target.exists():
        partial = target.with_suffix(".partial")
        with tarfile.open(layer.path) as tar:
            found = tar.extractfile("./usr/sbin/runc")
            if found is None:
                raise MachineError(f"no runc in {layer.path}", f"rm {layer.path}")
            partial.write_bytes(found.read())
        partial.rename(target)
    return target


@contextlib.contextmanager
def seeding(engine: Engine, base: str) -> Iterator[str]:
    """A container of the node image in which nothing runs but containerd; removed afterwards."""
    name = f"amx-seed-{hashlib.sha256(base.encode()).hexdigest()[:12]}"
    remove = engine.command("rm", "--force", "--volumes", name)
    output(remove, timeout_s=ENGINE_S)
    options = ("--detach", "--privileged", "--network=none", f"--name={name}", "--entrypoint=sh")
    output(engine.command("run", *options, base, "-c", SEED), timeout_s=ENGINE_S)
    try:
        deadline = time.monotonic() + CONTAINERD_S
        while not _answers(engine.command("exec", name, "ctr", "version")):
            if time.monotonic() > deadline:
                raise MachineError("containerd in the node image does not answer", f"docker logs {name}")
            time.sleep(0.2)
        yield name
    finally:
        with contextlib.suppress(CommandFailed):
            output(remove, timeout_s=ENGINE_S)


def _answers(command: Command) -> bool:
    try:
        output(command)
    except CommandFailed:
        return False
    return True


def _import_pulled(engine: Engine, seed: str, image: Image) -> None:
    saved = f"docker save {image.name} | docker exec --interactive {seed} {' '.join(transfer.IMPORT)}"
    run(Command(["sh", "-c", saved], title=f"import {image.name} into the node image", env=engine.env))


def _install_shim(settings: Settings, engine: Engine, progress: Progress, seed: str) -> None:
    shim = binaries.ensure(settings, ["runc-shim"], progress)["runc-shim"]
    runc = output(engine.command("exec", seed, "sh", "-c", "command -v runc")).strip()
    output(engine.command("exec", seed, "mv", runc, f"{runc}.real"))
    output(engine.command("cp", shim, f"{seed}:{runc}"), timeout_s=ENGINE_S)


def _save(engine: Engine, image: str, target: Path) -> None:
    partial = target.with_suffix(".partial")
    run(engine.command("save", "--output", partial, image, title="docker save"))
    partial.rename(target)
