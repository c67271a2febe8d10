"""One Git remote and what it takes to read it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from .errors import SourceError

SCP_LIKE = re.compile(r"(?P<user>[A-Za-z0-9._-]+@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*):(?P<path>(?!//).+)")
PRINTABLE = re.compile(r"[\x21-\x7e\x80-\U0010ffff]+")
SCHEMES = ("http", "https", "ssh", "file")


@dataclass(frozen=True, slots=True, repr=False)
class Repository:
    """A remote and its credentials; the repr shows none of them.

    `known_hosts` is the text of an OpenSSH known_hosts file; a host that is not in it is refused.
    `ca` is a PEM bundle that replaces the system's for this remote; `insecure` turns certificate checks off
    (never those of SSH host keys). `client_certificate` and `client_key` are PEM. `proxy` is a URL.
    `commit_status_token` is for the Git host's API, where that wants another one than Git.
    """

    url: str
    username: str = ""
    password: str = ""
    bearer_token: str = ""
    ssh_private_key: str = ""
    known_hosts: str = ""
    ca: str = ""
    client_certificate: str = ""
    client_key: str = ""
    insecure: bool = False
    proxy: str = ""
    commit_status_token: str = ""

    def __repr__(self) -> str:
        return f"Repository({scrub_url(self.url)!r})"

    @property
    def protocol(self) -> str:
        """http, https, ssh or file; raises SourceError for anything else, and for what could pass as an option."""
        scheme = _split(self.url).scheme.lower() if "://" in self.url else ""
        if PRINTABLE.fullmatch(self.url) and not self.url.startswith("-"):
            if scheme in SCHEMES:
                return scheme
            if not scheme and "::" not in self.url and SCP_LIKE.fullmatch(self.url):
                return "ssh"
        raise SourceError(
            f"repository {scrub_url(self.url)!r} is not a Git URL: use https://, http://, ssh:// or git@host:path",
            condition="InvalidSpecError",
        )

    def without_credentials_in_url(self) -> Repository:
        """The same remote with the `user:password@` of an HTTP URL moved into the fields."""
        parts = _split(self.url) if "://" in self.url else None
        if parts is None or parts.scheme.lower() not in ("http", "https") or "@" not in parts.netloc:
            return self
        host = parts.netloc.rpartition("@")[2]
        return replace(
            self,
            url=urlunsplit(parts._replace(netloc=host)),
            username=self.username or unquote(parts.username or ""),
            password=self.password or unquote(parts.password or ""),
        )

    def scrub(self, text: str) -> str:
        """The text without any of this remote's secrets."""
        # A token is at times given as the user's name with an empty password.
        secrets = [self.password, self.bearer_token, self.ssh_private_key, self.client_key, self.proxy]
        secrets.append(self.commit_status_token)
        secrets += [] if self.password else [self.username]
        for secret in secrets:
            if secret:
                text = text.replace(secret, "***")
        return scrub_url(text)

    @property
    def directory(self) -> str:
        """A name for the mirror: readable, the same for all spellings of a remote, and different for others."""
        url = canonical_url(self.url)
        tail = re.sub(r"[^A-Za-z0-9.-]+", "-", url)[-40:].strip("-.")
        return f"{tail}-{hashlib.sha256(url.encode()).hexdigest()[:12]}.git"


def canonical_url(url: str) -> str:
    """A form in which the spellings of one remote are equal: host in lower case, no `.git`, no credentials.

    `git@github.com:o/r.git` and `ssh://git@github.com/o/r` are one remote; https and ssh of one are two.
    Raises SourceError for what is no URL.
    """
    match = None if "://" in url else SCP_LIKE.fullmatch(url)
    if match:
        url = f"ssh://{match['user'] or ''}{match['host']}/{match['path'].lstrip('/')}"
    parts = _split(url)
    host = parts.netloc.rpartition("@")[2].lower()
    path = parts.path.rstrip("/").removesuffix(".git")
    return f"{parts.scheme.lower()}://{host}{path}"


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        # Its words hold no more of the URL than a host's brackets.
        message = f"repository {scrub_url(url)!r} is not a URL: {error}"
        raise SourceError(message, condition="InvalidSpecError") from None


def scrub_url(text: str) -> str:
    """The text with the `user:password@` of every URL in it blotted out; a bare user (`git@`) stays."""
    return re.sub(r"://[^/@\s:]*:[^/@\s]*@", "://***@", re.sub(r"(https?://)[^/@\s:]+@", r"\1***@", text))
