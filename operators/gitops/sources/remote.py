"""Call git on a remote: the environment, the credentials, and what its failures mean.

In:  a `Repository` and git's arguments. Out: git's output, or a `SourceError` in the user's words.
Trade-off: credentials go as an HTTP header through the environment (GIT_CONFIG_*), not through GIT_ASKPASS: nothing
in argv either way, but a fetch saves the request that is answered with 401 and two processes.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import SourceError
from .process import Finished, Limits, TookTooLong, TooMuchOutput, run
from .repository import Repository, scrub_url

CONFIG = {
    "core.hooksPath": "/dev/null",
    "core.fsync": "none",  # a mirror is a cache: one that a power cut has damaged is made anew
    "core.longPaths": "true",
    "credential.helper": "",
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "20",
    "http.followRedirects": "initial",
    "protocol.version": "2",
    "advice.detachedHead": "false",
    "transfer.credentialsInUrl": "allow",
}

SSH_CONFIG = """\
BatchMode yes
StrictHostKeyChecking yes
UserKnownHostsFile {known_hosts}
GlobalKnownHostsFile /dev/null
UpdateHostKeys no
IdentitiesOnly yes
IdentityFile {key}
IdentityAgent none
ForwardAgent no
ClearAllForwardings yes
PermitLocalCommand no
ProxyCommand none
ConnectTimeout 15
ServerAliveInterval 10
ServerAliveCountMax 3
"""


def base_environment(home: Path, protocols: str = "http:https:ssh") -> dict[str, str]:
    """The whole environment of a git process: nothing of ours, nothing of the machine's settings."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ALLOW_PROTOCOL": protocols,
        "GIT_NO_LAZY_FETCH": "1",
        **config_environment(CONFIG),
    }


def config_environment(config: dict[str, str]) -> dict[str, str]:
    """Git settings as environment variables: they take no part in argv, which any user of the machine can read."""
    environment = {"GIT_CONFIG_COUNT": str(len(config))}
    for index, (key, value) in enumerate(config.items()):
        environment[f"GIT_CONFIG_KEY_{index}"] = key
        environment[f"GIT_CONFIG_VALUE_{index}"] = value
    return environment


class Suspicious(SourceError):
    """A failure whose words are those of a damaged mirror; the remote may be just as well to blame."""


