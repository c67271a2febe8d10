"""Images as files, and the ways they come: from a registry that the test starts, from one that never answers, built."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import tarfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path

import pytest

from cluster.local import binaries, images
from cluster.local.commands import Command, locked, output, run
from cluster.local.engine import Engine, missing_capabilities
from cluster.local.errors import MachineError
from cluster.local.images import build, node, rootfs, transfer
from cluster.local.images.archive import (
    Built,
    Config,
    Entry,
    Layer,
    keep_layer,
    read_layer,
    tree,
    write_archive,
    write_layer,
    write_layout,
)
from cluster.local.images.catalogue import CATALOGUE, DEBIAN, NODE, PROBE
from cluster.local.progress import Progress
from cluster.local.settings import Settings
from tests.cluster.conftest import MakeSettings

ETCD = "registry.k8s.io/etcd:3.6.6-0"
SLOW_S = 60
HANGS_S = 600


@pytest.fixture
def small(tmp_path: Path) -> Callable[[str], Built]:
    """Make an image of one file."""
    layer = write_layer([Entry("/hello", text="hello")], tmp_path / "layer.tar")
    return lambda name: Built(name, [layer], Config(("/hello",)))


@pytest.fixture
def registry(progress: Progress) -> Iterator[str]:
    """An empty image registry on loopback; `localhost:<port>`, for which engines speak plain HTTP."""
    program = binaries.ensure(Settings.from_environment(), ["registry"], progress)["registry"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([program, f"-port={port}"], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + SLOW_S
    while not _serves(port) and time.monotonic() < deadline:
        time.sleep(0.05)
    yield f"localhost:{port}"
    process.kill()
    process.wait()


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(64)
        yield f"localhost:{server.getsockname()[1]}"


def test_the_same_content_gives_the_same_layer(tmp_path: Path) -> None:
    digests = set()
    for place in ("one", "two"):
        folder = tmp_path / place
        for name in ("b", "a") if place == "one" else ("a", "b"):
            (folder / name).mkdir(parents=True)
            (folder / name / "file").write_text(name)
        digests.add(write_layer(tree(folder, "/opt"), tmp_path / f"{place}.tar").digest)
    assert len(digests) == 1


def test_layers_that_are_there_already_are_left_out(small: Callable[[str], Built]) -> None:
    image = small("automatrix/small:1")
    whole, rest = io.BytesIO(), io.BytesIO()
    write_layout([image], whole)
    write_layout([image], rest, {image.layers[0].digest})
    assert members(whole) - members(rest) == {f"blobs/sha256/{image.layers[0].digest}"}


def test_own_images_are_named_by_their_content(make_settings: MakeSettings, tmp_path: Path) -> None:
    settings = make_settings()
    source = tmp_path / "code"
    source.mkdir()
    (source / "main.py").write_text("print(1)\n")
    first = build.source_layer(settings, "code", [(source, "/opt/code")])
    assert build.source_layer(settings, "code", [(source, "/opt/code")]) == first
    (source / "main.py").write_text("print(2)\n")
    assert build.source_layer(settings, "code", [(source, "/opt/code")]).digest != first.digest


@pytest.mark.engine
def test_what_the_registry_has_is_pulled_and_what_it_lacks_is_not(
    engine: Engine, registry: str, make_settings: MakeSettings, small: Callable[[str], Built]
) -> None:
    has, lacks = f"registry.example/{uuid.uuid4().hex}:1", f"registry.example/{uuid.uuid4().hex}:1"
    push(engine, registry, small(has))
    settings = make_settings(AMX_REGISTRY_MIRROR=registry)
    assert transfer.pulls(settings, engine)
    assert transfer.pull(settings, engine, has)
    assert transfer.has(engine, has)
    assert not transfer.pull(settings, engine, lacks)
    strict = make_settings(AMX_REGISTRY_MIRROR=registry, AMX_IMAGES="pull")
    with pytest.raises(MachineError, match=rf"AMX_IMAGES=pull, and pull {registry}/{lacks} failed.*AMX_IMAGES=auto"):
        transfer.pull(strict, engine, lacks)
    output(engine.command("rmi", has, f"{registry}/{has}"))


@pytest.mark.engine
def test_a_registry_that_never_answers_is_given_up(engine: Engine, silent: str, make_settings: MakeSettings) -> None:
    started = time.monotonic()
    assert not transfer.pulls(make_settings(AMX_REGISTRY_MIRROR=silent), engine)
    assert time.monotonic() - started < SLOW_S
    with pytest.raises(MachineError, match="AMX_IMAGES=pull, and no image registry answers"):
        transfer.pulls(make_settings(AMX_REGISTRY_MIRROR=silent, AMX_IMAGES="pull"), engine)


@pytest.mark.engine
def test_nobody_is_asked_when_images_are_to_be_built(engine: Engine, silent: str, make_settings: MakeSettings) -> None:
    assert not transfer.pulls(make_settings(AMX_REGISTRY_MIRROR=silent, AMX_IMAGES="build"), engine)


@pytest.mark.engine
def test_a_node_image_of_pulled_and_built_images(engine: Engine, registry: str, progress: Progress) -> None:
    """The registry has one of two images and no node image: the rest is built, and the node has both."""
    settings = Settings.from_environment({**os.environ, "AMX_REGISTRY_MIRROR": registry})
    wanted = f"automatrix/node:test-{uuid.uuid4().hex[:8]}"
    catalogue = [image for image in CATALOGUE if image.name in {PROBE, ETCD}]
    pushed = next(image for image in catalogue if image.name == PROBE)
    push(engine, registry, build.build(settings, pushed, progress))
    node.make(node.Making(settings, engine, progress, wanted, transfer.pulls(settings, engine), catalogue))
    try:
        with node.seeding(engine, wanted) as container:
            names = output(engine.command("exec", container, *transfer.CTR, "images", "list", "--quiet")).split()
        assert {PROBE, ETCD} <= set(names)
    finally:
        output(engine.command("rmi", wanted, PROBE, f"{registry}/{PROBE}"))


@pytest.mark.engine
def test_on_a_node_image_that_was_pulled_only_what_it_lacks_is_put(
    engine: Engine, registry: str, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node image of the recipes stands in for the official one: same places, and images of its own in it."""
    settings = Settings.from_environment({**os.environ, "AMX_REGISTRY_MIRROR": registry})
    with monkeypatch.context() as whole:
        whole.setattr(node, "missing_capabilities", lambda: 0)  # no shim in it yet
        push(engine, registry, replace(node._bare(settings, progress), name=NODE))
    wanted = f"automatrix/node:test-{uuid.uuid4().hex[:8]}"
    catalogue = [image for image in CATALOGUE if image.name == PROBE or "metrics-server" in image.name]
    node.make(node.Making(settings, engine, progress, wanted, transfer.pulls(settings, engine), catalogue))
    try:
        with node.seeding(engine, wanted) as container:
            names = output(engine.command("exec", container, *transfer.CTR, "images", "list", "--quiet"))
            runc = output(engine.command("exec", container, "sh", "-c", "ls $(command -v runc)*")).split()
        assert "metrics-server" in names, names
        assert PROBE not in names
        assert len(runc) == (2 if missing_capabilities() else 1)
        started = output(engine.command("inspect", "--format={{json .Config.Entrypoint}}", wanted))
        assert started.split() == ['["/usr/local/bin/entrypoint","/sbin/init"]']
    finally:
        output(engine.command("rmi", wanted, NODE, f"{registry}/{NODE}"), timeout_s=HANGS_S)


