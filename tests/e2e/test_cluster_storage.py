"""Volumes behave as a block device of their size would: they fill up, grow in use, and outlive pods and nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cluster.local.down import loop_files
from cluster.local.errors import CommandFailed
from cluster.local.kubectl import Kubectl

from .conftest import Cluster

MIB = 1024 * 1024
Eventually = Callable[..., None]

FILL = """
import errno, os, sys
written = 0
try:
    with open("/data/fill", "wb") as file:
        while True:
            written += file.write(bytes(1 << 20))
            file.flush()
            os.fsync(file.fileno())
except OSError as failure:
    print(errno.errorcode[failure.errno], written >> 20)
"""


def claim(name: str, size: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}, **spec},
    }


def pod(name: str, image: str, claim_name: str, node: str = "") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "nodeSelector": {"kubernetes.io/hostname": node} if node else {},
            "tolerations": [{"operator": "Exists"}],
            "securityContext": {"runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532, "runAsNonRoot": True},
            "containers": [
                {
                    "name": "main",
                    "image": image,
                    "command": ["sleep", "infinity"],
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                }
            ],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim_name}}],
        },
    }


class Volume:
    """A claim and the pod that uses it, in a namespace of their own."""

    def __init__(self, kubectl: Kubectl, namespace: str, image: str) -> None:
        self.kubectl, self.namespace, self.image = kubectl, f"--namespace={namespace}", image

    def make(self, size: str, node: str = "") -> None:
        self.kubectl.apply([claim("data", size), pod("user", self.image, "data", node)], self.namespace)
        self.ready()

    def ready(self) -> None:
        self.kubectl.run("wait", self.namespace, "--for=condition=Ready", "pod/user", "--timeout=90s", timeout_s=100)

    def run(self, *command: str) -> str:
        return self.kubectl.run("exec", self.namespace, "user", "--", *command, timeout_s=120)

    def grow(self, size: str) -> None:
        patch = '{"spec":{"resources":{"requests":{"storage":"' + size + '"}}}}'
        self.kubectl.run("patch", self.namespace, "pvc", "data", f"--patch={patch}")

    def capacity(self) -> str:
        return self.kubectl.run("get", self.namespace, "pvc", "data", "--output=jsonpath={.status.capacity.storage}")

    def free_mib(self) -> int:
        return int(self.run("df", "--output=avail", "-BM", "/data").split()[-1].rstrip("M"))

    def events(self) -> str:
        return self.kubectl.run(
            "get", "events", self.namespace, "--output=jsonpath={range .items[*]}{.reason}: {.message}{'\\n'}{end}"
        )


@pytest.fixture
def volume(kubectl: Kubectl, namespace: str, platform_image: str) -> Volume:
    return Volume(kubectl, namespace, platform_image)


def test_a_volume_is_full_at_its_own_size_and_grows_while_it_is_written_to(
    volume: Volume, eventually: Eventually
) -> None:
    volume.make("400Mi")
    assert volume.capacity() == "400Mi"
    error, written = volume.run("python3", "-c", FILL).split()
    assert error == "ENOSPC"
    assert 250 <= int(written) <= 400

    started = volume.kubectl.run("get", volume.namespace, "pod", "user", "--output=jsonpath={.status.startTime}")
    volume.grow("900Mi")
    eventually(lambda: volume.capacity() == "900Mi", "the claim says 900Mi")
    assert volume.free_mib() > 400
    volume.run("sh", "-c", "head -c 300M /dev/zero > /data/more && sync")
    assert "restart" not in volume.run("sh", "-c", "ls /data")
    assert (
        volume.kubectl.run("get", volume.namespace, "pod", "user", "--output=jsonpath={.status.startTime}") == started
    )
    assert "VolumeResizeSuccessful: the volume has 900 MiB now" in volume.events()


def test_a_small_request_gets_the_smallest_volume_and_says_so(volume: Volume) -> None:
    volume.make("1Mi")
    assert volume.capacity() == "300Mi"


def test_data_outlives_its_pod(volume: Volume) -> None:
    volume.make("300Mi")
    volume.run("sh", "-c", "echo kept > /data/note && sync")
    volume.kubectl.run("delete", volume.namespace, "pod", "user")
    volume.kubectl.apply([pod("user", volume.image, "data")], volume.namespace)
    volume.ready()
    assert volume.run("cat", "/data/note").strip() == "kept"


def test_data_outlives_a_restart_of_its_node(cluster: Cluster, volume: Volume, eventually: Eventually) -> None:
    node = cluster.nodes[-1]
    volume.make("300Mi", node)
    volume.run("sh", "-c", "echo kept > /data/note && sync")
    cluster.docker("restart", "--time=5", node)
    stopped = "--output=jsonpath={.status.containerStatuses[0].restartCount}"
    eventually(
        lambda: volume.kubectl.run("get", volume.namespace, "pod", "user", stopped) != "0", "the pod was restarted", 120
    )
    eventually(lambda: "kept" in reading(volume), "the note is there again", 120)


def reading(volume: Volume) -> str:
    try:
        return volume.run("cat", "/data/note")
    except CommandFailed:
        return ""


def test_a_deleted_claim_frees_its_disk_and_its_loop_device(volume: Volume, eventually: Eventually) -> None:
    volume.make("300Mi")
    name = volume.kubectl.run("get", volume.namespace, "pvc", "data", "--output=jsonpath={.spec.volumeName}")
    assert any(name in backing for backing in loop_files().values())
    volume.kubectl.run("delete", volume.namespace, "pod/user", "pvc/data")
    eventually(lambda: volume.kubectl.find("persistentvolume", name) is None, "the volume is gone")
    eventually(lambda: not any(name in backing for backing in loop_files().values()), "its loop device is free")


@pytest.mark.parametrize(
    ("size", "spec", "reason"),
    [
        pytest.param("900Ti", {}, "free disk space or delete volumes", id="more than the disk has"),
        pytest.param("1Gi", {"accessModes": ["ReadWriteMany"]}, "use ReadWriteOnce", id="many writers"),
        pytest.param("1Gi", {"volumeMode": "Block"}, "use Filesystem", id="a raw device"),
    ],
)
def test_what_cannot_be_served_is_refused_with_a_reason(
    volume: Volume, eventually: Eventually, size: str, spec: dict[str, Any], reason: str
) -> None:
    user = pod("user", volume.image, "data")
    if spec.get("volumeMode") == "Block":
        container = user["spec"]["containers"][0]
        container["volumeDevices"] = [{"name": "data", "devicePath": "/dev/data"}]
        del container["volumeMounts"]
    volume.kubectl.apply([claim("data", size, **spec), user], volume.namespace)
    eventually(lambda: reason in volume.events(), f"an event says: {reason}")
    assert not volume.capacity()
