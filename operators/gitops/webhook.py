"""Webhooks: believe only what is signed, and of that only that somebody pushed.

In:  headers and body as GitHub, GitLab or the platform's own Git server send them (the latter in GitHub's shape).
Out: `Push`: which repository (as keys that equal spellings share), which ref. What changed is read from Git itself.
Sources: docs.github.com "Validating webhook deliveries", docs.gitlab.com "Webhooks" (X-Gitlab-Token).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from operators.kit.errors import Invalid, PlatformError

from .webhook_body import Fields

MAX_BODY_BYTES = 25 * 1024 * 1024
"""GitHub sends up to 25 MB, and in vain where it is refused."""

_FIELDS = ("ref", "before", "after")
_SIGNATURE = re.compile(r"sha256=[0-9a-f]{64}")
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SCP = re.compile(r"^(?:[^@/\s]+@)?(?P<host>[^:/\s]+):(?!//)(?P<path>.+)$")
_DEFAULT_PORTS = {"http": 80, "https": 443, "ssh": 22, "git": 9418}


class Unauthorized(PlatformError):
    """The signature or token is missing or wrong."""


class NotConfigured(PlatformError):
    """There is no secret to check against; the message is the remedy."""


@dataclass(frozen=True, slots=True)
class WebhookSecrets:
    """What callers must prove to know; from Secret argocd-secret, keys `webhook.<provider>.secret`."""

    github: str = field(default="", repr=False)
    gitlab: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Push:
    """One push, as its sender tells it: a hint where to look."""

    repo_url: str
    keys: frozenset[str]
    """`url_key` of every address the sender gave for the repository."""
    ref: str
    before: str
    after: str


def url_key(url: str) -> str:
    """Return what all spellings of a repository's address share: `host[:port]/path`, lower case, without `.git`.

    `git@GitHub.com:acme/platform.git`, `https://user@github.com/acme/platform` and
    `ssh://git@github.com:22/acme/platform.git/` have the same key. Two repositories that share one (hosts with
    case-sensitive paths) merely look for news one time too many.
    """
    scp = _SCP.match(url.strip()) if "://" not in url else None
    if scp:
        host, port, path = scp["host"], None, scp["path"]
    else:
        host, port, path = _split(url.strip())
    path = path.strip("/").lower().removesuffix(".git")
    return f"{host.lower()}{f':{port}' if port else ''}/{path}"


def _split(url: str) -> tuple[str, int | None, str]:
    """Host, port where it is not the scheme's own, and path; what is no address has an empty host."""
    try:
        parts = urlsplit(url)
        port = parts.port if parts.port != _DEFAULT_PORTS.get(parts.scheme) else None
    except ValueError:
        return "", None, url
    return parts.hostname or "", port, parts.path


def verify_signature(secret: str, signed: bytes, header: str) -> bool:
    """Whether `header` (`sha256=<hex>`) is the HMAC-SHA256 of `signed`; constant in time."""
    return _is_signature(_mac(secret, signed), header)


class Delivery:
    """One webhook, believed or not: made of its headers, fed with its body, asked for the push at the end.

    Raises NotConfigured or Unauthorized at once where the headers are enough to tell.
    """

    def __init__(self, secrets: WebhookSecrets, headers: Mapping[str, str]) -> None:
        self._mac: hmac.HMAC | None = None
        self._signature = headers.get("X-Hub-Signature-256", "")
        if "X-Gitlab-Event" in headers:
            _require(secrets.gitlab, "gitlab")
            token = headers.get("X-Gitlab-Token", "")
            if not hmac.compare_digest(secrets.gitlab.encode(), token.encode("utf-8", "replace")):
                raise Unauthorized("the X-Gitlab-Token is wrong")
            self._repository = "project"
            self._is_push = headers["X-Gitlab-Event"] in {"Push Hook", "Tag Push Hook"}
        else:
            _require(secrets.github, "github")
            if not _SIGNATURE.fullmatch(self._signature):
                raise Unauthorized("the X-Hub-Signature-256 is missing or wrong")
            self._mac = _mac(secrets.github)
            self._repository = "repository"
            self._is_push = headers.get("X-GitHub-Event") == "push"
        self._fields = Fields({*_FIELDS, self._repository})

    def feed(self, piece: bytes) -> None:
        """Take the next bytes of the body; they are not kept."""
        if self._mac is not None:
            self._mac.update(piece)
        if self._is_push:
            self._fields.feed(piece)

    def push(self) -> Push | None:
        """Return the push it tells of, or None where it tells of something else (a ping, a deleted branch).

        Raises Unauthorized, or Invalid where a signed body is no push event of the sender it names.
        """
        if self._mac is not None and not _is_signature(self._mac, self._signature):
            raise Unauthorized("the X-Hub-Signature-256 is missing or wrong")
        return _push(self._fields.values(), self._repository) if self._is_push else None


def _mac(secret: str, signed: bytes = b"") -> hmac.HMAC:
    return hmac.new(secret.encode(), signed, hashlib.sha256)


def _is_signature(mac: hmac.HMAC, header: str) -> bool:
    return hmac.compare_digest(f"sha256={mac.hexdigest()}".encode(), header.encode("utf-8", "replace"))


def _require(secret: str, provider: str) -> None:
    if not secret:
        raise NotConfigured(
            f"no webhook secret is set: put one under webhook.{provider}.secret into the Secret argocd-secret"
        )


def _push(payload: Mapping[str, Any], repository_field: str) -> Push | None:
    repository = payload.get(repository_field)
    urls = _urls(repository) if isinstance(repository, dict) else []
    ref, before, after = (str(payload.get(name, "")) for name in _FIELDS)
    if not urls or not ref.startswith("refs/") or not _SHA.fullmatch(after):
        raise Invalid("body", "a push event has a ref, an after and a repository with its address")
    if not after.strip("0"):
        return None
    return Push(urls[0], frozenset(map(url_key, urls)), ref, before if _SHA.fullmatch(before) else "0" * 40, after)


def _urls(repository: Mapping[str, Any]) -> list[str]:
    fields = ("clone_url", "git_http_url", "ssh_url", "git_ssh_url", "html_url", "web_url")
    return [url for name in fields if isinstance(url := repository.get(name), str) and url]
