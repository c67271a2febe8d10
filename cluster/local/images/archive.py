"""Container images as plain files: layers are tar files, an image is an archive that every engine loads.

In: folders and root file systems. Out: layer files named by their recipe, and archives in the format of
`docker save` written as a stream. No engine takes part, so images survive its data, and layers that several
images share are stored once. Layers are not compressed: a local disk is faster than any compressor.
Owner, order and times in a layer are fixed: the same content gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import stat
import tarfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

# 2026-01-01: any fixed time would do, but not 0, which some programs take for "unknown".
EPOCH_S = 1767225600
CREATED = "2026-01-01T00:00:00Z"
_OCI = "application/vnd.oci.image"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, folder or link of a layer; exactly one of `source`, `text` and `link` says its content."""

    path: str
    source: Path | None = None
    text: str | None = None
    link: str | None = None
    mode: int = 0o644
    owner: int = 0


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer in a file; `digest` is the SHA-256 of its bytes."""

    path: Path
    digest: str


@dataclass(frozen=True, slots=True)
class Config:
    """How an image is started; the fields are those of an image's configuration."""

    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    user: str = ""
    folder: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    volumes: Sequence[str] = ()
    stop_signal: str = ""

    def document(self) -> dict[str, object]:
        """The `config` part of the image's JSON, without what is not set."""
        values: dict[str, object] = {
            "Entrypoint": list(self.entrypoint),
            "Cmd": list(self.command),
            "User": self.user,
            "WorkingDir": self.folder,
            "Env": [f"{name}={value}" for name, value in self.env.items()],
            "Labels": dict(self.labels),
            "Volumes": {path: {} for path in self.volumes},
            "StopSignal": self.stop_signal,
        }
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True, slots=True)
class Built:
    """An image as layers and configuration, ready to be written to an archive under `name`."""

    name: str
    layers: Sequence[Layer]
    config: Config

    @property
    def full_name(self) -> str:
        """The name with its registry, as containerd keeps it."""
        first = self.name.split("/")[0]
        return self.name if "." in first or ":" in first else f"docker.io/{self.name}"

    def document(self) -> bytes:
        """The image's JSON; its SHA-256 is the image's id."""
        machine = platform.machine()
        return json.dumps(
            {
                "architecture": ARCHITECTURES.get(machine, machine),
                "os": "linux",
                "created": CREATED,
                "config": self.config.document(),
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.digest}" for layer in self.layers]},
                "history": [{"created": CREATED, "created_by": "automatrix"} for _ in self.layers],
            },
            sort_keys=True,
        ).encode()


def tree(source: Path, target: str, *, owner: int = 0) -> Iterator[Entry]:
    """Entries of a folder's content below `target` ("" is the root), in a fixed order."""
    if target:
        yield Entry(target, mode=0o755, owner=owner)
    for parent, folders, files in os.walk(source):
        folders.sort()
        below = f"{target}/{Path(parent).relative_to(source)}".removesuffix("/.")
        for name in folders:
            yield Entry(f"{below}/{name}", mode=0o755, owner=owner)
        for name in sorted(files):
            path = Path(parent) / name
            if path.is_symlink():
                yield Entry(f"{below}/{name}", link=str(path.readlink()), owner=owner)
            else:
                mode = 0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644
                yield Entry(f"{below}/{name}", source=path, mode=mode, owner=owner)


def write_layer(entries: Iterable[Entry], target: Path) -> Layer:
    """Write a layer file at `target`, atomically; an entry without content is a folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    with tarfile.open(partial, "w", format=tarfile.GNU_FORMAT) as tar:
        for entry in entries:
            _add(tar, entry)
    return keep_layer(partial, target)


def keep_layer(partial: Path, target: Path) -> Layer:
    """Give a finished tar file its name, and write its digest beside it so that it is read only once."""
    with partial.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    _digest_file(target).write_text(digest)
    partial.rename(target)
    return Layer(target, digest)


def read_layer(target: Path) -> Layer | None:
    """The layer at `target`; None when it has not been written to the end."""
    if not target.exists():
        return None
    return Layer(target, _digest_file(target).read_text())


def write_archive(images: Sequence[Built], out: IO[bytes]) -> None:
    """Write the images to `out` as `docker save` would; a layer that several share is written once."""
    manifest = []
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.GNU_FORMAT) as tar:
        written: set[str] = set()
        for image in images:
            document = image.document()
            config = f"{hashlib.sha256(document).hexdigest()}.json"
            _member(tar, config, io.BytesIO(document), len(document))
            for layer in image.layers:
                if layer.digest not in written:
                    written.add(layer.digest)
                    with layer.path.open("rb") as file:
                        _member(tar, f"{layer.digest}/layer.tar", file, layer.path.stat().st_size)
            layers = [f"{layer.digest}/layer.tar" for layer in image.layers]
            manifest.append({"Config": config, "RepoTags": [image.name], "Layers": layers})
        content = json.dumps(manifest).encode()
        _member(tar, "manifest.json", io.BytesIO(content), len(content))


def write_layout(images: Sequence[Built], out: IO[bytes], present: Collection[str] = ()) -> None:
    """Write the images as an OCI layout in a tar; layers whose digests are `present` at the receiver are left out."""
    index = []
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.GNU_FORMAT) as tar:
        written = set(present)

        def blob(content: bytes, kind: str) -> dict[str, object]:
            digest = hashlib.sha256(content).hexdigest()
            _member(tar, f"blobs/sha256/{digest}", io.BytesIO(content), len(content))
            return {"mediaType": f"{_OCI}.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

        for image in images:
            layers = []
            for layer in image.layers:
                size = layer.path.stat().st_size
                digest = f"sha256:{layer.digest}"
                layers.append({"mediaType": f"{_OCI}.layer.v1.tar", "digest": digest, "size": size})
                if layer.digest not in written:
                    written.add(layer.digest)
                    with layer.path.open("rb") as file:
                        _member(tar, f"blobs/sha256/{layer.digest}", file, size)
            config = blob(image.document(), "config.v1+json")
            manifest = {"schemaVersion": 2, "mediaType": f"{_OCI}.manifest.v1+json", "config": config, "layers": layers}
            described = blob(json.dumps(manifest).encode(), "manifest.v1+json")
            index.append({**described, "annotations": {"io.containerd.image.name": image.full_name}})
        for name, document in (
            ("oci-layout", {"imageLayoutVersion": "1.0.0"}),
            ("index.json", {"schemaVersion": 2, "manifests": index}),
        ):
            content = json.dumps(document).encode()
            _member(tar, name, io.BytesIO(content), len(content))


def _add(tar: tarfile.TarFile, entry: Entry) -> None:
    info = tarfile.TarInfo(entry.path.lstrip("/"))
    info.mtime, info.mode, info.uid, info.gid = EPOCH_S, entry.mode, entry.owner, entry.owner
    if entry.link is not None:
        info.type, info.linkname = tarfile.SYMTYPE, entry.link
        tar.addfile(info)
    elif entry.source is not None:
        info.size = entry.source.stat().st_size
        with entry.source.open("rb") as file:
            tar.addfile(info, file)
    elif entry.text is not None:
        content = entry.text.encode()
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    else:
        info.type = tarfile.DIRTYPE
        tar.addfile(info)


def _member(tar: tarfile.TarFile, name: str, content: IO[bytes], size: int) -> None:
    info = tarfile.TarInfo(name)
    info.mtime, info.mode, info.size = EPOCH_S, 0o644, size
    tar.addfile(info, content)


def _digest_file(target: Path) -> Path:
    return target.with_name(target.name + ".sha256")
