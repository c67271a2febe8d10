"""A real SSH server: host keys are enforced, and what is wrong is said with its remedy."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from operators.gitops.sources import GitSource, Repository, SourceError
from tests.support.upstream import Upstream

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin")
CONFIG = """\
ListenAddress 127.0.0.1:{port}
HostKey {root}/host
AuthorizedKeysFile {root}/user.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
LogLevel QUIET
"""


class SshServer:
    """A server for one key; `known_hosts` is what a client must know of it."""

    def __init__(self, root: Path) -> None:
        root.mkdir()
        for name in ("host", "user", "stranger"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", root / name], check=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (root / "config").write_text(CONFIG.format(port=self.port, root=root))
        assert SSHD is not None
        Path("/run/sshd").mkdir(exist_ok=True)
        self._process = subprocess.Popen([SSHD, "-D", "-e", "-f", root / "config"], stderr=subprocess.DEVNULL)
        self.user_key = (root / "user").read_text()
        self.stranger_key = (root / "stranger").read_text()
        self.known_hosts = self._line((root / "host.pub").read_text())
        self.wrong_known_hosts = self._line((root / "stranger.pub").read_text())
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)

    def _line(self, public_key: str) -> str:
        return f"[127.0.0.1]:{self.port} {' '.join(public_key.split()[:2])}\n"

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()


@pytest.fixture
def ssh(tmp_path: Path) -> Iterator[SshServer]:
    server = SshServer(tmp_path / "ssh")
    yield server
    server.stop()


def remote(ssh: SshServer, upstream: Upstream, *, key: str, known_hosts: str) -> Repository:
    url = f"ssh://{getpass.getuser()}@127.0.0.1:{ssh.port}{upstream.bare}"
    return Repository(url, ssh_private_key=key, known_hosts=known_hosts)


async def test_a_known_host_is_fetched_from(tmp_path: Path, ssh: SshServer, upstream: Upstream) -> None:
    commit = upstream.commit({"a": "1"})
    source = GitSource(tmp_path / "mirrors")
    repository = remote(ssh, upstream, key=ssh.user_key, known_hosts=ssh.known_hosts)
    await source.fetch(repository)
    assert await source.resolve(repository, "main") == commit
    left = [path for path in (tmp_path / "mirrors" / "private").rglob("*") if path.is_file()]
    assert left == []
    await source.close()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        pytest.param(("user_key", ""), ["argocd-ssh-known-hosts-cm", "not known"], id="an unknown host"),
        pytest.param(("user_key", "wrong_known_hosts"), ["differs from the known one"], id="a host with another key"),
        pytest.param(("stranger_key", "known_hosts"), ["sshPrivateKey"], id="a key that is not let in"),
    ],
)
async def test_what_is_not_right_is_refused(
    tmp_path: Path, ssh: SshServer, upstream: Upstream, keys: tuple[str, str], words: list[str]
) -> None:
    key, known = keys
    upstream.commit({"a": "1"})
    source = GitSource(tmp_path / "mirrors")
    repository = remote(ssh, upstream, key=getattr(ssh, key), known_hosts=getattr(ssh, known) if known else "")
    with pytest.raises(SourceError) as caught:
        await source.fetch(repository)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "PRIVATE KEY" not in str(caught.value)
    await source.close()
