"""The build way: catalogue recipes → layers in the cache → images. Needs no container engine and no registry."""

from __future__ import annotations

import compileall
import hashlib
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from py_compile import PycInvalidationMode

from cluster.local import binaries, toolchain
from cluster.local.commands import locked
from cluster.local.images import rootfs
from cluster.local.images.archive import Built, Config, Entry, Layer, read_layer, tree, write_layer
from cluster.local.images.catalogue import GoImage, Image, WheelImage
from cluster.local.progress import Progress
from cluster.local.settings import Settings

WHEELS = Path(__file__).parents[1] / "recipes" / "wheels"
USER = 65532
UNCHECKED_HASH = PycInvalidationMode.UNCHECKED_HASH
PYTHON = "3.11"
"""The Python of the base file system."""
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
PLAIN_ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
PYTHON_ENV = {**PLAIN_ENV, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}


def build(settings: Settings, image: Image, progress: Progress) -> Built:
    """Build one image of the catalogue, or take its layers from the cache. Raises MachineError."""
    recipe = image.recipe
    if isinstance(recipe, GoImage):
        return _go_image(settings, image.name, recipe, progress)
    return _wheel_image(settings, image.name, recipe, progress)


def base_layers(settings: Settings, progress: Progress) -> list[Layer]:
    """The file system under own images and all that needs more than one program: Debian packages and a plain user."""
    return [rootfs.ensure(settings, "base", progress), _users(settings)]


def packages_layer(settings: Settings, lock: Path, folder: str, progress: Progress) -> Layer:
    """The wheels of a hashed lock at `folder`, for the Python of the base file system, without their tests."""
    machine = platform.machine()
    key = _key(lock.read_text(), folder, machine, PYTHON)
    target = _layer_path(settings, f"wheels-{lock.stem}", key)
    with locked(settings.cache_dir / "locks" / target.name):
        found = read_layer(target)
        if found:
            return found
        with progress.step(f"install the packages of {lock.name}"), _scratch(settings) as scratch:
            site = scratch / "site"
            platforms = (f"--python-version={PYTHON}", f"--python-platform={machine}-manylinux_2_36")
            toolchain.install_wheels(lock, site, *platforms, "--only-binary=:all:")
            _trim(site)
            return write_layer(tree(site, folder), target)


def source_layer(settings: Settings, name: str, folders: Iterable[tuple[Path, str]]) -> Layer:
    """Python code of this checkout: (source folder, place in the image) pairs, byte-compiled."""
    pairs = list(folders)
    entries = [entry for source, place in pairs for entry in tree(source, place) if _is_code(entry)]
    digest = hashlib.sha256(PYTHON.encode())
    for entry in entries:
        digest.update(entry.path.encode() + (entry.source.read_bytes() if entry.source else b""))
    target = _layer_path(settings, f"source-{name}", digest.hexdigest()[:16])
    found = read_layer(target)
    if found:
        return found
    with _scratch(settings) as scratch:
        for entry in entries:
            place = scratch / entry.path.lstrip("/")
            if entry.source:
                shutil.copyfile(entry.source, place)
            else:
                place.mkdir(parents=True, exist_ok=True)
        _byte_compile(scratch)
        return _kept(settings, target, tree(scratch, ""))


def _go_image(settings: Settings, name: str, recipe: GoImage, progress: Progress) -> Built:
    program = binaries.ensure(settings, [recipe.program], progress)[recipe.program]
    target = _layer_path(settings, recipe.program, _key(program.parent.name, repr(recipe)))
    layer = _kept(settings, target, [*_parents(recipe.path), Entry(recipe.path, program, mode=0o755)])
    under = base_layers(settings, progress) if recipe.on_base else [_certificates(settings)]
    config = Config((recipe.path,), recipe.command, recipe.user, env={**PLAIN_ENV, **recipe.env})
    return Built(name, [*under, layer], config)