@pytest.mark.engine
def test_who_is_not_root_assembles_packages_in_a_container(
    engine: Engine, registry: str, progress: Progress, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    debian = debian_layer()
    push(engine, registry, Built(DEBIAN, [debian], Config(command=("sh",))))
    lacking = {**os.environ, "AMX_REGISTRY_MIRROR": registry, "AMX_CACHE_DIR": str(tmp_path)}
    with monkeypatch.context() as plain:
        plain.setattr(os, "geteuid", lambda: 1000)
        plain.setattr(rootfs, "packages", lambda _name: ["ca-certificates"])
        try:
            layer = rootfs.ensure(Settings.from_environment(lacking), "base", progress)
        finally:
            output(engine.command("rmi", DEBIAN, f"{registry}/{DEBIAN}"))
    with tarfile.open(layer.path) as tar:
        assert "./etc/ca-certificates.conf" in tar.getnames()


def test_who_is_not_root_and_reaches_no_registry_is_told(
    make_settings: MakeSettings, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(
        MachineError, match=r"^no image registry answers, and only root on Debian .* \(let the container"
    ):
        rootfs.ensure(make_settings(AMX_IMAGES="build"), "base", progress)


@pytest.mark.engine
def test_the_node_image_is_found_again(engine: Engine, told: io.StringIO, progress: Progress) -> None:
    settings = Settings.from_environment()
    reference = images.ensure_node_image(settings, progress)
    first = told.getvalue()
    assert images.ensure_node_image(settings, progress) == reference
    assert told.getvalue() == first
    assert images.kubelet_configuration(reference)["failCgroupV1"] is False


def debian_layer() -> Layer:
    """A file system like that of the Debian image, with mmdebstrap in it; kept in the cache, for it takes a minute."""
    target = Settings.from_environment().cache_dir / "images" / "layers" / "debian-for-tests.tar"
    with locked(target.with_suffix(".lock")):
        found = read_layer(target)
        if found:
            return found
        partial = target.with_suffix(".partial.tar")
        names = "--include=mmdebstrap,ca-certificates,debian-archive-keyring"
        argv: list[str | Path] = ["mmdebstrap", "--variant=apt", names, rootfs.SUITE, partial, *rootfs._mirrors()]
        run(Command(argv, title="mmdebstrap"))
        return keep_layer(partial, target)


def push(engine: Engine, registry: str, image: Built) -> None:
    """Put an image into the registry under its mirrored name, and out of the engine's store again."""
    name = f"{registry}/{image.name}"
    renamed = Built(name, image.layers, image.config)
    transfer.feed(engine.command("load", title="docker load"), lambda out: write_archive([renamed], out))
    output(engine.command("push", name), timeout_s=HANGS_S)
    output(engine.command("rmi", name), timeout_s=HANGS_S)


def members(archive: io.BytesIO) -> set[str]:
    """The names in a tar."""
    archive.seek(0)
    with tarfile.open(fileobj=archive) as tar:
        return set(tar.getnames())


def _serves(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
