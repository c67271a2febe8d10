"""Images, loop devices and file systems of this node.

Every volume is `<root>/<name>.img`, a sparse file, mounted at `<root>/<name>`. Pods get the folder `data` *inside* the
file system: were it ever not mounted, the folder is missing and the pod waits, instead of writing to the bare node.
The loop devices are made by `mount -o loop`, so the kernel frees each with its last mount: nothing outlives the node.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .models import Image

ROOT = Path("/var/lib/automatrix-volumes")
LOOP_MAJOR = 7
LOOP_CTL_GET_FREE = 0x4C82
ATTEMPTS = 10
"""Nodes of one machine share its loop devices and may reach for the same free one."""


class DiskError(Exception):
    """A command on the node's disk failed; the message is the command's own."""


@dataclass(frozen=True, slots=True)
class MountEntry:
    """One mounted image: where, and the loop device beneath."""

    path: Path
    device: Path
    minor: int


@dataclass(frozen=True, slots=True)
class Disk:
    """The volumes under `root` on this node."""

    root: Path = ROOT

    def images(self) -> tuple[Image, ...]:
        """List the images; one that is still being made (`.new`) is not among them."""
        mounts = self.mounts()
        found = []
        for path in sorted(self.root.glob("*.img")):
            seen = path.stat()
            promised = max(0, seen.st_size - seen.st_blocks * 512)
            found.append(Image(path.stem, seen.st_size, promised, mounted=self.root / path.stem in mounts))
        return tuple(found)

    def free(self) -> int:
        """Return the bytes an unprivileged writer could still write to the disk beneath."""
        seen = os.statvfs(self.root)
        return seen.f_bavail * seen.f_frsize

    def mounts(self) -> dict[Path, MountEntry]:
        """Read what is mounted directly under the root, by mount point."""
        found = {}
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            fields = line.split()
            path = Path(fields[4])
            major, _, minor = fields[2].partition(":")
            if path.parent == self.root and int(major) == LOOP_MAJOR:
                found[path] = MountEntry(path, Path(f"/dev/loop{minor}"), int(minor))
        return found

    def create(self, name: str, size: int) -> None:
        """Make the image unless it exists; interrupted, it starts over: the name is given only when it is whole."""
        image = self.root / f"{name}.img"
        if image.exists():
            return
        new = self.root / f"{name}.new"
        new.unlink(missing_ok=True)
        with new.open("wb") as file:
            file.truncate(size)
        run("mkfs.xfs", "-q", str(new))
        new.rename(image)

    def mount(self, name: str) -> Path:
        """Mount the image unless it is mounted; return the folder for the pod. Raises DiskError."""
        target = self.root / name
        target.mkdir(exist_ok=True)
        for attempt in range(ATTEMPTS):
            if target in self.mounts():
                break
            ensure_loop_device()
            try:
                run("mount", "-t", "xfs", "-o", "loop,discard,noatime", str(self.root / f"{name}.img"), str(target))
            except DiskError:
                if attempt == ATTEMPTS - 1:
                    raise
        data = target / "data"
        data.mkdir(exist_ok=True)
        return data

    def grow(self, name: str, size: int) -> None:
        """Grow file, device and file system to `size` bytes while they are in use; repeating it changes nothing."""
        self.mount(name)
        image = self.root / f"{name}.img"
        if image.stat().st_size < size:
            os.truncate(image, size)
        mounted = self.mounts()[self.root / name]
        ensure_node(mounted.minor)
        run("losetup", "--set-capacity", str(mounted.device))
        run("xfs_growfs", str(mounted.path))

    def destroy(self, name: str) -> None:
        """Unmount and remove an image; what is already gone is not missed."""
        self.unmount(name)
        for suffix in ("img", "new"):
            (self.root / f"{name}.{suffix}").unlink(missing_ok=True)

    def retire(self, name: str) -> None:
        """Unmount an image and put it aside under `retained/`, where nothing touches it."""
        self.unmount(name)
        image = self.root / f"{name}.img"
        if image.exists():
            (self.root / "retained").mkdir(exist_ok=True)
            image.rename(self.root / "retained" / image.name)

    def unmount(self, name: str) -> None:
        """Unmount an image and remove its mount point; raises DiskError while a pod still uses it."""
        target = self.root / name
        while target in self.mounts():
            run("umount", str(target))
        with contextlib.suppress(FileNotFoundError):
            target.rmdir()


def ensure_loop_device() -> None:
    """Make sure the next free loop device has a node in this container's /dev, which knows only those of its start."""
    control = Path("/dev/loop-control")
    if not control.exists():
        os.mknod(control, stat.S_IFCHR | 0o660, os.makedev(10, 237))
    with control.open("rb") as file:
        ensure_node(fcntl.ioctl(file, LOOP_CTL_GET_FREE))


def ensure_node(minor: int) -> None:
    """Make the device node of a loop device unless it is there."""
    device = Path(f"/dev/loop{minor}")
    if not device.exists():
        with contextlib.suppress(FileExistsError):
            os.mknod(device, stat.S_IFBLK | 0o660, os.makedev(LOOP_MAJOR, minor))


def run(*command: str) -> None:
    """Run one command; raises DiskError with what it said."""
    program = shutil.which(command[0], path="/usr/sbin:/usr/bin:/sbin:/bin")
    if program is None:
        raise DiskError(f"{command[0]} is not installed in this image")
    try:
        result = subprocess.run([program, *command[1:]], capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired as hang:
        raise DiskError(f"{command[0]}: no end after {hang.timeout:.0f} s") from hang
    if result.returncode:
        said = " ".join((result.stderr or result.stdout).split())
        raise DiskError(f"{command[0]}: {said or f'exit code {result.returncode}'}")