STORE = re.compile(
    r"\bobjects?\b.*\b(corrupt|missing|empty|invalid|bad|mismatch)|\b(corrupt|missing|empty|bad|broken|invalid|loose)\b"
    r".*\b(object|ref|tree|blob|commit|sha1|pack)|not a git repository: |"
    r"pack(file)? .*(cannot be|does not match|is far)|"
    r"unable to (read|parse|find|unpack|create|resolve reference|write)|cannot (read|lock|update|open)|inflate|"
    r"did not send all necessary objects|unresolved deltas|bad config|pack index|index file",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Remote:
    """Calls git against one repository. `private` is a directory that only this user can read."""

    repository: Repository
    private: Path
    allow_file: bool = False

    async def git(self, *arguments: str, cwd: Path, timeout_s: float) -> str:
        """Run git with the remote's credentials; raises SourceError with the reason in one line."""
        protocol = self.repository.protocol
        if protocol == "file" and not self.allow_file:
            raise SourceError(
                f"repository {self.repository.url!r}: file:// is not allowed", condition="InvalidSpecError"
            )
        with self._environment(protocol) as environment:
            try:
                done = await run(
                    ["git", *arguments], env=environment, cwd=cwd, limits=Limits(timeout_s, output_bytes=64 << 20)
                )
            except TookTooLong:
                message = f"repository {self._name}: no answer within {timeout_s:g} s"
                raise SourceError(message, transient=True) from None
            except TooMuchOutput:
                raise SourceError(f"repository {self._name}: lists more than can be read") from None
        if done.returncode:
            raise self.failure(done)
        return done.stdout.decode(errors="replace")

    @property
    def _name(self) -> str:
        return scrub_url(self.repository.url)

    @contextlib.contextmanager
    def _environment(self, protocol: str) -> Iterator[dict[str, str]]:
        """Credentials on disk live exactly as long as the process that needs them."""
        files = Path(tempfile.mkdtemp(prefix="git-", dir=self.private))
        try:
            config = {**CONFIG, **self._http(files)} if protocol.startswith("http") else CONFIG
            allowed = "http:https:ssh:file" if self.allow_file else "http:https:ssh"
            environment = base_environment(files, allowed) | config_environment(config)
            if protocol == "ssh":
                environment["GIT_SSH_COMMAND"] = self._ssh(files)
                environment["GIT_SSH_VARIANT"] = "ssh"
            yield environment
        finally:
            shutil.rmtree(files, ignore_errors=True)

    def _http(self, files: Path) -> dict[str, str]:
        repository, config = self.repository, {}
        scope = re.sub(r"^(https?://[^/]+).*", r"http.\1/", repository.url)
        if repository.bearer_token:
            config[f"{scope}.extraHeader"] = f"Authorization: Bearer {repository.bearer_token}"
        elif repository.username or repository.password:
            pair = base64.b64encode(f"{repository.username}:{repository.password}".encode()).decode()
            config[f"{scope}.extraHeader"] = f"Authorization: Basic {pair}"
        if repository.insecure:
            config["http.sslVerify"] = "false"
        for name, text in (
            ("http.sslCAInfo", repository.ca),
            ("http.sslCert", repository.client_certificate),
            ("http.sslKey", repository.client_key),
        ):
            if text:
                config[name] = str(_write(files / name, text))
        if repository.proxy:
            config["http.proxy"] = repository.proxy
        return config

    def _ssh(self, files: Path) -> str:
        key = _write(files / "key", self.repository.ssh_private_key) if self.repository.ssh_private_key else "none"
        known_hosts = _write(files / "known_hosts", self.repository.known_hosts)
        config = _write(files / "config", SSH_CONFIG.format(known_hosts=known_hosts, key=key))
        # Git hands this to a shell because of the space; nothing in it comes from a user.
        return f"ssh -F {shlex.quote(str(config))}"

    def failure(self, done: Finished) -> SourceError:
        """What git's complaint means and what to do about it."""
        said = self.repository.scrub(done.stderr)
        kind = Suspicious if STORE.search(said) else SourceError
        for pattern, meaning, transient in MEANINGS:
            if match := re.search(pattern, said, re.IGNORECASE | re.DOTALL):
                reason = meaning.format(*match.groups(), url=self._name)
                return kind(f"repository {self._name}: {reason}", transient=transient)
        lines = [line for line in said.splitlines() if re.match(r"(fatal|error|remote):", line)] or said.splitlines()
        reason = "; ".join(lines[:3])[:500] or f"git exited with {done.returncode}"
        # What is not recognised is not known to last.
        return kind(f"repository {self._name}: {reason}", transient=True)


KNOWN_HOSTS = (
    "add it to ConfigMap argocd-ssh-known-hosts-cm (key ssh_known_hosts); "
    "`ssh-keyscan` prints it, compare its fingerprint with the provider's"
)

KEY_CHANGED = (
    "the SSH host key differs from the known one, so somebody may be in between; if the host has a new key, "
    + KNOWN_HOSTS
)
NO_CREDENTIALS = (
    "the repository asks for credentials: give username and password in a repository Secret "
    "(label argocd.argoproj.io/secret-type: repository)"
)

MEANINGS: Sequence[tuple[str, str, bool]] = (
    (r"HOST IDENTIFICATION HAS CHANGED|Host key for \S+ has changed", KEY_CHANGED, False),
    (r"No (\S+) host key is known for (\S+) and", "the SSH host key of {1} is not known: " + KNOWN_HOSTS, False),
    (r"Host key verification failed", "the SSH host key is not known: " + KNOWN_HOSTS, False),
    (r"No user exists for uid", "ssh needs the engine's user in /etc/passwd", False),
    (r"Permission denied \(", "SSH access denied: check sshPrivateKey in the repository Secret", False),
    (r"Load key .*: (invalid format|error in libcrypto)",
     "sshPrivateKey in the repository Secret is not a private key", False),
    (r"could not read (?:Username|Password)", NO_CREDENTIALS, False),
    (r"Authentication failed|error: 401|HTTP 401|error: 403|HTTP 403",
     "access denied: check username and password in the repository Secret", False),
    (r"repository .*not found|error: 404|not appear to be a git repository|not a git repository",
     "not found, or not readable with these credentials", False),
    (r"SSL certificate problem: ([^\n]+)|server certificate verification failed[.:]? ?([^\n]*)",
     "the server's certificate is not trusted: add its authority to ConfigMap argocd-tls-certs-cm", False),
    (r"Could not resolve host(?:name)?:? ([^\s:;]+)", "the host {0} cannot be resolved", True),
    (
        r"(Failed to connect to \S+ port \d+|Connection refused|Connection timed out|Network is unreachable|No route)",
        "{0}",
        True,
    ),
    (r"transport '(\S+)' not allowed", "the protocol {0} is not allowed", False),
)  # fmt: skip


def _write(path: Path, text: str) -> Path:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text if text.endswith("\n") else text + "\n")
    return path