def _wheel_image(settings: Settings, name: str, recipe: WheelImage, progress: Progress) -> Built:
    site = packages_layer(settings, WHEELS / recipe.lock, "/opt/site", progress)
    config = Config(recipe.entrypoint, user=recipe.user, env={**PYTHON_ENV, "PYTHONPATH": "/opt/site"})
    return Built(name, [*base_layers(settings, progress), site], config)


def _users(settings: Settings) -> Layer:
    """Names for the plain user: Git and OpenSSH refuse to work for a number that has none."""
    passwd = [
        "root:x:0:0:root:/root:/bin/sh",
        "nobody:x:65534:65534::/nonexistent:/bin/false",
        f"amx:x:{USER}:{USER}::/tmp:/bin/sh",
    ]
    group = ["root:x:0:", "nogroup:x:65534:", f"amx:x:{USER}:"]
    files = {"/etc/passwd": passwd, "/etc/group": group}
    return _small(settings, "users", [Entry(path, text="\n".join(lines) + "\n") for path, lines in files.items()])


def _certificates(settings: Settings) -> Layer:
    """What a static program on nothing else needs: certificates, a place for temporary files, names of users."""
    found = Path(CERTIFICATES)
    certificates = [Entry(CERTIFICATES, source=found)] if found.exists() else []
    entries = [
        *_parents(CERTIFICATES),
        Entry("/etc/passwd", text="root:x:0:0:root:/:/\nnobody:x:65534:65534::/:/\n"),
        Entry("/etc/nsswitch.conf", text="hosts: files dns\n"),
        *certificates,
        Entry("/tmp", mode=0o1777),  # noqa: S108 — the image's, not ours
    ]
    return _small(settings, "certificates", entries)


def _small(settings: Settings, name: str, entries: list[Entry]) -> Layer:
    content = [(one.path, one.text, one.mode, one.source and one.source.read_text()) for one in entries]
    target = _layer_path(settings, name, _key(repr(content)))
    return _kept(settings, target, entries)


def _kept(settings: Settings, target: Path, entries: Iterable[Entry]) -> Layer:
    """The layer from the cache, else written there; two at once write it once."""
    with locked(settings.cache_dir / "locks" / target.name):
        return read_layer(target) or write_layer(entries, target)


def _parents(path: str) -> Iterator[Entry]:
    for parent in reversed(Path(path).parents[:-1]):
        yield Entry(str(parent), mode=0o755)


def _trim(site: Path) -> None:
    for pattern in ("**/__pycache__", "**/tests", "**/test"):
        for folder in list(site.glob(pattern)):
            if (folder.parent / "__init__.py").exists() or pattern.endswith("__pycache__"):
                shutil.rmtree(folder, ignore_errors=True)
    _byte_compile(site)


def _byte_compile(folder: Path) -> None:
    """Byte-compile for the image's Python, where this machine has it: pods' file systems are read-only."""
    if sys.version_info[:2] == (3, 11):
        compileall.compile_dir(
            folder,
            quiet=2,
            stripdir=str(folder),
            prependdir="/",
            invalidation_mode=UNCHECKED_HASH,
        )
    elif python := shutil.which(f"python{PYTHON}"):
        options = ["-q", "-q", "-s", folder, "-p", "/", "--invalidation-mode", "unchecked-hash"]
        subprocess.run([python, "-m", "compileall", *options, folder], check=False)


def _is_code(entry: Entry) -> bool:
    return "__pycache__" not in entry.path and not entry.path.endswith((".pyc", ".go", ".lock", "go.sum", "go.mod"))


@contextmanager
def _scratch(settings: Settings) -> Iterator[Path]:
    """A folder that is gone afterwards, on the cache's file system, where there is room."""
    settings.cache_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.cache_dir, prefix="scratch-") as name:
        yield Path(name)


def _layer_path(settings: Settings, name: str, key: str) -> Path:
    return settings.cache_dir / "images" / "layers" / f"{name}-{key}.tar"


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
