"""A real Kubernetes API without nodes: etcd, kube-apiserver and kube-controller-manager as plain processes.

In: the programs' paths and an empty folder. Out: a kubeconfig with all rights. Answers about 3 s after the start, and
leaves nothing behind: the processes die with the process that started them, also when that is killed.
Trade-off: no scheduler and no kubelet, so pods stay Pending unless a test writes their status.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubeadm")
START_S = 90.0
_PREFIX = "automatrix-apiserver-"
_PR_SET_PDEATHSIG = 1
_PRCTL = ctypes.CDLL(None).prctl  # resolved here: between fork and exec nothing may be imported

# kubeadm refuses a loopback address to advertise; the one it gets instead (of the documentation range) is never used.
_KUBEADM = """
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {{advertiseAddress: 192.0.2.1, bindPort: {port}}}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: {version}
certificatesDir: {folder}/pki
controlPlaneEndpoint: 127.0.0.1:{port}
apiServer: {{certSANs: [127.0.0.1]}}
encryptionAlgorithm: ECDSA-P256
"""


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """A running API; `logs` holds what each process wrote."""

    kubeconfig: Path
    url: str
    pki: Path
    logs: Path


class NotStarted(Exception):
    """A program of the control plane did not come up; the message ends with what it wrote last."""


@contextmanager
def control_plane(binaries: Mapping[str, Path], kubernetes_version: str = "v1.35.4") -> Iterator[ControlPlane]:
    """Start the three processes, yield when they serve, and stop them; raises NotStarted."""
    remove_leftovers()
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-") as folder:
        group = _Processes(Path(folder) / "logs")
        atexit.register(group.kill)  # a second Ctrl-C skips what stands below
        try:
            yield _start(group, binaries, Path(folder), kubernetes_version)
        finally:
            group.stop()
            atexit.unregister(group.kill)


def _start(group: _Processes, binaries: Mapping[str, Path], folder: Path, version: str) -> ControlPlane:
    etcd, peer, port, manager = _free_ports(4)
    pki = folder / "pki"
    (folder / "kubeadm.yaml").write_text(_KUBEADM.format(port=port, version=version, folder=folder))
    for phase in ("certs all", "kubeconfig super-admin", "kubeconfig controller-manager"):
        argv = [str(binaries["kubeadm"]), "init", "phase", *phase.split(), f"--config={folder}/kubeadm.yaml"]
        if phase.startswith("kubeconfig"):
            argv.append(f"--kubeconfig-dir={folder}")
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=START_S)
        if done.returncode:
            raise NotStarted(f"kubeadm init phase {phase}: {done.stderr.strip()}")
    url = f"https://127.0.0.1:{port}"
    manager_conf = folder / "controller-manager.conf"
    manager_conf.write_text(manager_conf.read_text().replace(f"https://192.0.2.1:{port}", url))
    group.start("etcd", [str(binaries["etcd"]), *_etcd(folder, etcd, peer)])
    group.start("kube-apiserver", [str(binaries["kube-apiserver"]), *_apiserver(pki, etcd, port)])
    group.wait("kube-apiserver", f"{url}/readyz")
    argv = [str(binaries["kube-controller-manager"]), *_controller_manager(folder, pki, manager)]
    group.start("kube-controller-manager", argv)
    group.wait("kube-controller-manager", f"https://127.0.0.1:{manager}/healthz")
    return ControlPlane(folder / "super-admin.conf", url, pki, group.logs)


def _etcd(folder: Path, client: int, peer: int) -> list[str]:
    return [
        f"--data-dir={folder}/etcd",
        "--unsafe-no-fsync",
        f"--listen-client-urls=http://127.0.0.1:{client}",
        f"--advertise-client-urls=http://127.0.0.1:{client}",
        f"--listen-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
        f"--initial-cluster=default=http://127.0.0.1:{peer}",
        "--log-level=warn",
    ]


def _apiserver(pki: Path, etcd: int, port: int) -> list[str]:
    return [
        f"--etcd-servers=http://127.0.0.1:{etcd}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        # 127.0.0.1 cannot be an endpoint of the Service "kubernetes".
        "--endpoint-reconciler-type=none",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--client-ca-file={pki}/ca.crt",
        f"--service-account-key-file={pki}/sa.pub",
        f"--service-account-signing-key-file={pki}/sa.key",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged=true",
        f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-username-headers=X-Remote-User",
        f"--proxy-client-cert-file={pki}/front-proxy-client.crt",
        f"--proxy-client-key-file={pki}/front-proxy-client.key",
        "--shutdown-delay-duration=0s",
    ]


def _controller_manager(folder: Path, pki: Path, port: int) -> list[str]:
    kubeconfig = f"{folder}/controller-manager.conf"
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        "--leader-elect=false",
        f"--root-ca-file={pki}/ca.crt",
        f"--service-account-private-key-file={pki}/sa.key",
        "--use-service-account-credentials=true",
        # A real HorizontalPodAutoscaler answers in seconds, not minutes.
        "--horizontal-pod-autoscaler-sync-period=1s",
        "--horizontal-pod-autoscaler-initial-readiness-delay=0s",
    ]


@dataclass
class _Processes:
    """Processes that end together, each in a group of its own."""

    logs: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, argv: Sequence[str]) -> None:
        self.logs.mkdir(exist_ok=True)
        with (self.logs / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one prctl and nothing else
            )

    def wait(self, name: str, url: str) -> None:
        """Wait until `url` answers 200; raises NotStarted with the log's end where the process dies or is late."""
        context = ssl._create_unverified_context()  # noqa: S323, SLF001 - asks only whether it is up
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self.running[name].poll() is not None:
                break
            with (
                contextlib.suppress(OSError, urllib.error.URLError),
                urllib.request.urlopen(url, context=context, timeout=5) as answer,  # noqa: S310 - our own loopback URL
            ):
                if answer.status == 200:
                    return
            time.sleep(0.05)
        tail = (self.logs / f"{name}.log").read_text(errors="replace").splitlines()[-15:]
        raise NotStarted(f"{name} did not come up:\n" + "\n".join(tail))

    def stop(self) -> None:
        """End all at once: what they keep is thrown away, so nothing is gained by asking them to shut down."""
        self.kill()
        for process in self.running.values():
            process.wait()

    def kill(self) -> None:
        for process in self.running.values():
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def remove_leftovers() -> None:
    """Remove the folders of runs that were killed; their processes died with them."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if not Path("/proc", pid).exists():
            shutil.rmtree(folder, ignore_errors=True)


def _die_with_parent() -> None:
    _PRCTL(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()
