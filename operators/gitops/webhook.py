"""Webhooks: believe only what is signed, and of that only that somebody pushed.

In:  headers and body as GitHub, GitLab or the platform's own Git server send them (the latter in GitHub's shape).
Out: `Push`: which repository (as keys that equal spellings share), which ref. What changed is read from Git itself.
Sources: docs.github.com "Validating webhook deliveries", docs.gitlab.com "Webhooks" (X-Gitlab-Token).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from operators.kit.errors import Invalid, PlatformError

MAX_BODY_BYTES = 1024 * 1024
BURST = 5
"""Pushes of one repository that are passed on at once; ordinary use never has more."""
REFILL_S = 0.5
"""Beyond the burst, one is passed on per this time, with the newest revision."""
KNOWN_REPOSITORIES = 1000

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
    want = "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(want.encode(), header.encode("utf-8", "replace"))


def receive(secrets: WebhookSecrets, headers: Mapping[str, str], body: bytes) -> Push | None:
    """Return the push a webhook tells of, or None where it tells of something else (a ping, a deleted branch).

    Raises NotConfigured, Unauthorized, or Invalid where a signed body is no push event of the sender it names.
    """
    if "X-Gitlab-Event" in headers:
        _require(secrets.gitlab, "gitlab")
        token = headers.get("X-Gitlab-Token", "")
        if not hmac.compare_digest(secrets.gitlab.encode(), token.encode("utf-8", "replace")):
            raise Unauthorized("the X-Gitlab-Token is wrong")
        return _push(body, "project") if headers["X-Gitlab-Event"] in {"Push Hook", "Tag Push Hook"} else None
    _require(secrets.github, "github")
    if not verify_signature(secrets.github, body, headers.get("X-Hub-Signature-256", "")):
        raise Unauthorized("the X-Hub-Signature-256 is missing or wrong")
    return _push(body, "repository") if headers.get("X-GitHub-Event") == "push" else None


def _require(secret: str, provider: str) -> None:
    if not secret:
        raise NotConfigured(
            f"no webhook secret is set: put one under webhook.{provider}.secret into the Secret argocd-secret"
        )


def _push(body: bytes, repository_field: str) -> Push | None:
    try:
        payload = json.loads(body)
    except ValueError as error:
        raise Invalid("body", "is not JSON: send webhooks with content type application/json") from error
    if not isinstance(payload, dict):
        raise Invalid("body", "is not a push event")
    repository = payload.get(repository_field)
    urls = _urls(repository) if isinstance(repository, dict) else []
    ref, before, after = (str(payload.get(name, "")) for name in ("ref", "before", "after"))
    if not urls or not ref.startswith("refs/") or not _SHA.fullmatch(after):
        raise Invalid("body", "a push event has a ref, an after and a repository with its address")
    if not after.strip("0"):
        return None
    return Push(urls[0], frozenset(map(url_key, urls)), ref, before if _SHA.fullmatch(before) else "0" * 40, after)


def _urls(repository: Mapping[str, Any]) -> list[str]:
    fields = ("clone_url", "git_http_url", "ssh_url", "git_ssh_url", "html_url", "web_url")
    return [url for name in fields if isinstance(url := repository.get(name), str) and url]


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float
    waiting: Push | None = None
    timer: asyncio.TimerHandle | None = None


class Coalescer:
    """Pass pushes on at once, yet a storm of them at a bounded rate: per repository and ref the newest counts.

    `dropped(old, new)` is told of each that is never passed on, because a newer one stands in its place.
    A token bucket rather than a quiet period, because an ordinary push shall not wait for a storm that never comes.
    """

    def __init__(
        self,
        pushed: Callable[[Push], None],
        dropped: Callable[[Push, Push], None] = lambda _old, _new: None,
        *,
        burst: int = BURST,
        refill_s: float = REFILL_S,
    ) -> None:
        self._pushed = pushed
        self._dropped = dropped
        self._burst = burst
        self._refill_s = refill_s
        self._buckets: OrderedDict[tuple[frozenset[str], str], _Bucket] = OrderedDict()

    def push(self, push: Push) -> None:
        """Pass `push` on now, or soon in place of those that wait already."""
        loop = asyncio.get_running_loop()
        key = (push.keys, push.ref)
        bucket = self._buckets.setdefault(key, _Bucket(self._burst, loop.time()))
        self._buckets.move_to_end(key)
        self._forget()
        if bucket.waiting is not None:
            self._dropped(bucket.waiting, push)
            bucket.waiting = replace(push, before=bucket.waiting.before)
            return
        elapsed = loop.time() - bucket.filled_at
        bucket.tokens = min(self._burst, bucket.tokens + elapsed / self._refill_s)
        bucket.filled_at = loop.time()
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            self._pushed(push)
        else:
            bucket.waiting = push
            bucket.timer = loop.call_later((1 - bucket.tokens) * self._refill_s, self._release, bucket)

    def close(self) -> None:
        """Drop what waits; the engine polls."""
        for bucket in self._buckets.values():
            if bucket.timer:
                bucket.timer.cancel()

    def _release(self, bucket: _Bucket) -> None:
        push, bucket.waiting = bucket.waiting, None
        bucket.tokens, bucket.filled_at = 0.0, asyncio.get_running_loop().time()
        if push is not None:
            self._pushed(push)

    def _forget(self) -> None:
        """Keep the table bounded; a bucket that is forgotten starts full again."""
        while len(self._buckets) > KNOWN_REPOSITORIES:
            _, bucket = self._buckets.popitem(last=False)
            if bucket.timer:
                bucket.timer.cancel()
                self._release(bucket)
